SUMMARY = "The public keys that may log in as root"
DESCRIPTION = "Installs authorized_keys for root. It holds what the product names, and nobody \
else's key."
SECTION = "console/network"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "file://root;subdir=${BP}"

inherit allarch

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d -m 0700 ${D}${ROOT_HOME}/.ssh
    install -m 0600 ${S}/root/etc/edgeimg/authorized_keys ${D}${ROOT_HOME}/.ssh/authorized_keys
}

FILES:${PN} += "${ROOT_HOME}/.ssh"
