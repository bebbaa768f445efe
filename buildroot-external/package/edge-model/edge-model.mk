################################################################################
#
# edge-model
#
################################################################################

EDGE_MODEL_VERSION = 1
EDGE_MODEL_SITE = $(EDGE_MODEL_PKGDIR)/root
EDGE_MODEL_SITE_METHOD = local
EDGE_MODEL_LICENSE = see LICENSES
EDGE_MODEL_LICENSE_FILES = LICENSES

# A model that the product no longer has must not stay in the target folder.
define EDGE_MODEL_INSTALL_TARGET_CMDS
	rm -rf $(TARGET_DIR)/etc/edge-infer $(TARGET_DIR)/usr/share/edge-infer
	mkdir -p $(TARGET_DIR)/etc $(TARGET_DIR)/usr/share
	cp -R $(@D)/etc/edge-infer $(TARGET_DIR)/etc/
	cp -R $(@D)/usr/share/edge-infer $(TARGET_DIR)/usr/share/
	chmod -R u=rwX,go=rX $(TARGET_DIR)/etc/edge-infer \
		$(TARGET_DIR)/usr/share/edge-infer
endef

$(eval $(generic-package))
