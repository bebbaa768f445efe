#!/bin/sh
# modules.sh LIST FOLDER: put the kernel modules that LIST names into FOLDER, uncompressed,
# and their names in load order into FOLDER/load. Read from the modules themselves:
# the package has no modules.dep, and depmod is not on every machine.
set -eu
mkdir -p "$2"
: >"$2/load"

field() { # FILE NAME: one field of a module's description
	tr '\0' '\n' <"$1" | sed -n "s/^$2=//p" | head -n 1
}

add() { # NAME PARENT
	name=$(printf '%s' "$1" | tr - _)
	if grep -qx "$name" "$2/load"; then return; fi
	pattern=$(printf '%s' "$name" | sed 's/_/[_-]/g')
	if grep -q "/$pattern\.ko\$" build/linux/modules/modules.builtin; then return; fi
	path=$(find build/linux/modules -name "$pattern.ko*" | sort | head -n 1)
	[ -n "$path" ] || { echo "edgeimg: modules: the kernel has no '$1', which the board's \`modules\` or a feature's name" >&2; exit 1; }
	case $path in
	*.xz) xz -dc "$path" ;;
	*.zst) zstd -qdc "$path" ;;
	*) cat "$path" ;;
	esac >"$2/$name.ko"
	for dependency in $(field "$2/$name.ko" depends | tr , ' '); do
		(add "$dependency" "$2")
	done
	printf '%s\n' "$name" >>"$2/load"
}

while read -r module; do
	case $module in '' | '#'*) continue ;; esac
	(add "$module" "$2")
done <"$1"
