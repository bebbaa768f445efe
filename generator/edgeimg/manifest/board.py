"""The board: hardware, or a QEMU machine. One YAML each; no code names one."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from edgeimg.manifest.base import Manifest, ModuleName, Name, PackageName, Text, Version, Word


class RefusedQemu(Manifest):
    """A QEMU that is known to compute wrongly."""

    version: Word = Field(description="Beginning of the QEMU version, such as `7.2`.")
    argument: Word = Field(description="The argument with which it is wrong, such as `max`.")
    reason: Text = Field(description="What goes wrong.")
    source: Text = Field(description="Where this was seen.")


class QemuBoot(Manifest):
    """How QEMU starts the board. Words in braces are filled in when it runs."""

    disk: tuple[Text, ...] = Field(description="Arguments that boot the disk image itself.")
    kernel: tuple[Text, ...] = Field(
        description="Arguments that boot `{kernel}` with `{initrd}` and `{cmdline}`."
    )

    @model_validator(mode="after")
    def _known_words(self) -> QemuBoot:
        known = ("{kernel}", "{initrd}", "{cmdline}")
        for argument in (*self.disk, *self.kernel):
            for word in re.findall(r"\{[^{}]*\}", argument):
                if word not in known:
                    raise ValueError(f"{word} is not filled in; known are {', '.join(known)}")
        missing = [word for word in known if not any(word in one for one in self.kernel)]
        if missing:
            raise ValueError(f"kernel does not hold {', '.join(missing)}")
        return self


class Qemu(Manifest):
    """The QEMU machine that stands for the board."""

    program: Word = Field(description="QEMU's program, such as `qemu-system-aarch64`.")
    args: tuple[Text, ...] = Field(description="Machine, CPU and memory arguments.")
    disk: tuple[Text, ...] = Field(description="Arguments that attach the drive with id `disk`.")
    boot: QemuBoot = Field(description="The two ways to start it.")
    serial_bus: Word = Field(description="The device that carries virtio serial ports.")
    network: Word = Field(description="The network device, such as `virtio-net-pci`.")
    refuse: tuple[RefusedQemu, ...] = Field(
        default=(), description="QEMU versions that compute wrongly with an argument."
    )


class Unsupported(Manifest):
    """A builder that does not serve the board."""

    unsupported: Text = Field(description="Why not, and what serves the board instead.")


class DebianBoard(Manifest):
    """What the debian builder needs to know of the board."""

    kernel: PackageName = Field(description="Debian's kernel package (a meta package is fine).")
    modules: tuple[ModuleName, ...] = Field(
        default=(), description="Kernel modules that the initramfs loads to find the root."
    )
    late_modules: tuple[ModuleName, ...] = Field(
        default=(), description="Kernel modules that are loaded after the services have started."
    )
    kernel_args: tuple[Word, ...] = Field(default=(), description="Kernel command line.")


def _serves(value: Any) -> str:
    # Chosen before validation, so that errors speak of one of the two forms only.
    if isinstance(value, dict):
        return "refused" if "unsupported" in value else "served"
    return "refused" if isinstance(value, Unsupported) else "served"


Refused = Annotated[Unsupported, Tag("refused")]


class BoardBuilders(Manifest):
    """Which builder serves the board, and with what."""

    debian: Annotated[Annotated[DebianBoard, Tag("served")] | Refused, Discriminator(_serves)] = (
        Field(description="Debian packages.")
    )
    buildroot: Unsupported = Field(description="Buildroot.")
    yocto: Unsupported = Field(description="Yocto.")


class Board(Manifest):
    """Hardware, or a QEMU machine."""

    version: Version
    name: Name
    summary: Text = Field(description="One line for people.")
    architecture: Word = Field(description="A name of `catalog/architectures.yaml`.")
    cpu: Word = Field(description="The CPU, as GCC and QEMU call it.")
    cpu_features: tuple[Word, ...] = Field(
        default=(), description="CPU features that a runtime may ask for, such as `fp16`."
    )
    memory_mib: int = Field(gt=0, le=1 << 20, description="RAM in MiB.")
    storage_mib: int = Field(gt=0, le=1 << 24, description="Size of the boot medium in MiB.")
    console: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$")] = Field(
        description="The serial console's device, such as `ttyAMA0`."
    )
    default_builder: Name = Field(default="debian", description="The builder when none is named.")
    qemu: Qemu | None = Field(default=None, description="The QEMU machine; absent for hardware.")
    builders: BoardBuilders = Field(description="Which builder serves the board, and how.")

    @model_validator(mode="after")
    def _default_builder_serves(self) -> Board:
        builder = getattr(self.builders, self.default_builder, None)
        if builder is None:
            known = ", ".join(type(self.builders).model_fields)
            raise ValueError(f"default_builder: no builder '{self.default_builder}' ({known})")
        return self
