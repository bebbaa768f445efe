#!/bin/sh
# build/esp: what the EFI system partition holds, one program: kernel, initrd and command
# line behind systemd's EFI stub, where every UEFI firmware looks by itself.
step=uki
. scripts/common.sh
need python3 python3

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

finish "$tmp/esp" build/esp
