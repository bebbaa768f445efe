SUMMARY = "The Edge TPU on PCIe is the group plugdev's, as that on USB is"
DESCRIPTION = "A udev rule: the driver's device, /dev/apex_0, is else root's alone."
SECTION = "base"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "file://65-apex.rules;subdir=${BP}"

inherit allarch

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -D -m 0644 ${S}/65-apex.rules ${D}${nonarch_base_libdir}/udev/rules.d/65-apex.rules
}
