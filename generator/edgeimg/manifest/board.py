"""The board: hardware, or a QEMU machine. One YAML each; no code names one."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from edgeimg.manifest.base import (
    AnyPath,
    Config,
    InsidePath,
    Manifest,
    ModuleName,
    Name,
    PackageName,
    Provides,
    Text,
    Version,
    Word,
    YoctoConf,
)
from edgeimg.manifest.product import YoctoLayers


class RefusedQemu(Manifest):
    """A QEMU that is known to compute wrongly."""

    version: Word = Field(description="Beginning of the QEMU version, such as `7.2`.")
    argument: Word = Field(description="The argument with which it is wrong, such as `max`.")
    reason: Text = Field(description="What goes wrong.")
    source: Text = Field(description="Where this was seen.")


class QemuFlash(Manifest):
    """A flash memory with the environment of the board's U-Boot, made anew for each run."""

    size_mib: int = Field(gt=0, le=1024, description="Size of the flash, as the machine wants it.")
    environment_kib: int = Field(
        gt=0, le=1024, description="Size of the environment (U-Boot's `CONFIG_ENV_SIZE`)."
    )
    environment: dict[Word, Text] = Field(
        description="All its variables; U-Boot's own defaults do not count beside them."
    )

    @model_validator(mode="after")
    def _fits(self) -> QemuFlash:
        for name in self.environment:
            if "=" in name:
                raise ValueError(f"environment: '{name}' is not a name; it holds '='")
        if self.environment_kib > self.size_mib * 1024:
            raise ValueError("environment_kib: the environment is larger than the flash")
        length = sum(len(f"{name}={value}\0".encode()) for name, value in self.environment.items())
        if length + 5 > self.environment_kib * 1024:  # its checksum, and the end of the list
            raise ValueError(f"environment: does not fit into {self.environment_kib} KiB")
        return self


class QemuBoot(Manifest):
    """How QEMU starts the board. Words in braces are filled in when it runs."""

    disk: tuple[Text, ...] = Field(
        description="Arguments that boot the disk image itself; `{flash}` is the file of the flash."
    )
    kernel: tuple[Text, ...] = Field(
        description="Arguments that boot `{kernel}` with `{initrd}` and `{cmdline}`."
    )

    @model_validator(mode="after")
    def _known_words(self) -> QemuBoot:
        needed = ("{kernel}", "{initrd}", "{cmdline}")
        for arguments, known in ((self.disk, ("{flash}",)), (self.kernel, needed)):
            for argument in arguments:
                for word in re.findall(r"\{[^{}]*\}", argument):
                    if word not in known:
                        raise ValueError(f"{word} is not filled in; known are {', '.join(known)}")
        missing = [word for word in needed if not any(word in one for one in self.kernel)]
        if missing:
            raise ValueError(f"kernel does not hold {', '.join(missing)}")
        return self


def _attaches(words: tuple[str, ...]) -> tuple[str, ...]:
    if not any(re.search(r'\bdrive"?\s*[=:]\s*"?disk\b', word) for word in words):
        raise ValueError("no argument has drive=disk, as `-device virtio-blk-pci,drive=disk` does")
    return words


DiskArgs = Annotated[tuple[Text, ...], AfterValidator(_attaches)]


class Qemu(Manifest):
    """The QEMU machine that stands for the board."""

    program: Word = Field(description="QEMU's program, such as `qemu-system-aarch64`.")
    args: tuple[Text, ...] = Field(
        description="Machine and CPU arguments; the memory is `memory_mib`."
    )
    disk: DiskArgs = Field(description="Arguments that attach the drive with id `disk`.")
    flash: QemuFlash | None = Field(
        default=None, description="The flash that `boot.disk` names `{flash}`."
    )
    boot: QemuBoot = Field(description="The two ways to start it.")
    serial_bus: Word = Field(description="The device that carries virtio serial ports.")
    network: Word = Field(description="The network device, such as `virtio-net-pci`.")
    refuse: tuple[RefusedQemu, ...] = Field(
        default=(), description="QEMU versions that compute wrongly with an argument."
    )

    @model_validator(mode="after")
    def _flash_is_used(self) -> Qemu:
        used = any("{flash}" in word for word in self.boot.disk)
        if used and self.flash is None:
            raise ValueError("boot.disk holds {flash}, and there is no `flash`")
        if self.flash is not None and not used:
            raise ValueError("flash: boot.disk does not hold {flash}")
        return self


class Unsupported(Manifest):
    """A builder that does not serve the board."""

    unsupported: Text = Field(description="Why not, and what serves the board instead.")


class DebianBoard(Manifest):
    """What the debian builder needs to know of the board."""

    kernel: PackageName = Field(description="Debian's kernel package (a meta package is fine).")
    modules: tuple[ModuleName, ...] = Field(
        default=(), description="Kernel modules that the initramfs loads to find the root."
    )
    provides: Provides = Field(
        default_factory=dict, description="Versions of its parts, over the catalogue's."
    )
    late_modules: tuple[ModuleName, ...] = Field(
        default=(), description="Kernel modules that are loaded after the services have started."
    )
    kernel_args: tuple[Word, ...] = Field(default=(), description="Kernel command line.")


class BuildrootBoard(Manifest):
    """What the buildroot builder needs to know of the board.

    Files that it needs lie in `buildroot-external/board/<board>/`.
    """

    defconfig: Word | None = Field(
        default=None,
        description="Upstream's configuration that ours is added to, such as `raspberrypi5`; "
        "absent: ours is all there is.",
    )
    external: AnyPath | None = Field(
        default=None,
        description="A vendor's external tree (BR2_EXTERNAL) that `defconfig` is of, relative to "
        "this file; it stays where it is.",
    )
    config: Config = Field(default_factory=dict, description="Symbols that the board needs.")
    provides: Provides = Field(
        default_factory=dict, description="Versions of its parts, over the catalogue's."
    )
    kernel: Word = Field(description="The kernel's file, such as `Image`.")
    disk: Word | None = Field(
        default=None,
        description="The disk image that upstream's scripts make, such as `sdcard.img`; absent: "
        "the partitions are ours, and the kernel is the EFI program that the firmware starts.",
    )
    kernel_args: tuple[Word, ...] = Field(
        default=(), description="Kernel command line, where the partitions are ours."
    )


def _serves(value: Any) -> str:
    # Chosen before validation, so that errors speak of one of the two forms only.
    if isinstance(value, dict):
        return "refused" if "unsupported" in value else "served"
    return "refused" if isinstance(value, Unsupported) else "served"


# What stands in braces is filled in after a build of hours; `**` is a pattern of folders.
Artefact = Annotated[
    str,
    StringConstraints(
        pattern=r"^\*?(?:(?:[A-Za-z0-9_.+-]|\{image\})\*?)*$", min_length=1, max_length=128
    ),
]


LicenseName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$", max_length=64)
]


class YoctoLicense(Manifest):
    """A licence that a person must accept, by writing its name in the product."""

    where: Text = Field(description="What comes under it, and where it is read.")
    conf: YoctoConf = Field(description="Lines of local.conf that say that it is accepted.")
    without: Text | None = Field(
        default=None, description="What the image then lacks; absent: it cannot be built without."
    )


class YoctoBoardSeries(Manifest):
    """What one Yocto series adds to the board."""

    artefacts: tuple[Artefact, ...] = Field(default=(), description="More files to collect.")
    provides: Provides = Field(
        default_factory=dict, description="Versions of its parts, over the catalogue's."
    )


class YoctoBoot(Manifest):
    """How QEMU boots an image: as the machine's own runqemu does, where its kernel differs."""

    kernel: Artefact = Field(description="The kernel, one more artefact, such as `Image`.")
    kernel_args: tuple[Word, ...] = Field(description="Kernel command line, but for `console=`.")
    args: tuple[Text, ...] | None = Field(
        default=None, description="Machine and CPU arguments; absent: the board's."
    )
    disk: DiskArgs = Field(description="Arguments that attach the drive with id `disk`.")
    serial_bus: Word = Field(description="The device that carries virtio serial ports.")
    network: Word = Field(description="The network device.")

    def over(self, qemu: Qemu) -> Qemu:
        """The board's machine, as an image of yocto wants it."""
        changed = {"disk": self.disk, "serial_bus": self.serial_bus, "network": self.network}
        return qemu.model_copy(update={**changed, "args": self.args or qemu.args})


class YoctoBoard(Manifest):
    """What the yocto builder needs to know of the board."""

    machine: Word = Field(description="Its MACHINE.")
    variants: dict[Name, Word] = Field(
        default_factory=dict, description="Other machines that it may be, by a short name."
    )
    layers: tuple[Name, ...] = Field(
        default=(), description="Layers of `catalog/yocto.yaml`, but for those of every build."
    )
    repositories: dict[Name, YoctoLayers] = Field(
        default_factory=dict,
        description="Repositories of the vendor's that `catalog/yocto.yaml` does not have, or has "
        "otherwise, by name. A path is relative to this file; `edgeimg lock` leaves their commits.",
    )
    conf: YoctoConf = Field(default_factory=dict, description="Lines of local.conf.")
    licenses: dict[LicenseName, YoctoLicense] = Field(
        default_factory=dict, description="Licences that a person must accept, by name."
    )
    artefacts: tuple[Artefact, ...] = Field(
        default=(),
        description="Files in `deploy/images/<machine>` that are handed out; `{image}` stands for "
        "the image's name, `*` for anything.",
    )
    deploy: InsidePath = Field(
        default="tmp/deploy", description="Where BitBake deploys, below the build folder."
    )
    boot: YoctoBoot | None = Field(
        default=None,
        description="How QEMU boots the first artefact, a root file system that is not "
        "compressed; absent: it does not.",
    )
    series: dict[
        Name,
        Annotated[
            Annotated[YoctoBoardSeries, Tag("served")] | Annotated[Unsupported, Tag("refused")],
            Discriminator(_serves),
        ],
    ] = Field(min_length=1, description="The Yocto series that serve it, or why one does not.")


Refused = Annotated[Unsupported, Tag("refused")]


OR_WHY_NOT = "Where it does not serve the board: `{unsupported: WHY}`."


class BoardBuilders(Manifest):
    """Which builder serves the board, and with what."""

    debian: Annotated[Annotated[DebianBoard, Tag("served")] | Refused, Discriminator(_serves)] = (
        Field(description=f"Debian packages. {OR_WHY_NOT}")
    )
    buildroot: Annotated[
        Annotated[BuildrootBoard, Tag("served")] | Refused, Discriminator(_serves)
    ] = Field(description=f"Buildroot. {OR_WHY_NOT}")
    yocto: Annotated[Annotated[YoctoBoard, Tag("served")] | Refused, Discriminator(_serves)] = (
        Field(description=f"Yocto. {OR_WHY_NOT}")
    )


# As the kernel shows them: vendor and product.
UsbId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]


class UsbFlash(Manifest):
    """How a vendor's tool flashes the board over USB."""

    tool: Name = Field(description="A name of `catalog/flashers/`.")
    medium: Text = Field(description="What is written, such as `its eMMC`.")
    ids: tuple[UsbId, ...] = Field(
        min_length=1, description="`vendor:product` on USB when it waits to be flashed."
    )
    recovery: Text = Field(description="How it is brought to wait, as a sentence.")
    files: dict[Name, Artefact] = Field(
        default_factory=dict, description="The tool's files that a build makes, by their word."
    )
    given: dict[Name, Text] = Field(
        default_factory=dict,
        description="The tool's files that no build makes, and where each is found: the user "
        "names it, `--with WORD=FILE`.",
    )
    after: Text = Field(description="What is to be done afterwards, as a sentence.")
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")


class BoardFlash(Manifest):
    """How an image comes onto the board."""

    card: Text | None = Field(
        default=None,
        description="What is done with the written card, as a sentence; absent: the board's image "
        "is no copy of a medium.",
    )
    usb: UsbFlash | None = Field(default=None, description="Over USB, by a vendor's tool.")

    @model_validator(mode="after")
    def _one_way(self) -> BoardFlash:
        if self.card is None and self.usb is None:
            raise ValueError("names no way: `card`, `usb` or both")
        return self


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
    offers: tuple[Name, ...] = Field(
        default=(),
        description="What accelerators may need: buses (`usb`, `pcie`) and units of the chip.",
    )
    default_builder: Name = Field(default="debian", description="The builder when none is named.")
    qemu: Qemu | None = Field(default=None, description="The QEMU machine; absent for hardware.")
    flash: BoardFlash | None = Field(
        default=None, description="How an image comes onto the board; absent: it boots in QEMU."
    )
    builders: BoardBuilders = Field(description="Which builder serves the board, and how.")

    @model_validator(mode="after")
    def _boot_has_a_machine(self) -> Board:
        serves = self.builders.yocto
        if isinstance(serves, YoctoBoard) and serves.boot is not None and self.qemu is None:
            raise ValueError("builders.yocto.boot: the board has no `qemu`")
        return self

    @model_validator(mode="after")
    def _default_builder_serves(self) -> Board:
        known = type(self.builders).model_fields
        if self.default_builder not in known:
            names = ", ".join(known)
            raise ValueError(f"default_builder: no builder '{self.default_builder}' ({names})")
        return self

    @property
    def machine(self) -> Qemu | None:
        """`qemu` with the board's memory, so that `check` speaks of the machine that is started."""
        if self.qemu is None:
            return None
        # QEMU takes the last -m.
        args = (*self.qemu.args, "-m", str(self.memory_mib))
        return self.qemu.model_copy(update={"args": args})
