SUMMARY = "ONNX Runtime, prebuilt, for the CPU"
DESCRIPTION = "ONNX Runtime runs .onnx models. The library is that of the official Python wheel."
HOMEPAGE = "https://onnxruntime.ai"
SECTION = "libs"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://onnxruntime/LICENSE;md5=0f7e3b1308cb5c00b372a6e78835732d"

# PV, SRC_URI and its checksum: the wheel of the lock.
require wheel.inc

inherit edgeimg_wheel

COMPATIBLE_HOST = "(aarch64|x86_64).*-linux"
COMPATIBLE_HOST:libc-musl = "null"
EDGEIMG_LINKS = "libonnxruntime.so.1 libonnxruntime.so"

# The wheel has no header. An older one does: functions are only ever added, and edge-infer
# asks for the newest ones that both the header and the library know.
HEADER_PV = "1.21.0"
HEADER = "onnxruntime_c_api-${HEADER_PV}.h"
SRC_URI += "https://raw.githubusercontent.com/microsoft/onnxruntime/v${HEADER_PV}/include/onnxruntime/core/session/onnxruntime_c_api.h;name=header;unpack=0;downloadfilename=${HEADER}"
SRC_URI[header.sha256sum] = "7783e9664bdb0b1b36145b5c8587dd1bc9a399aa000edf2e3dd03003cafc6882"

do_install:append() {
    install -D -m 0644 ${EDGEIMG_FILES}/${HEADER} \
        ${D}${includedir}/onnxruntime/onnxruntime_c_api.h
}
