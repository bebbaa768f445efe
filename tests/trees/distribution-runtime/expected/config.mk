# Made by edgeimg from edgeimg.yaml, qemu-riscv64.yaml, digits-onnx.yaml.
# All that varies; the Makefile and scripts/ are the same for every product.
PRODUCT := onnx
BOARD := qemu-riscv64
ARCHITECTURE := riscv64
GNU_TRIPLET := riscv64-linux-gnu
EFI_LOADER := BOOTRISCV64.EFI
EFI_STUB := linuxriscv64.efi.stub
KERNEL_ARGS := console=ttyS0 quiet cryptomgr.notests panic=-1
RUNTIME := onnxruntime
RUNTIME_LIBRARY := usr/lib/riscv64-linux-gnu/libonnxruntime.so.1.21
RUNTIME_INCLUDE := usr/include/onnxruntime
APP_SOURCE := app
MIRROR :=
SNAPSHOT_MIRROR :=
DATA_MIB := 16
PARTITION_SEED := 74a1aeb0-0a83-5e7d-9867-ba3581bd4c8b
