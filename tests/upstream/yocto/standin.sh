#!/bin/sh
# standin.sh FOLDER PACKAGE...: what stands in for an image of Yocto's: root.ext4, Image, initrd.
# The packages, which BitBake made, over Debian's systemd, unconfigured; Debian's kernel, and an
# initrd for what that kernel has as a module only.
set -eu
folder=$1
shift
root=$folder/root
rm -rf "$folder"
mkdir -p "$folder"
mmdebstrap --quiet --mode=root --variant=extract --architectures=arm64 \
	--include=base-files,base-passwd,bash,bsdutils,busybox-static,coreutils,dash,dbus \
	--include=dropbear-bin,findutils,gawk,grep,kmod,libc-bin,libjpeg62-turbo,libpng16-16t64,libsodium23 \
	--include=libstdc++6,linux-image-cloud-arm64 \
	--include=login,mount,passwd,procps,sed,systemd,systemd-sysv,tar,udev,util-linux \
	trixie "$root" >&2
for package in "$@"; do
	dpkg-deb -x "$package" "$root"
done

# What the packages' scripts would have done.
for name in passwd group; do
	cp "$root/usr/share/base-passwd/$name.master" "$root/etc/$name"
done
ln -s gawk "$root/usr/bin/awk"
echo /bin/bash >"$root/etc/shells"
: >"$root/etc/machine-id"
echo '/dev/root / auto defaults 1 1' >"$root/etc/fstab"
mkdir -p "$root/etc/systemd/system"
for unit in ldconfig systemd-firstboot systemd-hwdb-update; do
	ln -s /dev/null "$root/etc/systemd/system/$unit.service"
done

# busybox's, as oe-core configures it, is not there.
rm "$root/usr/bin/timeout"
# In place of what the layer's ssh-server-dropbear and its network would start.
cat >"$root/etc/systemd/system/ssh.service" <<'UNIT'
[Service]
ExecStartPre=/bin/sh -c 'cd /sys/class/net; for i in e*; do \
	busybox ip addr add 10.0.2.15/24 dev $i; busybox ip link set $i up; done'
ExecStart=/usr/sbin/dropbear -F -E -R -s
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/etc/dropbear"
ln -s ../ssh.service "$root/etc/systemd/system/multi-user.target.wants/"

initrd=$folder/initrd.d
mkdir -p "$initrd/bin" "$initrd/dev" "$initrd/root"
cp "$root/usr/bin/busybox" "$initrd/bin/"
for module in virtio_blk failover net_failover virtio_net; do
	find "$root/usr/lib/modules" -name "$module.ko.xz" -exec xz -dc {} + >"$initrd/$module.ko"
done
cat >"$initrd/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in virtio_blk failover net_failover virtio_net; do
	/bin/busybox insmod "/$module.ko"
done
while [ ! -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /root
exec /bin/busybox switch_root /root /sbin/init
INIT
chmod 755 "$initrd/init"
(cd "$initrd" && find . | cpio -o -H newc --quiet) | gzip >"$folder/initrd"

mv "$root"/boot/vmlinuz-* "$folder/Image"
(cd "$root" && rm -rf boot usr/lib/modules usr/share/doc usr/share/locale usr/share/man)
rm -rf "$initrd"
mke2fs -q -t ext4 -d "$root" "$folder/root.ext4" 400M
rm -rf "$root"
