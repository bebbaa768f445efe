include $(BR2_EXTERNAL_EDGEIMG_PATH)/wheels.mk
include $(sort $(wildcard $(BR2_EXTERNAL_EDGEIMG_PATH)/package/*/*.mk))
