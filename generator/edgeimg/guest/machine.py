"""QEMU's command line for a board, and what must be right before it starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from edgeimg.errors import UserError
from edgeimg.guest.flash import write_flash
from edgeimg.manifest.board import Qemu
from edgeimg.process import run

PORT = "edgeimg.verify"

Boot = Literal["disk", "kernel"]


@dataclass(frozen=True, kw_only=True)
class Artefacts:
    """What was built and can be booted.

    Attributes:
        image: the disk image; it is never written to.
        kernel, initrd: for booting without firmware; None when there are none. A kernel that
            finds its root file system alone needs no initrd.
        cmdline: the kernel's command line, for the same.
        firmware: the disk has what firmware starts; else it is booted by its kernel only.
    """

    image: Path
    kernel: Path | None = None
    initrd: Path | None = None
    cmdline: str = ""
    firmware: bool = True

    @property
    def boots(self) -> Boot:
        """How it is booted when nothing else is said."""
        return "disk" if self.firmware else "kernel"


def arguments(
    qemu: Qemu,
    artefacts: Artefacts,
    how: Boot,
    *,
    scratch: Path,
    serial: Sequence[str],
    stream: Path | None = None,
    port: str = PORT,
    ssh_port: int | None = None,
) -> list[str]:
    """The program and its arguments.

    The guest is always emulated (TCG): /dev/kvm can exist, answer, and still not boot.

    Args:
        how: boot the disk through the firmware, or the kernel directly.
        scratch: a folder of this run alone; the board's flash is written there.
        serial: arguments that say where the console goes.
        stream: where the guest's results are written; without it, the port is not there
            and the image behaves as on a board, which has a network.
        port: its name, which says what the guest shall do.
        ssh_port: on this machine's loopback, forwarded to the guest's port 22.

    Raises:
        UserError: a file that must be there is not.
    """
    words = [qemu.program, *qemu.args]
    if not any("accel" in word for word in qemu.args):
        words += ["-accel", "tcg"]
    words += ["-nodefaults", "-no-reboot", "-display", "none", *serial]
    words += [
        "-drive",
        f"if=none,id=disk,format=raw,snapshot=on,file={_escaped(_existing(artefacts.image))}",
        *qemu.disk,
    ]
    chosen = qemu.boot.disk if how == "disk" else qemu.boot.kernel
    places = _flash(qemu, scratch) if how == "disk" else _kernel(artefacts)
    words += [_filled(word, places) for word in _present(chosen, places)]
    if stream is not None:
        words += ["-device", f"{qemu.serial_bus},id=edgeimg-serial"]
        words += ["-chardev", f"file,id=edgeimg-verify,path={_escaped(stream)}"]
        words += ["-device", f"virtserialport,chardev=edgeimg-verify,name={port}"]
    if stream is None or ssh_port is not None:
        forward = f",hostfwd=tcp:127.0.0.1:{ssh_port}-:22" if ssh_port is not None else ""
        # Not the ROM to boot over the network by, which a package of its own (ipxe-qemu) has.
        words += ["-global", "pci-device.romfile="]
        words += ["-netdev", f"user,id=edgeimg-net{forward}"]
        words += ["-device", f"{qemu.network},netdev=edgeimg-net"]
    _check_firmware(words)
    return words


def check_machine(qemu: Qemu, how: Boot) -> None:
    """That a boot can begin: what it needs beside the image.

    Raises:
        UserError: QEMU or its firmware is missing, or this QEMU is refused.
    """
    qemu_version(qemu)
    _check_firmware(qemu.boot.disk if how == "disk" else qemu.boot.kernel)


def qemu_version(qemu: Qemu) -> str:
    """The version of the board's QEMU, such as `7.2.22`.

    Raises:
        UserError: it is missing, does not say its version, or is known to compute
            wrongly with one of the board's arguments.
    """
    done = run([qemu.program, "--version"], timeout=30, error=UserError)
    found = re.search(r"version ([0-9]+(?:\.[0-9]+)+)", done.stdout)
    if found is None:
        raise UserError(
            f"`{qemu.program} --version` does not name a version",
            hint="Run `edgeimg doctor`.",
        )
    version = found[1]
    present = {part for word in qemu.args for part in (word, *word.split(","))}
    for refused in qemu.refuse:
        prefix = refused.version.rstrip(".")
        fits = version == prefix or version.startswith(prefix + ".")
        if fits and refused.argument in present:
            raise UserError(
                f"QEMU {version} is refused with '{refused.argument}': {refused.reason}",
                hint="Change the board's `qemu.args`, or install another QEMU.",
            )
    return version


def _flash(qemu: Qemu, scratch: Path) -> Mapping[str, str]:
    """What the words in braces stand for in a disk boot."""
    if qemu.flash is None:
        return {}
    path = scratch / "flash.img"
    write_flash(qemu.flash, path)
    return {"flash": _escaped(path)}


def _kernel(artefacts: Artefacts) -> Mapping[str, str]:
    """What they stand for in a kernel boot."""
    if artefacts.kernel is None:
        raise UserError("the image has no kernel to boot directly", hint="Boot the disk instead.")
    places = {"kernel": str(_existing(artefacts.kernel)), "cmdline": artefacts.cmdline}
    if artefacts.initrd is not None:
        places["initrd"] = str(_existing(artefacts.initrd))
    return places


def _present(words: Sequence[str], places: Mapping[str, str]) -> list[str]:
    """The words without an option for an initrd that there is none of."""
    if "{initrd}" not in words or "initrd" in places:
        return list(words)
    index = words.index("{initrd}")
    return [*words[: index - 1], *words[index + 1 :]]


def _filled(word: str, places: Mapping[str, str]) -> str:
    # In one pass: what is filled in is not looked at again.
    return re.sub(r"\{([a-z]+)\}", lambda found: places.get(found[1], found[0]), word)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError("no such file", place=str(path), hint="Build the image first.")
    return path.absolute()


def _escaped(path: Path) -> str:
    """A path inside one of QEMU's option lists."""
    return str(path.absolute()).replace(",", ",,")


def _check_firmware(words: Sequence[str]) -> None:
    for option, word in pairwise(words):
        place = ""
        if option in ("-bios", "-pflash"):
            place = word
        elif option in ("-drive", "-blockdev") and "pflash" in word:
            found = re.search(r"(?:^|,)file=((?:[^,]|,,)*)", word)
            place = found[1].replace(",,", ",") if found else ""
        if place.startswith("/") and not Path(place).is_file():
            raise UserError(
                f"QEMU's firmware {place} is missing", hint="Install it, or run `edgeimg doctor`."
            )
