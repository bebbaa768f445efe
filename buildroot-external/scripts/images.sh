#!/bin/sh
# The files to hand out, in build/images/: disk, compressed disk, block map, kernel, sums.
. scripts/common.sh
step images
images=build/images
disk=$images/$PRODUCT.img
made=$OUTPUT/images/${DISK:-$PRODUCT.img}
[ -e "$made" ] || fail "images: Buildroot made no ${DISK:-$PRODUCT.img}"
mkdir -p $images

if ! cmp -s "$made" "$disk" || [ ! -e "$disk.zst" ]; then
	rm -f "$disk" "$disk.bmap" "$disk.zst"
	cp --sparse=always "$made" "$disk.new"
	# A block map needs what only the file system knows: which blocks are holes.
	bmaptool --quiet create -o "$disk.bmap" "$disk.new"
	zstd --quiet --force -T0 -9 "$disk.new" -o "$disk.zst.new"
	mv "$disk.new" "$disk"
	mv "$disk.zst.new" "$disk.zst"
fi
rm -f $images/kernel $images/root.*
cp "$OUTPUT/images/$KERNEL" $images/kernel
root=$(find "$OUTPUT/images" -maxdepth 1 -type f -name 'rootfs.*' ! -name '*.tar' | LC_ALL=C sort | head -n 1)
[ -n "$root" ] || fail 'images: Buildroot made no root file system'
cp "$root" "$images/root.${root##*.}"
python3 scripts/describe.py
