# Made by edgeimg from edgeimg.yaml, beagleplay.yaml, digits-onnx.yaml.
SUMMARY = "hardware for BeaglePlay, with mainline Linux and U-Boot"
DESCRIPTION = "${SUMMARY} (digits-onnx with onnxruntime 1.28.0)"
LICENSE = "MIT"

inherit core-image features_check

REQUIRED_DISTRO_FEATURES = "systemd"

IMAGE_INSTALL = "packagegroup-core-boot packagegroup-edgeimg ${CORE_IMAGE_EXTRA_INSTALL}"
IMAGE_FEATURES += "allow-root-login ssh-server-dropbear"
IMAGE_LINGUAS = ""
