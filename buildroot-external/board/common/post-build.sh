#!/bin/sh
# Called by Buildroot before the root file system is packed. $1: the target folder.
set -eu

# Name servers are written where also a read-only root can be written.
ln -sf ../run/resolv.conf "$1/etc/resolv.conf"
mkdir -p "$1/data"
