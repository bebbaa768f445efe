SUMMARY = "Runs the models of /etc/edge-infer, one service for each"
DESCRIPTION = "edge-infer reads frames or tensors, runs a model on them as its file in \
/etc/edge-infer says, and writes JSON lines. A service for each model starts on boot, and \
again when it fails."
SECTION = "console/utils"
DEPENDS = "jpeg libpng nlohmann-json"

# LICENSE, LIC_FILES_CHKSUM, the source, and the runtime that this product has.
require edge-infer-product.inc

SRC_URI:append = " file://support;subdir=${BP}"

inherit cmake features_check

REQUIRED_DISTRO_FEATURES = "systemd"

# One of them: the adapter that is compiled in, and the library that it needs.
PACKAGECONFIG[litert] = "-DEDGE_INFER_RUNTIME=litert,,litert-prebuilt,,,onnxruntime onnxruntime-layer tensorrt tflite"
PACKAGECONFIG[onnxruntime] = "-DEDGE_INFER_RUNTIME=onnxruntime,,onnxruntime-prebuilt,,,litert onnxruntime-layer tensorrt tflite"
PACKAGECONFIG[onnxruntime-layer] = "-DEDGE_INFER_RUNTIME=onnxruntime,,onnxruntime,,,litert onnxruntime tensorrt tflite"
# CUDA lies outside of libdir, where packaging looks for what a program is linked with, and opens
# its driver's library when it runs.
PACKAGECONFIG[tensorrt] = "\
    -DEDGE_INFER_RUNTIME=tensorrt -DEDGE_INFER_CUDA=${STAGING_DIR_HOST}${prefix}/local/cuda-${CUDA_VERSION},,\
    tensorrt-core tensorrt-plugins-prebuilt cuda-cudart,\
    cuda-cudart tegra-libraries-cuda,,litert onnxruntime onnxruntime-layer tflite"
# Its headers include those of flatbuffers, and want the release that its layer compiles it with.
PACKAGECONFIG[tflite] = "\
    -DEDGE_INFER_RUNTIME=tflite,,libtensorflow-lite flatbuffers,,,litert onnxruntime onnxruntime-layer tensorrt"

do_install:append() {
    install -d ${D}${nonarch_libdir}/edgeimg
    install -m 0755 ${S}/support/features ${S}/support/verify ${D}${nonarch_libdir}/edgeimg/
    install -m 0644 ${S}/support/lines.awk ${D}${nonarch_libdir}/edgeimg/
    install -m 0755 ${S}/support/service.systemd ${D}${nonarch_libdir}/edgeimg/service

    install -d ${D}${systemd_system_unitdir}/multi-user.target.d
    install -m 0644 ${S}/support/edge-infer@.service ${S}/support/edgeimg-features.service \
        ${D}${systemd_system_unitdir}/
    install -m 0644 ${S}/support/multi-user.conf \
        ${D}${systemd_system_unitdir}/multi-user.target.d/edgeimg.conf

    # What an accelerator needs of the service.
    if [ -e ${S}/support/accelerator.conf ]; then
        install -D -m 0644 ${S}/support/accelerator.conf \
            ${D}${systemd_system_unitdir}/edge-infer@.service.d/accelerator.conf
    fi

    # An instance of edge-infer@.service for each file in /etc/edge-infer.
    install -D -m 0755 ${S}/support/generator \
        ${D}${nonarch_libdir}/systemd/system-generators/edgeimg

    install -D -m 0644 ${S}/support/etc/edgeimg/verify.conf ${D}${sysconfdir}/edgeimg/verify.conf
}

FILES:${PN} += "\
    ${nonarch_libdir}/edgeimg \
    ${nonarch_libdir}/systemd/system-generators \
    ${systemd_system_unitdir} \
"
