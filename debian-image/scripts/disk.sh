#!/bin/sh
# build/images: the disk image and what describes it.
step=disk
. scripts/common.sh
need genimage genimage
need bmaptool bmap-tools
need zstd zstd
need python3 python3

images=$tmp/images
mkdir "$images" "$tmp/input" "$tmp/root"
# Both slots have room for a root that has grown by a half.
size=$(stat -c %s build/root.squashfs)
slot=$(((size * 3 / 2 / 4194304 + 1) * 4))
cp --sparse=always build/root.squashfs "$tmp/input/rootfs-a.img"
truncate -s "${slot}M" "$tmp/input/rootfs-a.img" "$tmp/input/rootfs-b.img"
ln build/esp.vfat build/data.ext4 "$tmp/input/"

genimage --config genimage.cfg --inputpath "$tmp/input" --outputpath "$images" \
	--rootpath "$tmp/root" --tmppath "$tmp/genimage" >"$tmp/log" 2>&1 ||
	{ cat "$tmp/log" >&2; die "genimage failed"; }
disk=$images/$PRODUCT.img
bmaptool create --output "$disk.bmap" "$disk" 2>"$tmp/log" || { cat "$tmp/log" >&2; die "bmaptool failed"; }
zstd -q -6 -T1 --no-progress "$disk" -o "$disk.zst"
cp build/linux/vmlinuz "$images/kernel"
cp build/initrd.img "$images/initrd.img"
python3 -B scripts/describe.py "$images"
(cd "$images" && sha256sum -- * >../SHA256SUMS)

mkdir -p build/images
rm -f build/images/SHA256SUMS
mv -f "$images"/* build/images/
# The Makefile looks whether they are still so, as they cannot all be targets.
(cd build/images && stat --format '%s %Y %n' -- *) >"$tmp/images.list"
mv "$tmp/images.list" build/images.list
finish "$tmp/SHA256SUMS" build/images/SHA256SUMS
