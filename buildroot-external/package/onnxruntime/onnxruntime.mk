################################################################################
#
# onnxruntime
#
################################################################################

# ONNXRUNTIME_VERSION, _SITE and _SOURCE stand in product.inc: the wheel of the lock.
ONNXRUNTIME_LICENSE = MIT
ONNXRUNTIME_LICENSE_FILES = onnxruntime/LICENSE onnxruntime/ThirdPartyNotices.txt
ONNXRUNTIME_INSTALL_STAGING = YES
ONNXRUNTIME_LIBRARY = libonnxruntime.so.$(ONNXRUNTIME_VERSION)

# The wheel has no header. An older one does: functions are only ever added, and
# edge-infer asks for the newest ones that both the header and the library know.
ONNXRUNTIME_HEADER = onnxruntime_c_api.h
ONNXRUNTIME_EXTRA_DOWNLOADS = https://raw.githubusercontent.com/microsoft/onnxruntime/v1.21.0/include/onnxruntime/core/session/$(ONNXRUNTIME_HEADER)

define ONNXRUNTIME_EXTRACT_CMDS
	$(UNZIP) -d $(@D) $(ONNXRUNTIME_DL_DIR)/$(ONNXRUNTIME_SOURCE)
endef

# $(1): the folder
define ONNXRUNTIME_INSTALL_LIBRARY
	$(INSTALL) -D -m 0755 $(@D)/onnxruntime/capi/$(ONNXRUNTIME_LIBRARY) \
		$(1)/usr/lib/$(ONNXRUNTIME_LIBRARY)
	ln -sf $(ONNXRUNTIME_LIBRARY) $(1)/usr/lib/libonnxruntime.so.1
	ln -sf libonnxruntime.so.1 $(1)/usr/lib/libonnxruntime.so
endef

define ONNXRUNTIME_INSTALL_STAGING_CMDS
	$(call ONNXRUNTIME_INSTALL_LIBRARY,$(STAGING_DIR))
	$(INSTALL) -D -m 0644 $(ONNXRUNTIME_DL_DIR)/$(ONNXRUNTIME_HEADER) \
		$(STAGING_DIR)/usr/include/onnxruntime/$(ONNXRUNTIME_HEADER)
endef

define ONNXRUNTIME_INSTALL_TARGET_CMDS
	$(call ONNXRUNTIME_INSTALL_LIBRARY,$(TARGET_DIR))
endef

$(eval $(generic-package))
