"""The block devices of this machine: what they are, and why one is not written.

Read from `lsblk`, /proc and /sys, as any user: nothing here opens a device.
"""

from __future__ import annotations

import json
import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeimg.errors import UserError
from edgeimg.flash.uses import MOUNTED, uses
from edgeimg.process import run

COLUMNS = "NAME,PATH,TYPE,SIZE,RM,RO,VENDOR,MODEL,SERIAL,TRAN,MAJ:MIN"
DISKS = ("disk", "loop")


@dataclass(frozen=True, kw_only=True)
class Device:
    """A block device.

    Attributes:
        path: its name in /dev.
        number: `major:minor`.
        kind: what lsblk calls it: `disk`, `part`, `loop`, `lvm`, ...
        size: in bytes; 0 without a medium.
        removable: the medium can be taken out, says the kernel.
        transport: `usb`, `nvme`, `sata`, or empty.
        system: what of the running system it holds, such as `/` or `swap`.
        refused, hint: why it is never written, and what can be done; empty: it may be.
        sequence: the kernel's number of this medium; another one has another. Empty: not known.
    """

    path: str
    number: str
    kind: str
    size: int
    vendor: str
    model: str
    serial: str
    removable: bool
    transport: str
    system: tuple[str, ...] = ()
    refused: str = ""
    hint: str = ""
    sequence: str = ""

    @property
    def title(self) -> str:
        """How a person knows it: `/dev/sdb SanDisk Ultra, 32.0 GB`."""
        name = " ".join(part for part in (self.path, self.vendor, self.model) if part)
        return f"{name}, {human(self.size)}"

    @property
    def name(self) -> str:
        """The kernel's name of it, as in /sys/block."""
        return Path(self.path).name


def human(size: int) -> str:
    """A size as it is printed on a medium."""
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def devices() -> tuple[Device, ...]:
    """Every device that lsblk knows: disks, then what is on them, each once."""
    text = run(["lsblk", "--json", "--bytes", "--output", COLUMNS], error=UserError).stdout
    return parse(text, uses(), _backing_files(), Path("/sys"))


def find(path: str, known: tuple[Device, ...]) -> Device:
    """The device that a path names: a link to it, or any node of its number.

    Raises:
        UserError: nothing is there, it is no block device, or lsblk does not know it.
    """
    try:
        found = Path(path).stat()
    except OSError as error:
        raise UserError(
            f"{(error.strerror or 'cannot be read').lower()}",
            place=path[:200],
            hint="`edgeimg flash` without --device lists what is there.",
        ) from None
    if not stat.S_ISBLK(found.st_mode):
        raise UserError(
            "is not a block device",
            place=path[:200],
            hint="`edgeimg flash` without --device lists those that are.",
        )
    number = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    for device in known:
        if device.number == number:
            return device
    raise UserError(
        "the kernel has no medium there", place=path[:200], hint="Put it in, or see `lsblk`."
    )


def current(device: Device) -> bool:
    """Whether the very medium is still there that was looked at."""
    return _sequence(Path("/sys"), device.number) == device.sequence and _size(device.number) > 0


def parse(
    text: str, used: Mapping[str, tuple[str, ...]], backing: Mapping[str, str], sys: Path
) -> tuple[Device, ...]:
    """What `lsblk --json` printed, as devices.

    Args:
        used: what of the system lies on a device, by its number.
        backing: the files of loop devices, by the loop's path.
        sys: /sys.
    """
    # Without any device some versions print nothing.
    nodes: list[dict[str, Any]] = json.loads(text)["blockdevices"] if text.strip() else []
    found: dict[str, Device] = {}
    for node in nodes:
        top = _device(node, used, sys)
        reason, hint = _refused(node, used, backing)
        found.setdefault(
            top.number,
            _with(top, refused=reason, hint=hint, system=_system(node, used)),
        )
        for child in _below(node):
            inner = _device(child, used, sys)
            what = "a partition" if inner.kind == "part" else f"of the kind {inner.kind}"
            found.setdefault(
                inner.number,
                _with(
                    inner,
                    refused=f"is {what}, on {top.path}, and no disk",
                    hint="Name the whole disk; the image brings its own partitions.",
                ),
            )
    return tuple(found.values())


def _with(device: Device, **changes: Any) -> Device:
    return Device(**{**vars(device), **changes})


def _device(node: dict[str, Any], used: Mapping[str, tuple[str, ...]], sys: Path) -> Device:
    number = str(node["maj:min"]).strip()
    return Device(
        path=str(node["path"]),
        number=number,
        kind=str(node["type"]),
        size=int(node["size"] or 0),
        vendor=_word(node, "vendor"),
        model=_word(node, "model"),
        serial=_word(node, "serial"),
        removable=_true(node["rm"]) or _sd_card(sys, str(node["name"])),
        transport=_word(node, "tran"),
        sequence=_sequence(sys, number),
    )


def _word(node: dict[str, Any], key: str) -> str:
    # Devices pad what they say of themselves with anything.
    text = "".join(one if one.isprintable() else " " for one in str(node.get(key) or ""))
    return " ".join(text.split())


def _true(value: Any) -> bool:
    return value in (True, 1, "1")


def _sd_card(sys: Path, name: str) -> bool:
    """A card in a slot of the machine's own: the kernel does not call the slot removable."""
    try:
        return (sys / "block" / name / "device/type").read_text().strip() == "SD"
    except OSError:
        return False


def _sequence(sys: Path, number: str) -> str:
    try:
        return (sys / "dev/block" / number / "diskseq").read_text().strip()
    except OSError:
        return ""


def _size(number: str) -> int:
    try:
        return int(Path(f"/sys/dev/block/{number}/size").read_text())
    except (OSError, ValueError):
        return 0


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for child in node.get("children") or ():
        yield child
        yield from _below(child)


def _system(node: dict[str, Any], used: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What of the running system lies on it, or on anything that is on it."""
    every = (node, *_below(node))
    names = (name for one in every for name in used.get(str(one["maj:min"]).strip(), ()))
    return tuple(dict.fromkeys(names))


def _refused(
    node: dict[str, Any], used: Mapping[str, tuple[str, ...]], backing: Mapping[str, str]
) -> tuple[str, str]:
    """Why a disk is never written, and what to do; two empty texts: it may be."""
    every = (node, *_below(node))
    if str(node["type"]) not in DISKS:
        return f"is of the kind {node['type']} and no disk", "Name a disk."
    if holds := _system(node, used):
        some = ", ".join(holds[:4]) + (" ..." if len(holds) > 4 else "")
        if any(not name.startswith(MOUNTED) for name in holds):
            return f"is in use by this system: {some}", "Name another device."
        folders = shlex.join(name.removeprefix(MOUNTED) for name in holds)
        return f"is {some}", f"Unmount it first: sudo umount {folders}"
    for one in every[1:]:
        if str(one["type"]) != "part":
            return (
                f"is in use: {one['path']} ({one['type']}) is on it",
                "Take that down first; `lsblk` shows it.",
            )
    paths = {os.path.realpath(str(one["path"])) for one in every}
    for loop, file in backing.items():
        if os.path.realpath(file) in paths:
            return f"is in use: {loop} is on it", f"Take that down first: sudo losetup -d {loop}"
    if int(node["size"] or 0) == 0:
        return "has no medium in it", "Put one in."
    if _true(node["ro"]):
        return "is read-only", "See its write-protect switch."
    return "", ""


def _backing_files() -> dict[str, str]:
    found = {}
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            found[f"/dev/{file.parts[3]}"] = file.read_text().rstrip("\n")
    return found


def backing_file(device: Device) -> str:
    """The file of a loop device, or nothing."""
    return _backing_files().get(f"/dev/{device.name}", "")
