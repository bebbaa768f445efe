#!/bin/sh
# build/images: the disk image and what describes it.
step=disk
. scripts/common.sh
need genimage genimage
need mkfs.vfat dosfstools
need mcopy mtools
need mke2fs e2fsprogs
need bmaptool bmap-tools
need zstd zstd
need python3 python3

images=$tmp/images
mkdir "$images" "$tmp/input" "$tmp/root"

# The map of what has to be written, .bmap, is that of the blocks that these files have on the
# disk here. So all are made anew: where a copy of one leaves out blocks of zeros, as `cp` and
# `tar` do, a card would keep what it had there.

# Room for the next kernel beside this one. FAT16 in clusters of 8 KiB, from 40 MiB on:
# firmware walks the chain of clusters, and FAT32 of this size would have 512-byte ones.
mib=$(($(stat -c %s "build/esp/EFI/BOOT/$EFI_LOADER") * 2 / 1048576 + 8))
[ "$mib" -ge 40 ] || mib=40
truncate -s "${mib}M" "$tmp/input/esp.vfat"
mkfs.vfat -F 16 -s 16 -n ESP --invariant -i "$(seeded esp | cut -c 1-8)" "$tmp/input/esp.vfat" >/dev/null
find build/esp -exec touch --date "@$SOURCE_DATE_EPOCH" {} +
mcopy -s -m -i "$tmp/input/esp.vfat" build/esp/EFI ::

# Both slots have room for a root that has grown by a half.
slot=$((($(stat -c %s build/root.squashfs) * 3 / 2 / 4194304 + 1) * 4))
cp --sparse=never build/root.squashfs "$tmp/input/rootfs-a.img"
truncate -s "${slot}M" "$tmp/input/rootfs-a.img" "$tmp/input/rootfs-b.img"

# Empty; what the device keeps. Debian's mke2fs takes the clock from the environment when told
# so by this name.
E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH \
	mke2fs -q -t ext4 -b 4096 -L data -U "$(uuid data)" -E "hash_seed=$(uuid hash),root_owner=0:0,lazy_itable_init=1" \
	-O ^orphan_file -m 0 "$tmp/input/data.ext4" "${DATA_MIB}M" >"$tmp/log"

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
