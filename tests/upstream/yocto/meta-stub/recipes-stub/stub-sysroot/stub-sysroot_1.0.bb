SUMMARY = "Debian's arm64 libraries as the target's sysroot"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"
INHIBIT_DEFAULT_DEPS = "1"
DEPENDS = "stub-native"
PROVIDES += "\
    gcc-runtime glibc jpeg libgcc libjpeg-turbo libpng libsodium libxcrypt linux-libc-headers nlohmann-json \
    zlib virtual/compilerlibs virtual/crypt virtual/gettext virtual/libc virtual/libc-locale \
    virtual/libiconv virtual/libintl virtual/${TARGET_PREFIX}compilerlibs \
"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${libdir} ${D}${includedir} ${D}${datadir}
    cp -R --no-preserve=ownership ${STUB_SYSROOT}/usr/lib/. ${D}${libdir}/
    cp -R --no-preserve=ownership ${STUB_SYSROOT}/usr/include/. ${D}${includedir}/
    cp -R --no-preserve=ownership ${STUB_SYSROOT}/usr/share/. ${D}${datadir}/
    chmod -R u=rwX,go=rX ${D}
}
do_install[file-checksums] += "${STUB_SYSROOT}/packages:True"

PACKAGES = "${PN}-dev ${PN}"
FILES:${PN}-dev = "\
    ${datadir} ${includedir} ${libdir}/*.a ${libdir}/*.o ${libdir}/cmake ${libdir}/lib*[!0-9].so \
    ${libdir}/pkgconfig \
"
FILES:${PN} = "${libdir}"
FILES_SOLIBSDEV = ""
RPROVIDES:${PN} = "\
    base-files base-passwd bash busybox ca-certificates dropbear kmod libc6 libgcc1 libstdc++6 \
    openssh openssh-sshd packagegroup-core-boot packagegroup-core-ssh-dropbear \
    packagegroup-core-ssh-openssh ptest-runner python3-core shadow systemd systemd-extra-utils \
    tzdata udev \
"
DEBIAN_NOAUTONAME:${PN} = "1"
DEBIAN_NOAUTONAME:${PN}-dev = "1"

# Debian's files as they are: nothing is stripped, renamed or found fault with.
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_SYSROOT_STRIP = "1"
ERROR_QA = ""
WARN_QA = ""
EXCLUDE_FROM_WORLD = "1"
