# Made by edgeimg from edgeimg.yaml, raspberrypi5.yaml, digits-onnx.yaml.
SUMMARY = "What compiled is made of"
DESCRIPTION = "The app, the models, and what else compiled wants installed."

# A product may name libraries, whose packages are renamed, and kernel modules.
PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit packagegroup

RDEPENDS:${PN} = "\
    edge-infer \
    edge-model \
"
