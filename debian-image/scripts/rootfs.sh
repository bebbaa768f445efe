#!/bin/sh
# build/root.squashfs: the packages, the app, late kernel modules, and root/ over all of it.
step=rootfs
. scripts/common.sh
need mksquashfs squashfs-tools

root=$tmp/root
cp -a build/base "$root"
mkdir -p "$root/etc" "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/tmp" "$root/var" "$root/data" "$root/root"
cp -R build/linux/doc "$root/usr/share/"
install -m 755 build/edge-infer "$root/usr/bin/edge-infer"

# Busybox is asked for by other names; those that a package brings itself stay.
while read -r applet; do
	[ -e "$root/usr/bin/$applet" ] || [ -e "$root/usr/sbin/$applet" ] ||
		ln -sf busybox "$root/usr/bin/$applet"
done <scripts/applets
[ -e "$root/usr/sbin/init" ] || ln -s ../bin/busybox "$root/usr/sbin/init"
ln -s ../run/resolv.conf "$root/etc/resolv.conf" # its content is of this start only

if [ -e initramfs/modules-late ]; then
	scripts/modules.sh initramfs/modules-late "$root/usr/lib/modules/edgeimg"
fi

# Links in the overlay stay links; who may write a file here says nothing about the device.
overlay() { # FOLDER
	cp -R --no-dereference --preserve=links --remove-destination "$1/." "$root/" 2>"$tmp/log" ||
		die "root/ does not fit over the packages: $(sed "s,$root/\./,/,g; s,$tmp/folders/\./,root/,g; s,root/\./,root/,g; s,^cp: ,,; q" "$tmp/log")"
}
overlay root
# Lists of what version control does not keep: empty folders, and files that only root reads.
if [ -e root.folders ]; then
	while IFS= read -r name; do mkdir -p "$tmp/folders/$name"; done <root.folders
	overlay "$tmp/folders"
fi
find "$root" -type d -exec chmod 755 {} +
find "$root" -type f -exec chmod u+rw,go+r,go-w,u-s,g-s {} +
find "$root" -type f -perm -u+x -exec chmod 755 {} +
chmod 1777 "$root/tmp"
chmod 700 "$root/root"
{
	printf 'etc/shadow\netc/edgeimg/authorized_keys\n'
	[ ! -e root.private ] || cat root.private
} | while IFS= read -r secret; do
	# chmod follows links, and would then reach this machine's own file.
	[ ! -f "$root/$secret" ] || [ -L "$root/$secret" ] || chmod go= "$root/$secret"
done

# Small blocks: what the first inference needs of a library is unpacked, and little more. That
# saves a tenth of the instructions up to it; lz4 would save another tenth, and cost a third
# in size.
# SOURCE_DATE_EPOCH and -all-time exclude each other; only the latter mends all times.
env -u SOURCE_DATE_EPOCH mksquashfs "$root" "$tmp/root.squashfs" -comp zstd -b 64K -all-root -no-xattrs \
	-mkfs-time "$SOURCE_DATE_EPOCH" -all-time "$SOURCE_DATE_EPOCH" -noappend -no-progress -quiet
finish "$tmp/root.squashfs" build/root.squashfs
