include $(BR2_EXTERNAL_EDGEIMG_PATH)/product.inc
include $(sort $(wildcard $(BR2_EXTERNAL_EDGEIMG_PATH)/package/*/*.mk))

# The kernel's Kconfig, too, drops what it cannot have without a word.
define EDGEIMG_CHECK_KERNEL
	@lost=$$(awk -f $(BR2_EXTERNAL_EDGEIMG_PATH)/linux/asked.awk $(@D)/.config \
		$(filter $(BR2_EXTERNAL_EDGEIMG_PATH)/%,$(LINUX_KCONFIG_FRAGMENT_FILES))); \
	[ -z "$$lost" ] || { \
		echo "edgeimg: config: the kernel does not have these options so:$$lost." \
			"What one depends on: make -C $(BASE_DIR) linux-menuconfig, then / and its name" >&2; \
		exit 1; \
	}
endef
LINUX_POST_CONFIGURE_HOOKS += EDGEIMG_CHECK_KERNEL
