#!/bin/sh
# list.sh LIST FOLDER [FILE]...: write what is there; leave LIST alone if that is the same.
set -eu
mkdir -p build
[ -d "$2" ] || { echo "edgeimg: list: the folder '$2' is missing" >&2; exit 1; }
list=$1
shift
# A link counts by where it points to, and is not followed: it may lead to all of this machine.
find -H "$@" -printf '%p\t%y\t%m\t%s\t%T@\t%l\0' | LC_ALL=C sort -z | tr '\0' '\n' >"$list.$$"
if cmp -s "$list.$$" "$list"; then rm "$list.$$"; else mv "$list.$$" "$list"; fi
