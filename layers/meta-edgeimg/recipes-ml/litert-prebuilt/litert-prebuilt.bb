SUMMARY = "LiteRT, prebuilt, with XNNPACK on the CPU"
DESCRIPTION = "LiteRT, which was TensorFlow Lite, runs .tflite models. The library is the one \
of the official Python wheel."
HOMEPAGE = "https://ai.google.dev/edge/litert"
SECTION = "libs"
LICENSE = "Apache-2.0"
# The wheel has no licence file, but says which licence it comes under.
LIC_FILES_CHKSUM = "file://ai_edge_litert-${PV}.dist-info/METADATA;beginline=8;endline=8;md5=9a6ea5b6c346a830f54cc95f6a2a9245"

# PV, SRC_URI and its checksum: the wheel of the lock.
require wheel.inc

inherit edgeimg_wheel

COMPATIBLE_HOST = "(aarch64|x86_64).*-linux"
COMPATIBLE_HOST:libc-musl = "null"

# Its name has no version, so that it is the library and not a link for developers.
SOLIBS = ".so"
FILES_SOLIBSDEV = ""
