# Made by edgeimg from edgeimg.yaml, jetson-orin.yaml, digits-onnx.yaml.
SUMMARY = "What jetson is made of"
DESCRIPTION = "The app, the models, and what else jetson wants installed."

# A product may name libraries, whose packages are renamed, and kernel modules.
PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit packagegroup

RDEPENDS:${PN} = "\
    edge-infer \
    edge-model \
    tegra-configs-udev \
    tegra-libraries-cuda \
"
