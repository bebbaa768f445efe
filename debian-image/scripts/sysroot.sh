#!/bin/sh
# build/sysroot: headers and libraries that the app is compiled against.
# Without the C library's own: the cross compiler brings the one that it fits.
step=sysroot
. scripts/common.sh
need dpkg-deb dpkg

root=$tmp/sysroot
mkdir -p "$root/usr/lib"
ln -s usr/lib "$root/lib"
packages sysroot root >"$tmp/list"
while IFS='	' read -r name deb; do
	case $name in
	libc6* | libc-dev* | linux-libc-dev* | libgcc* | libstdc++* | gcc-* | libcrypt* | rpcsvc-proto | busybox*) continue ;;
	esac
	unpack "$deb" "$root" --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/bin/*'
done <"$tmp/list"
finish "$root" build/sysroot
