# One line for each symbol, the last one given; a symbol that holds a list of files or
# scripts keeps upstream's and adds ours.
function name(line) {
	if (line ~ /^# BR2_[A-Za-z0-9_]+ is not set$/) return substr(line, 3, length(line) - 13)
	if (line ~ /^BR2_[A-Za-z0-9_]+=/) return substr(line, 1, index(line, "=") - 1)
	return ""
}
BEGIN {
	count = split("BR2_GLOBAL_PATCH_DIR BR2_LINUX_KERNEL_CONFIG_FRAGMENT_FILES BR2_PACKAGE_BUSYBOX_CONFIG_FRAGMENT_FILES BR2_ROOTFS_DEVICE_TABLE BR2_ROOTFS_OVERLAY BR2_ROOTFS_POST_BUILD_SCRIPT BR2_ROOTFS_POST_IMAGE_SCRIPT BR2_ROOTFS_USERS_TABLES", names, " ")
	for (i = 1; i <= count; i++) list[names[i]] = 1
}
(symbol = name($0)) != "" {
	if (!(symbol in line)) order[++last] = symbol
	else if ((symbol in list) && line[symbol] != symbol "=\"\"") {
		before = line[symbol]
		sub(/"$/, " ", before)
		sub(/^[^"]*"/, "")
		$0 = before $0
	}
	line[symbol] = $0
}
END { for (i = 1; i <= last; i++) print line[order[i]] }
