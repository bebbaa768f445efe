# Made by edgeimg from edgeimg.yaml, qemu-x86-64.yaml, digits.yaml, digits-float.yaml.
# All that varies; the Makefile and scripts/ are the same for every product.
PRODUCT := everything
BOARD := qemu-x86-64
ARCHITECTURE := amd64
GNU_TRIPLET := x86_64-linux-gnu
EFI_LOADER := BOOTX64.EFI
EFI_STUB := linuxx64.efi.stub
KERNEL_ARGS := console=ttyS0 quiet cryptomgr.notests panic=-1 no_timer_check initcall_blacklist=jent_mod_init,trace_eval_init,bpf_tcp_ca_kfunc_init,bpf_dummy_struct_ops_init loglevel=7
RUNTIME := litert
RUNTIME_LIBRARY := usr/lib/libLiteRt.so
RUNTIME_INCLUDE :=
APP_SOURCE := app
MIRROR := https://mirror.example
SNAPSHOT_MIRROR := https://snapshot.example/archive
DATA_MIB := 64
PARTITION_SEED := 23339d4f-cef1-527c-a141-f644c0cde242
