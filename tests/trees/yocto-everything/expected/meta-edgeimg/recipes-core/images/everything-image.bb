# Made by edgeimg from edgeimg.yaml, raspberrypi5.yaml, digits.yaml, digits-float.yaml.
SUMMARY = 'Hostile: $ {@os.system(’touch ran’)} `x` " ’ \ $(id) <b> |'
DESCRIPTION = "${SUMMARY} (digits, digits-float with litert 2.1.6)"
LICENSE = "MIT"

inherit core-image features_check

REQUIRED_DISTRO_FEATURES = "systemd"

IMAGE_INSTALL = "packagegroup-core-boot packagegroup-edgeimg ${CORE_IMAGE_EXTRA_INSTALL}"
IMAGE_FEATURES += "read-only-rootfs empty-root-password serial-autologin-root allow-root-login ssh-server-dropbear"
IMAGE_LINGUAS = ""

# The folder overlay over all else, and what version control does not keep of it.
do_rootfs[file-checksums] += "${THISDIR}/overlay:True"
do_rootfs[file-checksums] += "${THISDIR}/overlay.txt:True"
overlay_files() {
    tar -C ${THISDIR}/overlay --mode=u=rwX,go=rX -cf ${WORKDIR}/overlay.tar .
    # Folders of the image keep their rights, and stay links where they are links.
    tar -C ${IMAGE_ROOTFS} --no-same-owner --no-overwrite-dir --keep-directory-symlink \
        -xf ${WORKDIR}/overlay.tar
    while IFS= read -r line; do
        path="${IMAGE_ROOTFS}${line#* }"
        case $line in
        private*) chmod go= "$path" ;;
        folder*) mkdir -p "$path" ;;
        link*)
            path="${path%% -> *}"
            mkdir -p "${path%/*}"
            # Only an empty folder gives way.
            if [ -d "$path" ] && [ ! -L "$path" ]; then rmdir "$path"; fi
            ln -sfT -- "${line#* -> }" "$path"
            ;;
        esac
    done <${THISDIR}/overlay.txt
}
# Before oe-core's commands, one of which enables units, and after them: they write files too.
ROOTFS_POSTPROCESS_COMMAND += "overlay_files"
ROOTFS_POSTPROCESS_COMMAND:append = " overlay_files"
