#!/bin/sh
# Buildroot, the pinned release of it; and what would only fail late, said early.
. scripts/common.sh

version_in() { sed -n 's/^export BR2_VERSION := //p' "$1/Makefile" 2>/dev/null; }

if [ "$BUILDROOT" = "$PWD/build/buildroot" ] && [ "$(version_in "$BUILDROOT")" != "$RELEASE" ]; then
	[ -z "$OFFLINE" ] ||
		fail "check: OFFLINE is set and there is no Buildroot $RELEASE. Clone it once without, or give a checkout: make BUILDROOT=..."
	step "fetch Buildroot $RELEASE"
	rm -rf "$BUILDROOT" "$BUILDROOT.new"
	git -c advice.detachedHead=false clone --quiet --depth 1 --branch "$RELEASE" "$GIT" "$BUILDROOT.new" ||
		fail "check: Buildroot $RELEASE cannot be cloned from $GIT. Give a checkout: make BUILDROOT=..."
	found=$(git -C "$BUILDROOT.new" rev-parse HEAD)
	[ "$found" = "$COMMIT" ] || fail "check: $GIT has another commit for $RELEASE, $found instead of $COMMIT"
	mv "$BUILDROOT.new" "$BUILDROOT"
fi

found=$(version_in "$BUILDROOT") || :
[ -n "$found" ] || fail "check: there is no Buildroot in $BUILDROOT"
[ "${found%-git}" = "$RELEASE" ] ||
	fail "check: $BUILDROOT is Buildroot $found, and this project is for $RELEASE. Check out its tag $RELEASE"
if [ -n "$VENDOR" ] && [ ! -e "$VENDOR/configs/${DEFCONFIG}_defconfig" ]; then
	fail "check: $VENDOR has no configs/${DEFCONFIG}_defconfig. VENDOR in config.mk is where the vendor's tree lies"
elif [ -z "$VENDOR" ] && [ -n "$DEFCONFIG" ] && [ ! -e "$BUILDROOT/configs/${DEFCONFIG}_defconfig" ]; then
	fail "check: Buildroot $found has no board $DEFCONFIG: there is no configs/${DEFCONFIG}_defconfig"
fi

case $OUTPUT in
*[:@]*) fail "check: Buildroot takes no ':' and no '@' in the path $OUTPUT. Move it" ;;
esac
# A script is started only if its first line, with the interpreter's path, fits in 255 bytes;
# the longest is per-package/<package>/host/bin/<interpreter>.
length=$(printf %s "$OUTPUT" | wc -c)
[ "$length" -le 180 ] ||
	fail "check: the path $OUTPUT has $length bytes, and with more than 180 the kernel starts no script of Buildroot's. Move it, or make OUTPUT=..."

if [ ! -e "$OUTPUT/host" ]; then
	mkdir -p "$OUTPUT"
	free=$(df -Pk "$OUTPUT" | awk 'NR == 2 { print int($4 / 1048576) }')
	[ "$free" -ge 4 ] || fail "check: only $free GiB are free in $OUTPUT, and a build needs 4. Make room, or make OUTPUT=..."
fi
for program in bmaptool zstd; do
	command -v "$program" >/dev/null || fail "check: the program $program is missing. README.md has the packages"
done
