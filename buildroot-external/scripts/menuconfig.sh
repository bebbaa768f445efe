#!/bin/sh
# Buildroot's own menu; then what was changed in it, in build/menuconfig.
. scripts/common.sh
# Only what differs from the defaults, so that one change is one line.
br DEFCONFIG="$PWD/build/menuconfig.before" savedefconfig >/dev/null
br "${MENU:-menuconfig}"
br DEFCONFIG="$PWD/build/menuconfig.after" savedefconfig >/dev/null
LC_ALL=C sort build/menuconfig.before >build/menuconfig.sorted
LC_ALL=C sort build/menuconfig.after | LC_ALL=C comm -3 build/menuconfig.sorted - |
	sed -n 's/^\t*\(# \)\{0,1\}\(BR2_[A-Za-z0-9_]*\).*/\2/p' | sort -u |
	while read -r symbol; do
		grep -E "^(# $symbol is not set|$symbol=.*)$" "$OUTPUT/.config" || echo "# $symbol is not set"
	done >build/menuconfig
rm build/menuconfig.*
[ ! -s build/menuconfig ] || {
	echo 'Changed, and lost when the configuration is made anew; keep it in buildroot.config:'
	cat build/menuconfig
}
