IMAGE_FEATURES ?= ""
CORE_IMAGE_EXTRA_INSTALL ?= ""
ROOTFS_POSTPROCESS_COMMAND ?= ""

deltask unpack
deltask configure
deltask compile
deltask install
addtask rootfs before do_build
# The commands are functions; what they do counts for the task's signature.
do_rootfs[vardeps] += "${ROOTFS_POSTPROCESS_COMMAND}"

do_rootfs() {
    :
}
