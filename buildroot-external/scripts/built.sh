#!/bin/sh
# Remembers what this build was made of, for changed.sh.
. scripts/common.sh
sums=$OUTPUT/edgeimg
grep -E '^BR2_' "$OUTPUT/.config" >"$sums/config"
for new in "$sums"/*.new; do mv "$new" "${new%.new}"; done
