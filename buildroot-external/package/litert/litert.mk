################################################################################
#
# litert
#
################################################################################

# LITERT_VERSION, _SITE and _SOURCE stand in product.inc: the wheel of the lock.
LITERT_LICENSE = Apache-2.0
LITERT_INSTALL_STAGING = YES
LITERT_LIBRARY = $(@D)/ai_edge_litert/libLiteRt.so

define LITERT_EXTRACT_CMDS
	$(UNZIP) -d $(@D) $(LITERT_DL_DIR)/$(LITERT_SOURCE)
endef

define LITERT_INSTALL_STAGING_CMDS
	$(INSTALL) -D -m 0755 $(LITERT_LIBRARY) $(STAGING_DIR)/usr/lib/libLiteRt.so
endef

define LITERT_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(LITERT_LIBRARY) $(TARGET_DIR)/usr/lib/libLiteRt.so
endef

$(eval $(generic-package))
