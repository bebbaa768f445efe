#!/bin/sh
# build/initrd.img: busybox, the modules that reach the root, and initramfs/init.
step=initramfs
. scripts/common.sh
need cpio cpio

root=$tmp/root
mkdir -p "$root/bin" "$root/etc" "$root/dev" "$root/proc" "$root/sys" \
	"$root/mnt/low" "$root/mnt/data" "$root/mnt/new"
printf '%s\n' 'proc /proc proc defaults 0 0' 'sysfs /sys sysfs defaults 0 0' \
	'devtmpfs /dev devtmpfs defaults 0 0' >"$root/etc/fstab"
packages initramfs >"$tmp/list"
while IFS='	' read -r _ deb; do
	mkdir "$tmp/package"
	unpack "$deb" "$tmp/package"
	for file in "$tmp/package/usr/bin/busybox" "$tmp/package/bin/busybox"; do
		[ ! -e "$file" ] || cp "$file" "$root/bin/busybox"
	done
	rm -rf "$tmp/package"
done <"$tmp/list"
[ -e "$root/bin/busybox" ] || die "no package of role initramfs holds busybox"
ln -s busybox "$root/bin/sh"
install -m 755 initramfs/init "$root/init"
scripts/modules.sh initramfs/modules "$root/modules"

find "$root" -type f ! -name '*.ko' ! -name load -exec chmod 755 {} +
find "$root" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
# Not compressed: the firmware loads a megabyte sooner than the kernel unpacks it.
(cd "$root" && find . -mindepth 1 -print0 | sort -z |
	cpio --null --create --format newc --reproducible --owner 0:0 --quiet) >"$tmp/initrd.img"
finish "$tmp/initrd.img" build/initrd.img
