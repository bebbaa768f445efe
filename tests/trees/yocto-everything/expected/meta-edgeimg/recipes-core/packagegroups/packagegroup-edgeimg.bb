# Made by edgeimg from edgeimg.yaml, raspberrypi5.yaml, digits.yaml, digits-float.yaml.
SUMMARY = "What everything is made of"

inherit packagegroup

RDEPENDS:${PN} = " \
    edge-infer \
    edge-model \
    edge-ssh-keys \
    strace \
    i2c-tools \
"
