#!/bin/sh
# build/base: the packages of role root, the runtime's library, and the licence
# texts of every package that goes into the image or is compiled into the app.
step=base
. scripts/common.sh
need dpkg-deb dpkg
need unzip unzip

root=$tmp/base
mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib"
# No package of the list makes the merged-usr links; the maintainer script that would, never runs.
for name in bin sbin lib; do ln -s "usr/$name" "$root/$name"; done
if [ "$ARCHITECTURE" = amd64 ]; then
	mkdir "$root/usr/lib64"
	ln -s usr/lib64 "$root/lib64"
fi

packages root >"$tmp/list"
# Units are of use to systemd only. None starts by itself: the links that would are excluded.
set -- '--exclude=./usr/lib/systemd/*'
if grep -q '^systemd	' "$tmp/list"; then set --; fi
while IFS='	' read -r _ deb; do
	unpack "$deb" "$root" --exclude-from=scripts/excludes "$@"
done <"$tmp/list"

# A folder with its `copyright`, or a link to the folder of a sibling package.
packages root boot initramfs sysroot >"$tmp/list"
while IFS='	' read -r name deb; do
	unpack "$deb" "$root" --no-recursion "./usr/share/doc/$name" "./usr/share/doc/$name/copyright" 2>/dev/null || true
	rm -f "$tmp/data.tar"
done <"$tmp/list"

# Several lines of one wheel install several of its files; the first is the runtime's library.
first=yes
while IFS='	' read -r name _ _ member _ _ sha256; do
	[ -n "$name" ] || continue
	target=$RUNTIME_LIBRARY
	[ "$first" = yes ] || target=usr/lib/${member##*/}
	first=
	mkdir -p "$root/${target%/*}" "$root/usr/share/doc/$name"
	unzip -p "$DOWNLOADS/$sha256" "$member" >"$root/$target" || {
		whole "$DOWNLOADS/$sha256"
		die "$name: no $member in the wheel"
	}
	unzip -Z1 "$DOWNLOADS/$sha256" | grep -E '\.dist-info/(licenses/)?(LICEN[CS]E|NOTICE|COPYING|ThirdParty)[^/]*$' |
		sort >"$tmp/licences" || true
	while read -r licence; do
		unzip -p "$DOWNLOADS/$sha256" "$licence"
	done <"$tmp/licences" >"$root/usr/share/doc/$name/copyright"
done <lock/wheels.tsv

find "$root" -depth -type d -empty ! -path "$root/usr/*" -delete # the folders of excluded files
finish "$root" build/base
