#!/bin/sh
# list.sh LIST FOLDER: write what the folder holds; leave LIST alone if that is the same.
set -eu
mkdir -p build
[ -d "$2" ] || { echo "edgeimg: the folder '$2' is missing" >&2; exit 1; }
find -L "$2" -printf '%P\t%y\t%m\t%s\t%T@\t%l\n' | LC_ALL=C sort >"$1.$$"
if cmp -s "$1.$$" "$1"; then rm "$1.$$"; else mv "$1.$$" "$1"; fi
