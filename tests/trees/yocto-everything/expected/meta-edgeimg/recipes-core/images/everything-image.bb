# Made by edgeimg from edgeimg.yaml, raspberrypi5.yaml, digits.yaml, digits-float.yaml.
SUMMARY = 'Hostile: $ {@os.system(’touch ran’)} `x` " ’ \ $(id) <b> |'
DESCRIPTION = "${SUMMARY} (digits, digits-float with litert 2.1.6)"
LICENSE = "MIT"

inherit core-image features_check

REQUIRED_DISTRO_FEATURES = "systemd"

IMAGE_INSTALL = "packagegroup-core-boot packagegroup-edgeimg ${CORE_IMAGE_EXTRA_INSTALL}"
IMAGE_FEATURES += "read-only-rootfs allow-empty-password allow-root-login empty-root-password ssh-server-dropbear"
IMAGE_LINGUAS = ""

# The folder overlay over all else, and what version control does not keep of it.
do_rootfs[file-checksums] += "${THISDIR}/overlay:True ${THISDIR}/overlay.txt:True"
overlay_files() {
    cp -R --no-dereference --preserve=mode,links,timestamps ${THISDIR}/overlay/. ${IMAGE_ROOTFS}/
    while IFS= read -r line; do
        case $line in
        private*) chmod 0600 "${IMAGE_ROOTFS}${line#private }" ;;
        folder*) install -d "${IMAGE_ROOTFS}${line#folder }" ;;
        esac
    done <${THISDIR}/overlay.txt
}
ROOTFS_POSTPROCESS_COMMAND += "overlay_files"
