#!/bin/sh
# What Buildroot does not see for itself: packages of ours that changed are built again, and
# a configuration that is not merely larger than the last one needs everything built again.
. scripts/common.sh
sums=$OUTPUT/edgeimg
mkdir -p "$sums"

# Symbols that Buildroot takes up without building a package again.
harmless='^(# )?BR2_(DL_DIR|PRIMARY_SITE|CCACHE|JLEVEL|DEFCONFIG|BACKUP_SITE|TARGET_ROOTFS_|ROOTFS_(OVERLAY|POST|DEVICE_TABLE|USERS)|TARGET_GENERIC_|SYSTEM_|LINUX_KERNEL_CONFIG_FRAGMENT)'
if [ -e "$sums/config" ]; then
	grep -E '^BR2_|^# BR2_.* is not set' "$OUTPUT/.config" | sort >build/config.new
	gone=$(sort "$sums/config" | comm -23 - build/config.new | grep '^BR2_' | grep -Ev "$harmless" | head -n 1) || :
	rm build/config.new
	if [ -n "$gone" ]; then
		step "clean: ${gone%%=*} changed"
		br clean
		mkdir -p "$sums"
	fi
fi

sum_of() { find "$@" -type f -exec sha256sum {} + | sort | sha256sum; }

for folder in external/package/*; do
	package=${folder##*/}
	sum_of "$folder" >"$sums/$package.new"
	if ! cmp -s "$sums/$package.new" "$sums/$package"; then
		if ls -d "$OUTPUT/build/$package-"* >/dev/null 2>&1; then
			step "changed $package"
			br "$package-dirclean" >/dev/null
		fi
	fi
done
sum_of external/board/*/*.config external/board/*/*.fragment >"$sums/linux.new" 2>/dev/null
if [ -e "$sums/linux" ] && ! cmp -s "$sums/linux.new" "$sums/linux"; then
	step 'changed linux'
	br linux-reconfigure
fi
