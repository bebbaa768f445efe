SUMMARY = "LiteRT, prebuilt, with XNNPACK on the CPU"
DESCRIPTION = "LiteRT, which was TensorFlow Lite, runs .tflite models. The library is the one \
of the official Python wheel."
HOMEPAGE = "https://ai.google.dev/edge/litert"
SECTION = "libs"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

# PV, SRC_URI and its checksum: the wheel of the lock.
require wheel.inc

inherit edgeimg-wheel

COMPATIBLE_HOST = "(aarch64|x86_64).*-linux"
COMPATIBLE_HOST:libc-musl = "null"

# Its name has no version, so that it is the library and not a link for developers.
SOLIBS = ".so"
FILES_SOLIBSDEV = ""
