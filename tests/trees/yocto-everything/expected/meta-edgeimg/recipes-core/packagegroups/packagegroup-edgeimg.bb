# Made by edgeimg from edgeimg.yaml, raspberrypi5.yaml, digits.yaml, digits-float.yaml.
SUMMARY = "What everything is made of"
DESCRIPTION = "The app, the models, and what else everything wants installed."

# A product may name libraries, whose packages are renamed, and kernel modules.
PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit packagegroup

RDEPENDS:${PN} = "\
    edge-infer \
    edge-model \
    edge-ssh-keys \
    i2c-tools \
    strace \
"
# Of these, what the kernel has as a package.
RRECOMMENDS:${PN} = "kernel-module-uvcvideo"
