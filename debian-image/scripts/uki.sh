#!/bin/sh
# build/esp.vfat: the EFI system partition with one program on it: kernel, initrd and
# command line behind systemd's EFI stub, where every UEFI firmware looks by itself.
step=uki
. scripts/common.sh
need python3 python3
need mkfs.vfat dosfstools
need mcopy mtools

packages boot >"$tmp/list"
mkdir "$tmp/boot"
while IFS='	' read -r _ deb; do
	unpack "$deb" "$tmp/boot" "./usr/lib/systemd/boot/efi"
done <"$tmp/list"

# The kernel finds an NT header of its own; the stub's job is only to put initrd and words beside it.
printf 'ID=edgeimg\nNAME=edgeimg\nVERSION_ID=%s\nPRETTY_NAME="%s on %s"\n' \
	"$(cat build/linux/version)" "$PRODUCT" "$BOARD" >"$tmp/os-release"
printf '%s' "$KERNEL_ARGS" >"$tmp/cmdline"
mkdir -p "$tmp/esp/EFI/BOOT"
python3 -B scripts/uki.py "$tmp/boot/usr/lib/systemd/boot/efi/$EFI_STUB" "$tmp/esp/EFI/BOOT/$EFI_LOADER" \
	.osrel="$tmp/os-release" .cmdline="$tmp/cmdline" .uname=build/linux/version \
	.initrd=build/initrd.img .linux=build/linux/vmlinuz

# Room for the next kernel beside this one. FAT16 in clusters of 8 KiB, from 40 MiB on:
# firmware walks the chain of clusters, and FAT32 of this size would have 512-byte ones.
size=$(stat -c %s "$tmp/esp/EFI/BOOT/$EFI_LOADER")
mib=$((size * 2 / 1048576 + 8))
[ "$mib" -ge 40 ] || mib=40
truncate -s "${mib}M" "$tmp/esp.vfat"
find "$tmp/esp" -exec touch --date "@$SOURCE_DATE_EPOCH" {} +
mkfs.vfat -F 16 -s 16 -n ESP --invariant -i "$(seeded esp | cut -c 1-8)" "$tmp/esp.vfat" >/dev/null
mcopy -s -m -i "$tmp/esp.vfat" "$tmp/esp/EFI" ::
rm -rf build/esp
mv "$tmp/esp" build/esp
finish "$tmp/esp.vfat" build/esp.vfat
