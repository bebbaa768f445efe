#!/bin/sh
# build/edge-infer: the app, cross-compiled. build/app stays, so that the next time is quick.
step=app
. scripts/common.sh
need cmake cmake
need ninja ninja-build
need "$GNU_TRIPLET-g++" "g++-$(echo "$GNU_TRIPLET" | tr _ -), or g++ on a machine of the same kind"

here=$(pwd)
sysroot=$here/build/sysroot
include=
[ -z "$RUNTIME_INCLUDE" ] || include=$sysroot/$RUNTIME_INCLUDE
cat >"$tmp/toolchain.cmake" <<EOF
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${GNU_TRIPLET%%-*})
set(CMAKE_C_COMPILER $GNU_TRIPLET-gcc)
set(CMAKE_CXX_COMPILER $GNU_TRIPLET-g++)
set(CMAKE_LIBRARY_ARCHITECTURE $GNU_TRIPLET)
set(CMAKE_FIND_ROOT_PATH $sysroot)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# The compiler's own C library is older than Debian's. The app asks for nothing newer
# than what it is linked against; what other libraries ask for is found on the device.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L$sysroot/usr/lib/$GNU_TRIPLET -Wl,--allow-shlib-undefined -Wl,--as-needed")
foreach(language C CXX)
	set(CMAKE_\${language}_FLAGS_INIT
		"-isystem $sysroot/usr/include/$GNU_TRIPLET -ffile-prefix-map=$here/=")
	# Not in the compiler's own list of these, or they would be dropped from -isystem.
	set(CMAKE_\${language}_STANDARD_INCLUDE_DIRECTORIES $sysroot/usr/include)
endforeach()
EOF

# failed MESSAGE: all of the log, and of it in the message what says why.
failed() {
	cat "$tmp/log" >&2
	# Without room for its own files a compiler finds fault with nothing else.
	why=$(grep -m 1 'No space left on device' "$tmp/log") ||
		why=$(grep -m 1 -E 'error: |undefined reference' "$tmp/log") ||
		why=$(grep -m 1 -A 1 'CMake Error' "$tmp/log" | tr -s ' \n' ' ')
	why=$(printf '%s\n' "$why" | sed "s|$here/||g")
	die "$1${why:+: $why}"
}

mkdir -p build/app
# A new compiler or folder cannot be told to a configured tree: start over.
if ! cmp -s "$tmp/toolchain.cmake" build/app/toolchain.cmake; then
	rm -rf build/app
	mkdir build/app
	mv "$tmp/toolchain.cmake" build/app/
fi
unset CFLAGS CXXFLAGS LDFLAGS CPPFLAGS CC CXX PKG_CONFIG_PATH MAKEFLAGS NINJA_STATUS
export PKG_CONFIG_LIBDIR="$sysroot/usr/lib/$GNU_TRIPLET/pkgconfig:$sysroot/usr/share/pkgconfig"
export PKG_CONFIG_SYSROOT_DIR="$sysroot"
cmake -S "$APP_SOURCE" -B build/app -G Ninja -DCMAKE_BUILD_TYPE=Release \
	-DCMAKE_TOOLCHAIN_FILE="$here/build/app/toolchain.cmake" \
	-DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_SKIP_RPATH=ON -DBUILD_TESTING=OFF \
	-DEDGE_INFER_RUNTIME="$RUNTIME" \
	-DEDGE_INFER_RUNTIME_LIBRARY="$here/build/base/$RUNTIME_LIBRARY" \
	-DEDGE_INFER_RUNTIME_INCLUDE="$include" >"$tmp/log" 2>&1 ||
	failed "cmake could not configure $APP_SOURCE"
{ cmake --build build/app 2>&1 && touch "$tmp/compiled"; } | tee "$tmp/log" |
	sed -nu 's,^\[\([0-9]*/[0-9]*\)\] Building .*/\([^/]*\)\.o$,edgeimg: app \1 \2,p'
[ -e "$tmp/compiled" ] || failed "$APP_SOURCE does not compile"
DESTDIR="$tmp/install" cmake --install build/app --strip >"$tmp/log" 2>&1 || failed "cmake --install failed"
[ -x "$tmp/install/usr/bin/edge-infer" ] || die "$APP_SOURCE installs no bin/edge-infer"
touch "$tmp/install/usr/bin/edge-infer" # newer than its prerequisites, whatever strip kept
finish "$tmp/install/usr/bin/edge-infer" build/edge-infer
