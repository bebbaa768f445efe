SUMMARY = "Takes new models and apps while the device runs, signed"
DESCRIPTION = "`edgeimg deploy` sends a bundle over SSH. What this installs checks its signature \
by the product's keys, tries it, and keeps it in /data/deploy when the services stay up."
SECTION = "console/utils"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = "file://root;subdir=${BP}"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${nonarch_libdir}/edgeimg ${D}${sysconfdir}/edgeimg
    install -m 0755 ${S}/root/usr/lib/edgeimg/deploy ${D}${nonarch_libdir}/edgeimg/
    install -m 0644 ${S}/root/usr/lib/edgeimg/deployed ${D}${nonarch_libdir}/edgeimg/
    install -m 0644 ${S}/root/etc/edgeimg/deploy.conf ${S}/root/etc/edgeimg/keys \
        ${D}${sysconfdir}/edgeimg/
}

FILES:${PN} += "${nonarch_libdir}/edgeimg"

# systemd-run is there.
RDEPENDS:${PN} = "edge-infer minisign systemd-extra-utils"
