#!/bin/sh
# debian-toolchain.sh TRIPLET OUTPUT_DIR: a copy of this Debian's or Ubuntu's compiler
# that Buildroot takes as an external toolchain, and OUTPUT_DIR/edgeimg.config, the
# lines of the configuration that say what is in it. Nothing is downloaded.
#
# Buildroot refuses the installed compiler: its sysroot is /, with every library of the
# distribution in it. A copy of gcc finds its own parts relative to where it lies, so what
# is missing is only a sysroot of its own, with the C and C++ libraries and nothing else.
set -eu
umask 022
export LC_ALL=C
unset CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH LIBRARY_PATH COMPILER_PATH GCC_EXEC_PREFIX
export PATH="$PATH:/usr/bin:/bin"

die() {
	echo "edgeimg: toolchain: $*" >&2
	exit 1
}

[ $# -eq 2 ] || die "usage: ${0##*/} TRIPLET OUTPUT_DIR"
triplet=$1
package=g++-$(printf '%s' "$triplet" | tr _ -)
for program in gcc g++ ld; do
	command -v "/usr/bin/$triplet-$program" >/dev/null ||
		die "'$triplet-$program' is missing (Debian package $package, or g++ on a machine of the same kind)"
done
gcc=/usr/bin/$triplet-gcc
version=$("$gcc" -dumpversion)
major=${version%%.*}
[ "$major" -le 15 ] || die "gcc $major is newer than Buildroot 2026.02 knows (15)"
[ "$("/usr/bin/$triplet-g++" -dumpversion)" = "$version" ] || die "$triplet-g++ is not of gcc $version"

libraries=$(dirname "$("$gcc" -print-libgcc-file-name)")  # crtbegin.o, libgcc.a
programs=$(dirname "$("$gcc" -print-prog-name=cc1)")      # since gcc 13 in /usr/libexec
case $libraries in
/usr/lib/gcc-cross/*)
	headers=/usr/$triplet/include
	libc=/usr/$triplet/lib
	;;
*)
	headers=/usr/include
	libc=/usr/lib/$("$gcc" -print-multiarch)
	;;
esac
cc1plus=$programs/cc1plus
version_h=$headers/linux/version.h
for file in "$cc1plus" "$libc/libc.a" "$version_h"; do
	[ -f "$file" ] || die "'$file' is missing (Debian package $package)"
done

mkdir -p "$2"
output=$(cd "$2" && pwd -P)
case $output in
/ | *[!A-Za-z0-9/._+-]*) die "'$output': Buildroot takes no such folder for a toolchain" ;;
esac
# It is replaced as a whole: nothing that is not ours may be in it.
[ -f "$output/made-from" ] || rmdir "$output" 2>/dev/null || die "'$output' is not empty, and not a toolchain of mine"
new=$output.new.$$
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT HUP TERM

# The copy is good as long as what it was made from, and how, stays the same.
made_from=$(stat -L -c '%n %s %Y' "$gcc" "$cc1plus" "/usr/bin/$triplet-ld" \
	"$libc/libc.a" "$libraries/libstdc++.a" "$version_h" && cksum <"$0")

# library FILE [NAME]: into the sysroot. All of them lie in one folder there, so that a
# link keeps its target's name only.
library() {
	if [ -L "$1" ]; then
		target=$(readlink "$1")
		ln -sf "${target##*/}" "$new/sysroot/lib/${2:-${1##*/}}"
	else
		cp -p "$1" "$new/sysroot/lib/${2:-${1##*/}}"
	fi
}

# native_headers: the folders of /usr/include hold those of every installed -dev package.
native_headers() {
	dpkg -L libc6-dev linux-libc-dev "libstdc++-$major-dev" | sort -u | while read -r file; do
		case $file in
		/usr/include/*) if [ -L "$file" ] || [ -f "$file" ]; then echo ".${file#/usr}"; fi ;;
		esac
	done >"$new/list"
	tar -C /usr -chf - -T "$new/list" | tar -C "$new/usr" -xf -
	rm "$new/list"
	# C++ headers stay: the compiler looks for those beside itself, and not in the sysroot.
	multiarch=${libc#/usr/lib/}
	mkdir "$new/include"
	mv "$new/usr/include/c++" "$new/include/"
	if [ -d "$new/usr/include/$multiarch/c++" ]; then
		mkdir "$new/include/$multiarch"
		mv "$new/usr/include/$multiarch/c++" "$new/include/$multiarch/"
	fi
	cp -R "$new/usr/include/$multiarch/." "$new/usr/include/"
	rm -r "${new:?}/usr/include/$multiarch"
	mv "$new/usr/include" "$new/sysroot/usr/"
	mv "$new/include" "$new/usr/"
}

cross_headers() {
	cp -RL "$headers" "$new/sysroot/usr/"
	mkdir "$new/usr/$triplet/include"
	mv "$new/sysroot/usr/include/c++" "$new/usr/$triplet/include/"
}

# native_libraries, cross_libraries: paths of what may go into the sysroot.
native_libraries() {
	dpkg -L libc6 libc6-dev libgcc-s1 libstdc++6 libatomic1 libgomp1 |
		sed -n "s|^\(/usr\)\{0,1\}/lib/${libc#/usr/lib/}/\([^/]*\)\$|$libc/\2|p" | sort -u
}

cross_libraries() {
	printf '%s\n' "$libc"/*
}

copy() {
	mkdir -p "$new/bin" "$new/usr/bin" "$new/usr/$triplet/bin" "$new/sysroot/lib" "$new/sysroot/usr" \
		"$new$libraries" "$new$programs"
	# gfortran and the like stay behind: Buildroot wants to be told of every language it finds.
	for name in addr2line ar as c++filt cpp elfedit g++ gcc gcc-ar gcc-nm gcc-ranlib gcov ld \
		ld.bfd ld.gold nm objcopy objdump ranlib readelf size strings strip; do
		[ -f "/usr/bin/$triplet-$name" ] || continue
		case $name in
		ld) ln -s "$triplet-ld.bfd" "$new/usr/bin/$triplet-ld" ;;
		*) cp -Lp "/usr/bin/$triplet-$name" "$new/usr/bin/" ;;
		esac
		case $name in
		cpp | g++ | gcc)
			cat >"$new/bin/$triplet-$name" <<EOF
#!/bin/sh
here=\${0%/*}/..
# Buildroot looks for the --with-sysroot=/ that this compiler was made with: here it is not so.
if [ "\$*" = -v ]; then
	"\$here/usr/bin/$triplet-$name" -v 2>&1 | sed 's, --with-sysroot=/ , ,' >&2
	exit
fi
# A later --sysroot wins.
set -- "\$here/usr/bin/$triplet-$name" --sysroot="\$here/sysroot" "\$@"
case "\$CCACHE_DIR \$* " in
' '* | *' -v '*) ;; # who asks for the search path wants it as it is
*) [ ! -x /usr/bin/ccache ] || exec /usr/bin/ccache "\$@" ;;
esac
exec "\$@"
EOF
			chmod 755 "$new/bin/$triplet-$name"
			;;
		*) ln -s "../usr/bin/$triplet-$name" "$new/bin/" ;;
		esac
		case $name in
		ar | as | ld | ld.bfd | ld.gold | nm | objcopy | objdump | ranlib | readelf | strip)
			ln -s "../../bin/$triplet-$name" "$new/usr/$triplet/bin/$name" # where gcc looks
			;;
		esac
	done

	for name in cc1 cc1plus collect2 lto1 lto-wrapper liblto_plugin.so; do
		cp -Lp "$programs/$name" "$new$programs/"
	done
	for file in "$libraries"/*; do
		case ${file##*/} in
		*san* | libcc1* | libgo.* | libobjc* | libitm* | libgphobos* | libgfortran*) ;;
		libstdc++* | libsupc++*) [ -L "$file" ] || library "$file" ;;
		lib*.so) [ -L "$file" ] || cp -p "$file" "$new$libraries/" ;;
		include | include-fixed) cp -RL "$file" "$new$libraries/" ;;
		*.o | *.a | *.spec) cp -p "$file" "$new$libraries/" ;;
		esac
	done

	if [ "$headers" = /usr/include ]; then kind=native; else kind=cross; fi
	"${kind}_headers"
	"${kind}_libraries" >"$new/list"
	while read -r file; do
		case ${file##*/} in
		*san.so* | libitm.*) ;;
		*.so | *.so.* | *.a | *.o) library "$file" ;;
		esac
	done <"$new/list"
	rm "$new/list"
	# gcc has these links in a folder of its own; of the C library they are there already.
	for name in atomic gomp stdc++; do
		for file in "$new/sysroot/lib/lib$name.so".?; do
			[ -e "$file" ] || continue
			ln -sf "${file##*/}" "$new/sysroot/lib/lib$name.so"
		done
	done
	# Linker scripts, libc.so for one, name files by the path they had.
	grep -lIs 'GNU ld script' "$new/sysroot/lib"/*.so "$new/sysroot/lib"/*.a >"$new/list" || true
	while read -r file; do
		sed -i 's, /[^ ]*/\([^/ ]*\), /lib/\1,g' "$file"
	done <"$new/list"
	rm "$new/list"
	broken=$(find "$new" -type l ! -exec test -e {} \; -print)
	[ -z "$broken" ] || die "links to nowhere:" "$broken"
}

# compiles FLAG...: whether the copy makes a program, of C++ on standard input.
compiles() {
	"$output/bin/$triplet-g++" "$@" -x c++ -o "$output/.try" - 2>"$output/.try.log"
}

if [ "$(cat "$output/made-from" 2>/dev/null)" != "$made_from" ]; then
	copy
	printf '%s\n' "$made_from" >"$new/made-from"
	rm -rf "$output"
	mv "$new" "$output"
fi

# What Buildroot checks: a wrong line stops its build, and a missing one too.
echo 'int main() { return 0; }' | compiles -static-libstdc++ ||
	die "the copy of $triplet-g++ does not work: $(head -n 1 "$output/.try.log")"
openmp="# BR2_TOOLCHAIN_EXTERNAL_OPENMP is not set"
if printf '#include <omp.h>\nint main() { return omp_get_thread_num(); }\n' | compiles -fopenmp; then
	openmp=BR2_TOOLCHAIN_EXTERNAL_OPENMP=y
fi
rm -f "$output/.try" "$output/.try.log"
rpc="# BR2_TOOLCHAIN_EXTERNAL_INET_RPC is not set"
if [ -f "$output/sysroot/usr/include/rpc/rpc.h" ]; then rpc=BR2_TOOLCHAIN_EXTERNAL_INET_RPC=y; fi
code=$(sed -n 's/^#define LINUX_VERSION_CODE //p' "$version_h")
linux=$((code >> 16)).$((code >> 8 & 255))
# The newest that Buildroot 2026.02 has a name for stands for all that came later.
if [ "$code" -gt $((6 << 16 | 19 << 8 | 255)) ]; then linux=6.19; fi

cat >"$output/edgeimg.config.new" <<EOF
BR2_TOOLCHAIN_EXTERNAL=y
BR2_TOOLCHAIN_EXTERNAL_CUSTOM=y
BR2_TOOLCHAIN_EXTERNAL_PREINSTALLED=y
BR2_TOOLCHAIN_EXTERNAL_PATH="$output"
BR2_TOOLCHAIN_EXTERNAL_CUSTOM_PREFIX="$triplet"
BR2_TOOLCHAIN_EXTERNAL_GCC_$major=y
BR2_TOOLCHAIN_EXTERNAL_HEADERS_$(echo "$linux" | tr . _)=y
BR2_TOOLCHAIN_EXTERNAL_CUSTOM_GLIBC=y
$rpc
BR2_TOOLCHAIN_EXTERNAL_CXX=y
$openmp
EOF
mv "$output/edgeimg.config.new" "$output/edgeimg.config"
