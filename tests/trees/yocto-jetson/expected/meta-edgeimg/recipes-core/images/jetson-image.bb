# Made by edgeimg from edgeimg.yaml, jetson-orin.yaml, digits-onnx.yaml.
SUMMARY = "jetson for NVIDIA Jetson Orin Nano developer kit"
DESCRIPTION = "${SUMMARY} (digits-onnx with tensorrt 10.16.2)"
LICENSE = "MIT"

inherit core-image features_check

REQUIRED_DISTRO_FEATURES = "systemd"

IMAGE_INSTALL = "packagegroup-core-boot packagegroup-edgeimg ${CORE_IMAGE_EXTRA_INSTALL}"
IMAGE_LINGUAS = ""
