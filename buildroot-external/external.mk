include $(BR2_EXTERNAL_EDGEIMG_PATH)/product.inc
include $(sort $(wildcard $(BR2_EXTERNAL_EDGEIMG_PATH)/package/*/*.mk))
