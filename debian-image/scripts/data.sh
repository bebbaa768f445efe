#!/bin/sh
# build/data.ext4: empty; what the device keeps.
step=data
. scripts/common.sh
need mke2fs e2fsprogs

# Debian's mke2fs takes the clock from the environment when told so by this name.
export E2FSPROGS_FAKE_TIME="$SOURCE_DATE_EPOCH"
mke2fs -q -t ext4 -b 4096 -L data -U "$(uuid data)" -E "hash_seed=$(uuid hash),root_owner=0:0,lazy_itable_init=1" \
	-O ^orphan_file -m 0 "$tmp/data.ext4" "${DATA_MIB}M" >"$tmp/log"
finish "$tmp/data.ext4" build/data.ext4
