# Made by edgeimg from edgeimg.yaml, rock-5b.yaml, digits.yaml.
SUMMARY = "rocket for Radxa ROCK 5B"
DESCRIPTION = "${SUMMARY} (digits with tflite 2.21.0)"
LICENSE = "MIT"

inherit core-image features_check

REQUIRED_DISTRO_FEATURES = "systemd"

IMAGE_INSTALL = "packagegroup-core-boot packagegroup-edgeimg ${CORE_IMAGE_EXTRA_INSTALL}"
IMAGE_LINGUAS = ""
