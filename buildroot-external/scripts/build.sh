#!/bin/sh
# The build, and before it what Buildroot does not see for itself: packages of ours that
# changed are built again, and a configuration that is not merely larger than the last one
# needs everything built again. What is remembered is true also when the build breaks off.
. scripts/common.sh
last=$OUTPUT/edgeimg
mkdir -p "$last"

# Symbols that Buildroot takes up without building a package again.
harmless='^BR2_(BACKUP_SITE|CCACHE|DEFCONFIG|DL_DIR|JLEVEL|PACKAGE_OVERRIDE_FILE|PRIMARY_SITE|ROOTFS_(DEVICE|OVERLAY|POST|USERS)|SYSTEM_|TARGET_GENERIC_|TARGET_ROOTFS_|LINUX_KERNEL_CONFIG_FRAGMENT)'
sed -n '/^BR2_/p' "$OUTPUT/.config" | LC_ALL=C sort >"$last/config.new"
if [ -e "$last/config" ]; then
	gone=$(LC_ALL=C comm -13 "$last/config.new" "$last/config" | grep -Ev "$harmless" | head -n 1) || :
	if [ -n "$gone" ]; then
		step "clean: was ${gone%%=*}"
		br clean
	fi
fi
mv "$last/config.new" "$last/config"

# The line that names the manifests changes with each of them, and nothing is built of it.
sum_of() {
	find "$@" -type f | LC_ALL=C sort | while IFS= read -r file; do
		echo "$file"
		LC_ALL=C sed '/^# Made by edgeimg /d' "$file"
	done | sha256sum
}
again=
for folder in external/package/*; do
	package=${folder##*/}
	sum_of "$folder" >"$last/$package.new"
	cmp -s "$last/$package.new" "$last/$package" && continue
	again="$again $package"
	# The app is built against what is not the model.
	[ "$package" = edge-model ] || again="$again edge-infer"
done
# Configurations that Buildroot only reads once.
sum_of external/board/common -name '*.fragment' >"$last/busybox.new"
set -- "external/board/$BOARD"
[ ! -d external/linux ] || set -- "$@" external/linux
sum_of "$@" -name '*.fragment' -o -name linux.config >"$last/linux.new"
for package in busybox linux; do
	[ ! -e "$last/$package" ] || cmp -s "$last/$package.new" "$last/$package" || again="$again $package"
done
# What `make <package>-dirclean` does, without the seconds in which Buildroot reads its files.
changed=
set --
# The version of a kernel from git is the name of its branch or tag.
kernel=$(sed -n 's/^BR2_LINUX_KERNEL_VERSION="\(.*\)"$/\1/p' "$OUTPUT/.config" | tr ' /:' _)
for package in $(echo "$again" | tr ' ' '\n' | sort -u); do
	named=
	[ "$package" != linux ] || named=$kernel
	for built in "$OUTPUT/build/$package-"[0-9]* "$OUTPUT/build/$package-custom" \
		"$OUTPUT/build/$package-$named"; do
		[ -e "$built" ] || continue
		set -- "$@" "$built" "$OUTPUT/per-package/$package"
		changed="$changed $package"
	done
done
if [ -n "$changed" ]; then
	step "changed$changed"
	rm -rf "$@"
	# With this, the packages' folders are laid over the target, and what has gone would stay.
	if grep -q '^BR2_PER_PACKAGE_DIRECTORIES=y' "$OUTPUT/.config"; then rm -rf "$OUTPUT/target"; fi
fi

# Files that left the overlay: what they hid must come back, so all is installed again.
find external/board/*/overlay ! -type d | LC_ALL=C sort >"$last/overlay.new"
if [ -e "$last/overlay" ] && [ -n "$(LC_ALL=C comm -13 "$last/overlay.new" "$last/overlay")" ]; then
	step 'install again'
	rm -rf "$OUTPUT/target"
	find "$OUTPUT/build" -mindepth 2 -maxdepth 2 \
		\( -name .stamp_target_installed -o -name .stamp_installed \) -delete
fi
for new in "$last"/*.new; do mv "$new" "${new%.new}"; done

list_packages
step build
jobs=
# Without this, Buildroot builds one package at a time.
if grep -q '^BR2_PER_PACKAGE_DIRECTORIES=y' "$OUTPUT/.config"; then jobs=-j$(nproc); fi
br ${jobs:+"$jobs"}
