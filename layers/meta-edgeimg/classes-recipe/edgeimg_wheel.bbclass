# A shared library out of a Python wheel, which is a zip file.
#
# EDGEIMG_WHEEL    the wheel's file name
# EDGEIMG_MEMBER   the library's path in it
# EDGEIMG_LINKS    names that are links to the library

EDGEIMG_LINKS ?= ""
# Where a file lies that is not unpacked; scarthgap has no UNPACKDIR.
EDGEIMG_FILES = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}"

python do_unpack:append() {
    import os
    import zipfile

    source = os.path.join(d.getVar("EDGEIMG_FILES"), d.getVar("EDGEIMG_WHEEL"))
    with zipfile.ZipFile(source) as wheel:
        wheel.extractall(d.getVar("S"))
}

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -D -m 0755 ${S}/${EDGEIMG_MEMBER} ${D}${libdir}/$(basename ${EDGEIMG_MEMBER})
    for link in ${EDGEIMG_LINKS}; do
        ln -s $(basename ${EDGEIMG_MEMBER}) ${D}${libdir}/$link
    done
}

# It comes stripped. With all three, nothing looks for symbols in it, and no check is skipped.
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_SYSROOT_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
