#!/bin/sh
# Downloads what the lock names into $DOWNLOADS/<sha256>. A file gets that name only
# when its checksum is right, so a file that is there needs no second look.
set -eu
umask 022
export LC_ALL=C

die() {
	echo "edgeimg: fetch: $*" >&2
	exit 1
}

# writable FILE: after a failure to write, why that was; the tools do not say.
writable() {
	why=$({ head -c 1048576 /dev/zero >"$1.try"; } 2>&1) || { rm -f "$1.try" && die "cannot write $1: ${why##*: }"; }
	rm -f "$1.try"
}

# --- one file: fetch.sh --one COUNT NAME SHA256 URL [URL]
get() { # URL FILE; returns 4 when the server has no such file
	if command -v curl >/dev/null 2>&1; then
		http=$(curl --silent --show-error --fail --location --retry 3 --connect-timeout 20 \
			--continue-at - --output "$2" --write-out '%{http_code}' "$1" 2>"$2.log") && return 0
		code=$?
		case $http in 404 | 410) return 4 ;; 416) rm -f "$2" ;; esac
		[ "$code" = 37 ] && return 4 # file:, and not there
		[ "$code" != 23 ] || writable "$2"
	elif command -v wget >/dev/null 2>&1; then
		wget --no-verbose --continue --tries 3 --output-document "$2" "$1" 2>"$2.log" && return 0
		[ $? != 3 ] || writable "$2"
		grep -q 'ERROR 4\(04\|10\)' "$2.log" && return 4
	else
		die "neither curl nor wget is installed"
	fi
	return 1
}

if [ "${1-}" = --one ]; then
	count=$2 name=$3 sha256=$4
	shift 4
	part=$DOWNLOADS/$sha256.part
	exec 9>>"$part"
	flock 9 # another project may be fetching the same file
	if [ -e "$DOWNLOADS/$sha256" ]; then
		rm -f "$part"
		exit 0
	fi
	echo "edgeimg: fetch $count $name"
	gone=
	for url; do
		status=0
		get "$url" "$part" || status=$?
		if [ "$status" = 1 ] && [ ! -e "$part" ]; then # the server could not resume
			status=0
			get "$url" "$part" || status=$?
		fi
		case $status in
		0) ;;
		4) gone=yes && continue ;;
		*) die "$name: $(tail -n 1 "$part.log") ($url)" ;;
		esac
		rm -f "$part.log"
		set -- "$(sha256sum <"$part")"
		if [ "$1" != "$sha256  -" ]; then
			rm -f "$part"
			die "$name: the file at $url has not the SHA-256 of the lock ($sha256). Try again, or another MIRROR="
		fi
		mv "$part" "$DOWNLOADS/$sha256"
		exit 0
	done
	rm -f "$part" "$part.log"
	[ -z "$gone" ] || die "$name: the mirror no longer has this version. Run 'edgeimg lock', or set SNAPSHOT_MIRROR="
	die "$name: no address"
fi

# --- all files
absent=$({
	awk -F '\t' '{ print $7, $2 }' lock/packages.tsv
	awk -F '\t' '{ print $7, $1 }' lock/wheels.tsv
} | while read -r sha256 name; do
	[ -e "$DOWNLOADS/$sha256" ] || printf '%s\n' "$name"
done)
[ -n "$absent" ] || exit 0
echo "edgeimg: step fetch"
if [ -n "${OFFLINE-}" ]; then
	absent=$(printf '%s\n' "$absent" | sort -u)
	count=$(printf '%s\n' "$absent" | wc -l)
	some=$(printf '%s\n' "$absent" | head -n 3 | paste -s -d , | sed 's/,/, /g')
	[ "$count" -le 3 ] || some="$some and $((count - 3)) more"
	die "OFFLINE is set and $count of the lock's files are not in $DOWNLOADS: $some. Fetch once without OFFLINE"
fi
mkdir -p "$DOWNLOADS" build || die "cannot write $DOWNLOADS"

# Where apt gets its packages: what it has indexes of, else what its sources name.
apt_sites() {
	{
		# shellcheck disable=SC2016 # apt replaces $(SITE)
		apt-get indextargets --format '$(SITE)' 2>/dev/null || true
		cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
			2>/dev/null | sed -n 's/^\(deb\|URIs:\) .*\<\(\(https\?\|file\):[^ ]*\).*/\2/p'
	} | sed 's,/*$,,' | awk '/^(https?|file):/ && !seen[$0]++'
}

# base REPOSITORY: its address. A sibling of `debian` when apt does not know it.
base() {
	if [ -n "$MIRROR" ]; then
		printf '%s/%s\n' "${MIRROR%/}" "$1"
		return
	fi
	found=$(printf '%s\n' "$sites" | grep "/$1\$" | head -n 1) || true
	[ -n "$found" ] || found=$(printf '%s\n' "$sites" | sed -n "s,/debian\$,/$1,p" | head -n 1)
	[ -n "$found" ] || die "this machine's apt knows no Debian mirror. Name the folder that holds debian/: make MIRROR=https://..."
	printf '%s\n' "$found"
}

sites=
[ -n "$MIRROR" ] || sites=$(apt_sites)
list=build/fetch.$$
trap 'rm -f "$list"' EXIT
{
	cut -f 4 lock/packages.tsv | sort -u | while read -r repository; do
		at=$(base "$repository") || exit 1
		snapshot=
		[ -z "$SNAPSHOT_MIRROR" ] || snapshot=${SNAPSHOT_MIRROR%/}/$repository
		awk -F '\t' -v repository="$repository" -v at="$at" -v snapshot="$snapshot" '
			$4 == repository {
				path = $5
				gsub(/\+/, "%2b", path)
				print $2 "\t" $7 "\t" at "/" path "\t" (snapshot == "" ? "" : snapshot "/" path)
			}' lock/packages.tsv
	done || exit 1
	awk -F '\t' '{ print $1 "\t" $7 "\t" $5 "\t" }' lock/wheels.tsv
} >"$list"

# One file may serve two roles; what is there is not fetched.
while IFS='	' read -r name sha256 url snapshot; do
	[ -e "$DOWNLOADS/$sha256" ] || printf '%s\t%s\t%s\t%s\n' "$name" "$sha256" "$url" "$snapshot"
done <"$list" | sort -t '	' -k 2,2 -u | sort >"$list.todo"
mv "$list.todo" "$list"
total=$(wc -l <"$list")
awk -F '\t' -v total="$total" '{
	printf "--one\n%d/%d\n%s\n%s\n%s\n%s\n", NR, total, $1, $2, $3, ($4 == "" ? $3 : $4)
}' "$list" | tr "\n" "\0" | xargs -0 -r -n 6 -P 4 "$0"
