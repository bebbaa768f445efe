# Made by edgeimg from edgeimg.yaml, rock-5b.yaml, digits.yaml.
SUMMARY = "What rocket is made of"
DESCRIPTION = "The app, the models, and what else rocket wants installed."

# A product may name libraries, whose packages are renamed, and kernel modules.
PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit packagegroup

RDEPENDS:${PN} = "\
    edge-infer \
    edge-model \
    kernel-module-rocket \
    libteflon \
"
