SUMMARY = "What the models must answer to their samples, for edge-infer --selftest"
DESCRIPTION = "The outputs that the host's interpreter computed, and how far each may be off. Its \
ptest runs edge-infer on the device and compares. Not for an image under edgeimg verify, whose \
host does that."
SECTION = "console/utils"

LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "\
    file://root;subdir=${BP} \
    file://run-ptest \
"

inherit allarch ptest

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${datadir}
    cp -R --no-preserve=ownership ${S}/root/usr/share/edge-infer-golden ${D}${datadir}/
    chmod -R u=rwX,go=rX ${D}${datadir}/edge-infer-golden
}

FILES:${PN} += "${datadir}/edge-infer-golden"
RDEPENDS:${PN} += "edge-infer edge-model"
