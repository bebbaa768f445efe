#!/bin/sh
# sysroot.sh FOLDER: Debian's arm64 libraries in FOLDER, without the names of multiarch.
# The packages are those of this machine's own apt, so that they fit its cross compiler.
set -eu
into=$1
triplet=aarch64-linux-gnu
gcc=$($triplet-g++ -dumpversion | cut -d. -f1)
work=$into.work
rm -rf "$into" "$work"
mkdir -p "$into/usr/lib" "$into/usr/include" "$into/usr/share" "$work/debs" "$work/raw"
mkdir -p "$work/lists/partial" "$work/archives/partial"
: >"$work/status"

fetch() { # OPTIONS...
	apt-get -qq -o "Dir::State=$work" -o "Dir::State::status=$work/status" \
		-o "Dir::Cache=$work" -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
		-o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
fetch update
(cd "$work/debs" && fetch download gcc-"$gcc"-base libc6 libc6-dev libcrypt-dev libcrypt1 \
	libgcc-"$gcc"-dev libgcc-s1 libjpeg62-turbo libjpeg62-turbo-dev libpng-dev libpng16-16 \
	libsodium-dev libsodium23 libstdc++-"$gcc"-dev libstdc++6 linux-libc-dev nlohmann-json3-dev zlib1g zlib1g-dev)
for deb in "$work"/debs/*.deb; do
	dpkg-deb -x "$deb" "$work/raw"
done

raw=$work/raw
for folder in "$raw/lib/$triplet" "$raw/usr/lib/$triplet"; do
	[ ! -d "$folder" ] || cp -a "$folder/." "$into/usr/lib/"
done
cp -a "$raw/usr/include/." "$into/usr/include/"
if [ -d "$raw/usr/include/$triplet" ]; then
	rm -rf "$into/usr/include/$triplet"
	cp -a "$raw/usr/include/$triplet/." "$into/usr/include/"
fi
for folder in cmake pkgconfig; do
	[ ! -d "$raw/usr/share/$folder" ] || cp -a "$raw/usr/share/$folder" "$into/usr/share/"
done

cd "$into/usr/lib"
rm -rf gconv audit
# Static libraries go, but for what the C library's own headers still ask a linker for.
for archive in *.a; do
	case $archive in
	libc_nonshared.a | libdl.a | libpthread.a | librt.a) ;;
	*) rm "$archive" ;;
	esac
done
# Links from one folder of multiarch into the other.
find . -maxdepth 1 -type l | while read -r link; do
	target=$(readlink "$link")
	case $target in
	*/*) ln -sf "${target##*/}" "$link" ;;
	esac
done
sed -i "s,/usr/lib/$triplet/,/usr/lib/,g; s,/lib/$triplet/,/usr/lib/,g; s, /lib/ld-, /usr/lib/ld-,g" libc.so
find "$into/usr" \( -name '*.pc' -o -name '*.cmake' \) -exec sed -i "s,/$triplet,,g" {} +
(cd "$work/debs" && ls) >"$into/packages"
chmod -R u=rwX,go=rX "$into"
rm -rf "$work"
