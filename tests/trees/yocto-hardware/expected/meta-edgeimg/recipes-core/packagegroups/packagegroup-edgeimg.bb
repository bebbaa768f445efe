# Made by edgeimg from edgeimg.yaml, beagleplay.yaml, digits-onnx.yaml.
SUMMARY = "What hardware is made of"
DESCRIPTION = "The app, the models, and what else hardware wants installed."

# A product may name libraries, whose packages are renamed, and kernel modules.
PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit packagegroup

RDEPENDS:${PN} = "\
    edge-deploy \
    edge-infer \
    edge-model \
    edge-ssh-keys \
"
