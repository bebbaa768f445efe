# Sourced by the others. Variables come from config.mk through the Makefile.
# shellcheck shell=sh disable=SC2154
set -eu

step() { echo "edgeimg: step $*"; }

fail() {
	echo "edgeimg: $*" >&2
	exit 1
}

# Buildroot's make. What it builds sees none of our variables: their names may be its too.
br() (
	set -f # these are words, not names of files
	flags=$BR_FLAGS
	[ -z "$DOWNLOADS" ] || flags="$flags BR2_DL_DIR=$DOWNLOADS"
	if [ -n "$CCACHE" ]; then
		flags="$flags BR2_CCACHE_DIR=$CCACHE"
		# For scripts/debian-toolchain.sh: this machine's ccache, shared between products.
		export CCACHE_DIR="$CCACHE" CCACHE_BASEDIR=/ CCACHE_NOHASHDIR=1
	fi
	[ -z "$OFFLINE" ] || flags="$flags $(no_network)"
	# shellcheck disable=SC2046,SC2086
	exec env $(printf -- '-u %s ' $TOLD MAKEFLAGS MFLAGS MAKELEVEL) make --no-print-directory \
		-C "$BUILDROOT" O="$OUTPUT" BR2_EXTERNAL="$EXTERNAL${VENDOR:+:$VENDOR}" $flags "$@"
)

# build/show-info.json: the packages that are built. Again when a file of ours that may
# change them is newer.
list_packages() {
	info=build/show-info.json
	rules=$(find external "$OUTPUT/.config" -type f -newer "$info" \
		! -path '*/root/*' ! -path '*/src/*' ! -path '*/overlay/*' 2>/dev/null | head -n 1)
	[ ! -e "$info" ] || [ -n "$rules" ] || return 0
	step packages
	br show-info >"$info.new"
	mv "$info.new" "$info"
}

# Only the primary site, and that only if it is a folder.
no_network() {
	echo BR2_PRIMARY_SITE_ONLY=y
	case $BR_FLAGS$(grep -s '^BR2_PRIMARY_SITE=' "$OUTPUT/.config") in
	*BR2_PRIMARY_SITE=file:* | *BR2_PRIMARY_SITE=\"file:*) ;;
	*) echo "BR2_PRIMARY_SITE=file:$OUTPUT/no-network" ;;
	esac
}
