# Made by edgeimg from edgeimg.yaml, beagleplay.yaml, digits-onnx.yaml.
SUMMARY = "What hardware is made of"

inherit packagegroup

RDEPENDS:${PN} = " \
    edge-infer \
    edge-model \
"
