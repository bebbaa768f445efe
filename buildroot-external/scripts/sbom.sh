#!/bin/sh
# A CycloneDX SBOM, by Buildroot's own tool.
. scripts/common.sh
step sbom
mkdir -p build/images
br show-info >build/show-info.json
(cd "$BUILDROOT" && utils/generate-cyclonedx -i "$OLDPWD/build/show-info.json" -o "$OLDPWD/build/images/sbom.cdx.json")
