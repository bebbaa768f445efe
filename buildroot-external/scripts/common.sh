# Sourced by the others. Variables come from config.mk through the Makefile.
# shellcheck shell=sh disable=SC2154
set -eu

step() { echo "edgeimg: step $*"; }

fail() {
	echo "edgeimg: $*" >&2
	exit 1
}

br() {
	# shellcheck disable=SC2086 # flags are words
	env -u MAKEFLAGS -u MFLAGS make --no-print-directory -C "$BUILDROOT" O="$OUTPUT" BR2_EXTERNAL="$EXTERNAL" $BR_FLAGS "$@"
}
