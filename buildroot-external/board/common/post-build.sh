#!/bin/sh
# Called by Buildroot before the root file system is packed, after the overlay is in it.
# $1: the target folder, which may be that of an earlier build.
set -eu

# Name servers are written where also a read-only root can be written.
ln -sf ../run/resolv.conf "$1/etc/resolv.conf"
mkdir -p "$1/data"

# Messages are kept in memory, for logread.
if [ ! -e "$1/etc/default/syslogd" ]; then
	mkdir -p "$1/etc/default"
	echo 'SYSLOGD_ARGS=-C64' >"$1/etc/default/syslogd"
fi

# Features start these themselves; by their packages' own scripts they would be first, with
# other settings.
if [ -e "$1/etc/edgeimg/init.d/40-ssh" ]; then
	rm -f "$1/etc/init.d/S50dropbear" "$1/usr/lib/systemd/system/dropbear.service"
fi
if [ -e "$1/etc/edgeimg/init.d/20-network" ]; then
	rm -f "$1/etc/init.d/S49ntp" "$1/usr/lib/systemd/system/ntpd.service"
fi

# Some boards' boot loaders ask the kernel for a root file system that can be written.
if [ -e "$1/etc/inittab" ]; then
	sed -i '\|-o remount,ro /$|d' "$1/etc/inittab"
	if [ -e "$1/etc/edgeimg/read-only-root" ]; then
		sed -i '\|-o remount,rw /$|a ::sysinit:/bin/mount -o remount,ro /' "$1/etc/inittab"
	fi
fi
