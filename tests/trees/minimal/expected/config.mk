# Made by edgeimg from edgeimg.yaml, qemu-arm64.yaml, digits.yaml.
# All that varies; the Makefile and scripts/ are the same for every product.
PRODUCT := digits
BOARD := qemu-arm64
ARCHITECTURE := arm64
GNU_TRIPLET := aarch64-linux-gnu
EFI_LOADER := BOOTAA64.EFI
EFI_STUB := linuxaa64.efi.stub
KERNEL_ARGS := console=ttyAMA0 quiet cryptomgr.notests panic=-1 kpti=0 initcall_blacklist=jent_mod_init,trace_eval_init,bpf_tcp_ca_kfunc_init,bpf_dummy_struct_ops_init
RUNTIME := litert
RUNTIME_LIBRARY := usr/lib/libLiteRt.so
RUNTIME_INCLUDE :=
APP_SOURCE := app
MIRROR :=
SNAPSHOT_MIRROR :=
DATA_MIB := 16
PARTITION_SEED := d90f0232-78a1-55e7-9c7a-a2e6253f029e
