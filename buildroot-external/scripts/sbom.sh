#!/bin/sh
# A CycloneDX SBOM, by Buildroot's own tool.
. scripts/common.sh
step sbom
mkdir -p build/images
list_packages
sbom=$PWD/build/images/sbom.cdx.json

# $1: the folder that holds, or gets, the list of licences that have an identifier. The tool runs a make
# that would write into the checkout, which may not be ours to write to.
cyclonedx() {
	(cd "$BUILDROOT" && BR2_DL_DIR=$1 MAKEFLAGS="O=$OLDPWD/build/scratch" utils/generate-cyclonedx \
		-i "$OLDPWD/build/show-info.json" -o "$sbom.new") 2>build/sbom.log
}

downloads=${DOWNLOADS:-$BUILDROOT/dl}
if [ -n "$OFFLINE" ] && ! ls "$downloads"/cyclonedx/spdx-*.json >/dev/null 2>&1; then
	echo 'OFFLINE is set' >build/sbom.log
elif cyclonedx "$downloads"; then
	mv "$sbom.new" "$sbom"
	exit
fi
# Without that list the SBOM names licences in words.
mkdir -p build/no-list/cyclonedx
version=$(sed -n 's/^CYCLONEDX_VERSION = "\(.*\)"/\1/p' "$BUILDROOT/utils/generate-cyclonedx")
echo '{}' >"build/no-list/cyclonedx/spdx-$version.schema.json"
echo "edgeimg: note sbom: licences have no identifiers: $(tail -n 1 build/sbom.log)"
cyclonedx "$PWD/build/no-list" || fail "sbom: $(tail -n 1 build/sbom.log)"
mv "$sbom.new" "$sbom"
