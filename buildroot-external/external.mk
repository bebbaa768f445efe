include $(BR2_EXTERNAL_EDGEIMG_PATH)/wheels.inc
include $(sort $(wildcard $(BR2_EXTERNAL_EDGEIMG_PATH)/package/*/*.mk))
