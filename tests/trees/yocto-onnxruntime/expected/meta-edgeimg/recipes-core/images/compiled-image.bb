# Made by edgeimg from edgeimg.yaml, raspberrypi5.yaml, digits-onnx.yaml.
SUMMARY = "compiled for Raspberry Pi 5, Raspberry Pi 500"
DESCRIPTION = "${SUMMARY} (digits-onnx with onnxruntime 1.18.0)"
LICENSE = "MIT"

inherit core-image features_check

REQUIRED_DISTRO_FEATURES = "systemd"

IMAGE_INSTALL = "packagegroup-core-boot packagegroup-edgeimg ${CORE_IMAGE_EXTRA_INSTALL}"
IMAGE_LINGUAS = ""
