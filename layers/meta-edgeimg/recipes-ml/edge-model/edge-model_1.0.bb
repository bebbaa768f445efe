SUMMARY = "Models, their labels and samples, and what edge-infer is told of each"
DESCRIPTION = "For each model its file, labels and samples in /usr/share/edge-infer, and a file \
in /etc/edge-infer that says what goes in and what comes out. /etc/edgeimg/image says which image \
this is."
SECTION = "console/utils"

# The file LICENSES says under which licence each model comes.
LICENSE = "models"
NO_GENERIC_LICENSE[models] = "LICENSES"
# LIC_FILES_CHKSUM
require edge-model-product.inc

SRC_URI = "\
    file://LICENSES;subdir=${BP} \
    file://root;subdir=${BP} \
"

inherit allarch

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${sysconfdir} ${D}${datadir}
    cp -R --no-preserve=ownership ${S}/root/etc/. ${D}${sysconfdir}/
    cp -R --no-preserve=ownership ${S}/root/usr/share/edge-infer ${D}${datadir}/
    chmod -R u=rwX,go=rX ${D}${sysconfdir} ${D}${datadir}/edge-infer
}

FILES:${PN} += "${datadir}/edge-infer"
