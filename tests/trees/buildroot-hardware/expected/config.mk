# Made by edgeimg from edgeimg.yaml, raspberrypi5.yaml, digits-onnx.yaml.
# All that varies; the Makefile and scripts/ are the same for every product.
PRODUCT := hardware
BOARD := raspberrypi5
ARCHITECTURE := arm64
GNU_TRIPLET := aarch64-linux-gnu
RUNTIME := onnxruntime 1.28.0
RELEASE := 2026.02.3
COMMIT := 679b9ead7620bbf193620d1ebf56f53c1764d37a
GIT := https://gitlab.com/buildroot.org/buildroot.git
DEFCONFIG := raspberrypi5
VENDOR :=
LISTS := BR2_GLOBAL_PATCH_DIR BR2_LINUX_KERNEL_CONFIG_FRAGMENT_FILES BR2_PACKAGE_BUSYBOX_CONFIG_FRAGMENT_FILES BR2_ROOTFS_DEVICE_TABLE BR2_ROOTFS_OVERLAY BR2_ROOTFS_POST_BUILD_SCRIPT BR2_ROOTFS_POST_IMAGE_SCRIPT BR2_ROOTFS_POST_IMAGE_SCRIPT_ARGS BR2_ROOTFS_USERS_TABLES
TOOLCHAIN := bootlin
RELOCATED :=
KERNEL := Image
DISK := sdcard.img
