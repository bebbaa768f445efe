# The driver of the NPU, on the chips that have it.
FILESEXTRAPATHS:prepend := "${THISDIR}/linux-yocto:"

SRC_URI:append:rk3588 = " file://rocket.cfg"
