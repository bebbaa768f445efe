################################################################################
#
# edge-infer
#
################################################################################

EDGE_INFER_VERSION = 0.1.0
EDGE_INFER_SITE = $(EDGE_INFER_PKGDIR)/src
EDGE_INFER_SITE_METHOD = local
EDGE_INFER_SUPPORTS_IN_SOURCE_BUILD = NO
EDGE_INFER_DEPENDENCIES = jpeg json-for-modern-cpp libpng

# An app of the product's own is its owner's.
ifeq ($(EDGE_INFER_OWN),YES)
EDGE_INFER_LICENSE = PROPRIETARY
EDGE_INFER_REDISTRIBUTE = NO
else
EDGE_INFER_LICENSE = Apache-2.0
EDGE_INFER_LICENSE_FILES = LICENSE
endif

ifeq ($(BR2_PACKAGE_LITERT),y)
EDGE_INFER_DEPENDENCIES += litert
EDGE_INFER_CONF_OPTS += -DEDGE_INFER_RUNTIME=litert
else ifeq ($(BR2_PACKAGE_ONNXRUNTIME),y)
EDGE_INFER_DEPENDENCIES += onnxruntime
EDGE_INFER_CONF_OPTS += -DEDGE_INFER_RUNTIME=onnxruntime
else
EDGE_INFER_DEPENDENCIES += tensorflow-lite
EDGE_INFER_CONF_OPTS += -DEDGE_INFER_RUNTIME=tflite
endif

# Starts each model's service, again when it fails; checks the answers under
# `edgeimg verify`; runs the scripts of features.
define EDGE_INFER_INSTALL_SUPPORT
	$(INSTALL) -d -m 0755 $(TARGET_DIR)/usr/lib/edgeimg
	$(INSTALL) -m 0755 -t $(TARGET_DIR)/usr/lib/edgeimg \
		$(EDGE_INFER_PKGDIR)/features \
		$(EDGE_INFER_PKGDIR)/service \
		$(EDGE_INFER_PKGDIR)/verify
	$(INSTALL) -m 0644 $(EDGE_INFER_PKGDIR)/lines.awk $(TARGET_DIR)/usr/lib/edgeimg/
endef
EDGE_INFER_POST_INSTALL_TARGET_HOOKS += EDGE_INFER_INSTALL_SUPPORT

define EDGE_INFER_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0644 $(EDGE_INFER_PKGDIR)/first $(TARGET_DIR)/usr/lib/edgeimg/first
	$(INSTALL) -D -m 0755 $(EDGE_INFER_PKGDIR)/S00edge-infer \
		$(TARGET_DIR)/etc/init.d/S00edge-infer
	$(INSTALL) -D -m 0755 $(EDGE_INFER_PKGDIR)/S99features \
		$(TARGET_DIR)/etc/init.d/S99features
endef

define EDGE_INFER_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0755 $(EDGE_INFER_PKGDIR)/service.systemd \
		$(TARGET_DIR)/usr/lib/edgeimg/service
	$(INSTALL) -D -m 0644 $(EDGE_INFER_PKGDIR)/edge-infer@.service \
		$(TARGET_DIR)/usr/lib/systemd/system/edge-infer@.service
	$(INSTALL) -D -m 0644 $(EDGE_INFER_PKGDIR)/edgeimg-features.service \
		$(TARGET_DIR)/usr/lib/systemd/system/edgeimg-features.service
	$(INSTALL) -D -m 0644 $(EDGE_INFER_PKGDIR)/multi-user.conf \
		$(TARGET_DIR)/usr/lib/systemd/system/multi-user.target.d/edgeimg.conf
	$(INSTALL) -D -m 0755 $(EDGE_INFER_PKGDIR)/generator \
		$(TARGET_DIR)/usr/lib/systemd/system-generators/edgeimg
endef

$(eval $(cmake-package))
