"""What everybody calls the architectures: `catalog/architectures.yaml`."""

from __future__ import annotations

from pydantic import Field

from edgeimg.manifest.base import Manifest, Version, Word


class YoctoTune(Manifest):
    """What BitBake's variables say where an architecture is this one."""

    arch: Word = Field(description="TUNE_ARCH.")
    features: tuple[Word, ...] = Field(default=(), description="TUNE_FEATURES that it has.")
    without: tuple[Word, ...] = Field(default=(), description="TUNE_FEATURES that it has not.")


class BuildrootArch(Manifest):
    """What Buildroot's symbols say where an architecture is this one."""

    arch: Word = Field(description="BR2_ARCH.")
    symbols: tuple[Word, ...] = Field(default=(), description="Symbols that are y.")


class Architecture(Manifest):
    """What the field calls one architecture."""

    debian: Word = Field(description="Debian's name.")
    gnu: Word = Field(description="GNU triplet.")
    machine: Word = Field(description="The machine as `uname -m` and wheels call it.")
    qemu: tuple[Word, ...] = Field(description="QEMU's programs that run it.")
    efi_loader: Word = Field(description="File name that UEFI looks for on a medium.")
    efi_stub: Word = Field(description="The EFI stub that a UKI begins with.")
    tune: YoctoTune = Field(description="As Yocto's machines say it.")
    buildroot: BuildrootArch = Field(description="As Buildroot's configurations say it.")


class Architectures(Manifest):
    """`catalog/architectures.yaml`."""

    version: Version
    architectures: dict[str, Architecture]
