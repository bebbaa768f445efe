#!/bin/sh
# build/linux: the kernel and all of its modules, as the package has them.
step=linux
. scripts/common.sh
need dpkg-deb dpkg
need xz xz-utils

root=$tmp/linux
mkdir -p "$root/usr/lib"
ln -s usr/lib "$root/lib"
packages kernel >"$tmp/list"
while IFS='	' read -r _ deb; do
	# Of the documentation only the licence; no device trees: the firmware has its own.
	unpack "$deb" "$root" --exclude='./usr/lib/linux-image-*' --exclude='./usr/share/bug' \
		--exclude='./usr/share/lintian' --exclude='*.gz' --exclude='./boot/System.map*'
done <"$tmp/list"
set -- "$root"/boot/vmlinu[xz]-*
if [ $# != 1 ] || [ ! -e "$1" ]; then
	die "the lock's kernel packages hold not one kernel but: $*"
fi
version=${1##*/vmlinu[xz]-}
mv "$1" "$root/vmlinuz"
mv "$root/usr/lib/modules/$version" "$root/modules"
mv "$root/usr/share/doc" "$root/doc"
echo "$version" >"$root/version"
finish "$root" build/linux
