SUMMARY = "Signs files and verifies signatures"
DESCRIPTION = "A small program for Ed25519 signatures of files, by the author of libsodium."
HOMEPAGE = "https://jedisct1.github.io/minisign/"
SECTION = "console/utils"
LICENSE = "ISC"
LIC_FILES_CHKSUM = "file://LICENSE;md5=0ae5258ce978a2a6df50571a88687b53"

DEPENDS = "libsodium"

# Upstream's release, byte for byte, where it stays: an archive of GitHub's may be packed anew.
SRC_URI = "${DEBIAN_MIRROR}/main/m/minisign/minisign_${PV}.orig.tar.gz"
SRC_URI[sha256sum] = "796dce1376f9bcb1a19ece729c075c47054364355fe0c0c1ebe5104d508c7db0"

inherit cmake pkgconfig

# Else it strips the program itself, and no symbols are left for the package -dbg.
EXTRA_OECMAKE = "-DCMAKE_STRIP="
