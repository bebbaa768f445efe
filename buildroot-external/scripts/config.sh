#!/bin/sh
# Upstream's defconfig, if the board has one, and ours over it; then every symbol of ours
# must be in Buildroot's .config, which drops what it does not know without a word.
. scripts/common.sh
ours=external/configs/${PRODUCT}_defconfig
mkdir -p build "$OUTPUT"

release=$(sed -n 's/^export BR2_VERSION := //p' "$BUILDROOT/Makefile")
[ "${release%-git}" = "$RELEASE" ] ||
	fail "config: $BUILDROOT is Buildroot $release, and this project is for $RELEASE"

{
	if [ -n "$DEFCONFIG" ]; then
		[ -e "$BUILDROOT/configs/${DEFCONFIG}_defconfig" ] ||
			fail "config: Buildroot $release has no ${DEFCONFIG}_defconfig"
		cat "$BUILDROOT/configs/${DEFCONFIG}_defconfig"
	fi
	cat "$ours"
	if [ -n "$RELOCATED" ]; then
		scripts/debian-toolchain.sh "$GNU_TRIPLET" "$PWD/build/toolchain" >&2
		cat build/toolchain/edgeimg.config
	fi
} | awk -f scripts/merge.awk >build/defconfig.new

if ! cmp -s build/defconfig.new build/defconfig || [ ! -e "$OUTPUT/.config" ]; then
	step config
	br BR2_DEFCONFIG="$PWD/build/defconfig.new" defconfig
	awk -f scripts/lost.awk "$ours" "$OUTPUT/.config" >build/lost
	if [ -s build/lost ]; then
		rm -f "$OUTPUT/.config"
		while read -r symbol; do
			echo "edgeimg: config: Buildroot dropped $symbol" >&2
		done <build/lost
		exit 1
	fi
	mv build/defconfig.new build/defconfig
fi
rm -f build/defconfig.new build/lost
