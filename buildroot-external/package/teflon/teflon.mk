################################################################################
#
# teflon
#
################################################################################

# Not Buildroot's mesa3d: that has no option for Teflon, and brings OpenGL with it.
TEFLON_VERSION = 25.0.7
TEFLON_SOURCE = mesa-$(TEFLON_VERSION).tar.xz
TEFLON_SITE = https://archive.mesa3d.org
TEFLON_DL_SUBDIR = mesa3d
TEFLON_LICENSE = MIT, Apache-2.0 (TensorFlow Lite headers)
TEFLON_LICENSE_FILES = licenses/MIT licenses/Apache-2.0
TEFLON_CPE_ID_VENDOR = mesa3d
TEFLON_CPE_ID_PRODUCT = mesa

TEFLON_DEPENDENCIES = \
	host-bison \
	host-flex \
	host-pkgconf \
	host-python-mako \
	host-python-packaging \
	host-python-pycparser \
	host-python-pyyaml \
	libdrm

TEFLON_CONF_OPTS = \
	-Dteflon=true \
	-Dgallium-drivers=etnaviv \
	-Degl=disabled \
	-Dexpat=disabled \
	-Dgallium-extra-hud=false \
	-Dgallium-va=disabled \
	-Dgbm=disabled \
	-Dgles1=disabled \
	-Dgles2=disabled \
	-Dglvnd=disabled \
	-Dglx=disabled \
	-Dlibunwind=disabled \
	-Dllvm=disabled \
	-Dlmsensors=disabled \
	-Dmicrosoft-clc=disabled \
	-Dopengl=false \
	-Dplatforms= \
	-Dshader-cache=disabled \
	-Dvalgrind=disabled \
	-Dvideo-codecs= \
	-Dvulkan-drivers= \
	-Dxmlconfig=disabled \
	-Dzlib=disabled \
	-Dzstd=disabled

define TEFLON_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 \
		$(@D)/buildroot-build/src/gallium/targets/teflon/libteflon.so \
		$(TARGET_DIR)/usr/lib/libteflon.so
endef

$(eval $(meson-package))
