# Sourced by every step, which has set $step to its name.
# shellcheck shell=sh disable=SC2154
# Each step takes its lock (an interrupted make may have left a child that still
# writes), works in build/tmp/<step>, and renames what it made at the very end.
set -eu
umask 022
export LC_ALL=C TZ=UTC
export PATH="$PATH:/usr/sbin:/sbin" # mke2fs and mkfs.vfat are not in the PATH of a user
mkdir -p build/tmp build/locks
exec 8>&2 # where die speaks, also out of what is silenced
exec 9>"build/locks/$step"
flock 9
tmp=build/tmp/$step
rm -rf "$tmp"
mkdir "$tmp"
echo "edgeimg: step $step"

die() {
	# To a tool a full disk is a file that it cannot read, or a program that failed.
	why=$({ head -c 1048576 /dev/zero >build/tmp/try; } 2>&1) || set -- "cannot write build/: ${why##*: }"
	rm -f build/tmp/try
	echo "edgeimg: $step: $*" >&8
	exit 1
}

# need PROGRAM PACKAGE: one clear line instead of "not found" half way through.
need() {
	command -v "$1" >/dev/null 2>&1 || die "'$1' is missing (Debian package $2)"
}

# packages ROLE...: name and file of each locked package of these roles, in lock order.
packages() {
	awk -F '\t' -v roles=" $* " -v pool="$DOWNLOADS" \
		'index(roles, " " $1 " ") { print $2 "\t" pool "/" $7 }' lock/packages.tsv
}

# whole FILE: dies when a file of the pool is not what its name says. It goes, to be fetched again.
whole() {
	[ "$(sha256sum <"$1")" = "${1##*/}  -" ] && return
	rm -f "$1"
	die "$1 was damaged, and is removed: run it again, and it is fetched"
}

# unpack DEB DIRECTORY [tar argument]...: never as somebody else, never setuid.
# Not a pipe: a broken .deb must stop the step.
unpack() {
	deb=$1 directory=$2
	shift 2
	dpkg-deb --fsys-tarfile "$deb" >"$tmp/data.tar" || {
		whole "$deb"
		die "cannot read $deb"
	}
	tar -x -f "$tmp/data.tar" -C "$directory" --no-same-owner --no-same-permissions \
		--keep-directory-symlink "$@"
	rm "$tmp/data.tar"
}

# seeded NAME: 32 hexadecimal digits that depend on nothing but PARTITION_SEED.
seeded() {
	printf '%s %s' "$PARTITION_SEED" "$1" | sha256sum | cut -c 1-32
}

# uuid NAME: the same as a version 5 UUID.
uuid() {
	seeded "$1" | sed 's/^\(.\{8\}\)\(.\{4\}\).\(.\{3\}\).\(.\{3\}\)\(.\{12\}\)$/\1-\2-5\3-a\4-\5/'
}

# finish MADE TARGET: give what was made its name; beside a folder, TARGET.done says that it is whole.
finish() {
	if [ -d "$1" ]; then
		rm -rf "$2.done" "$2"
		mv "$1" "$2"
		: >"$2.done"
	else
		mv "$1" "$2"
	fi
	rm -rf "$tmp"
}
