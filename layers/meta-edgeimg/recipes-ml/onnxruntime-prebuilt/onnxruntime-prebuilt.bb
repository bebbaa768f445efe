SUMMARY = "ONNX Runtime, prebuilt, for the CPU"
DESCRIPTION = "ONNX Runtime runs .onnx models. The library is the one of the official Python \
wheel, the headers are those of its release."
HOMEPAGE = "https://onnxruntime.ai"
SECTION = "libs"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

# PV, SRC_URI and its checksum: the wheel of the lock.
require wheel.inc

inherit edgeimg-wheel

COMPATIBLE_HOST = "(aarch64|x86_64).*-linux"
COMPATIBLE_HOST:libc-musl = "null"
EDGEIMG_LINKS = "libonnxruntime.so.1 libonnxruntime.so"

# The wheel has no header. An older one does: functions are only ever added, and edge-infer
# asks for the newest ones that both the header and the library know.
SRC_URI += "https://raw.githubusercontent.com/microsoft/onnxruntime/v1.21.0/include/onnxruntime/core/session/onnxruntime_c_api.h;name=header;unpack=0"
SRC_URI[header.sha256sum] = "7783e9664bdb0b1b36145b5c8587dd1bc9a399aa000edf2e3dd03003cafc6882"

do_install:append() {
    install -D -m 0644 ${EDGEIMG_FILES}/onnxruntime_c_api.h \
        ${D}${includedir}/onnxruntime/onnxruntime_c_api.h
}
