#!/bin/sh
# The files to hand out, in build/images/: disk, compressed disk, block map, kernel, sums.
. scripts/common.sh
made=$OUTPUT/images
images=build/images
disk=$PRODUCT.img
[ -e "$made/${DISK:-$disk}" ] || fail "images: Buildroot made no ${DISK:-$disk}"
mkdir -p $images

if ! [ "$images/$disk.zst" -nt "$made/${DISK:-$disk}" ]; then
	step images
	cp --sparse=always "$made/${DISK:-$disk}" "$images/$disk"
	# A block map needs what only the file system knows: which blocks are holes.
	bmaptool --quiet create -o "$images/$disk.bmap" "$images/$disk"
	zstd --quiet --force -T0 -9 "$images/$disk" -o "$images/$disk.zst"
fi
cp "$made/$KERNEL" "$images/kernel"
root=$(find "$made" -maxdepth 1 -name 'rootfs.*' ! -name '*.tar' | sort | head -n 1)
cp "$root" "$images/root.${root##*.}"
python3 scripts/describe.py
(
	cd $images
	rm -f SHA256SUMS
	find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS.new
	mv SHA256SUMS.new SHA256SUMS
)
