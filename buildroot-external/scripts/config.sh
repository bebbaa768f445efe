#!/bin/sh
# Upstream's or a vendor's defconfig, if the board has one, and ours over it; then every symbol of ours
# must be in Buildroot's .config, which drops what it cannot have without a word.
. scripts/common.sh
mkdir -p build "$OUTPUT"

cp "external/configs/${PRODUCT}_defconfig" build/asked
if [ -n "$RELOCATED" ]; then
	scripts/debian-toolchain.sh "$GNU_TRIPLET" "$PWD/build/toolchain" >&2
	cat build/toolchain/edgeimg.config >>build/asked
fi
{
	echo "# For Buildroot $RELEASE"
	{
		[ -z "$DEFCONFIG" ] || cat "${VENDOR:-$BUILDROOT}/configs/${DEFCONFIG}_defconfig"
		cat build/asked
	} | awk -v lists="$LISTS" -f scripts/merge.awk
} >build/defconfig.new

if [ -e "$OUTPUT/.config" ] && cmp -s build/defconfig.new build/defconfig; then
	rm build/defconfig.new
	exit
fi
step config
rm -f build/defconfig # until every symbol is there
br BR2_DEFCONFIG="$PWD/build/defconfig.new" defconfig
awk -f scripts/lost.awk build/asked "$OUTPUT/.config" "$BUILDROOT/Config.in.legacy" >build/lost
if [ -s build/lost ]; then
	sed 's/^/edgeimg: dropped /' build/lost >&2
	fail 'config: Buildroot does not have these symbols so. What one depends on: make menuconfig, then / and its name'
fi
rm build/lost
mv build/defconfig.new build/defconfig
