"""flash onto a card: which one, whether it is meant, writing and verifying."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from edgeimg.cli.draw import Drawer, Format, colored
from edgeimg.cli.flash import How, What, ask, print_devices, rerun
from edgeimg.errors import Stopped, UserError

if TYPE_CHECKING:
    from edgeimg.events import Report
    from edgeimg.flash.bmap import BlockMap
    from edgeimg.flash.devices import Device
    from edgeimg.flash.image import ImageFile

AFTER = "Take it out, put it into the board and switch it on."


def to_card(what: What, how: How) -> None:
    """Checks everything, asks, writes, reads back.

    Raises:
        Stopped: the user stopped it.
    """
    try:
        _to_card(what, how)
    except KeyboardInterrupt:  # while it is written or verified, that says more
        raise Stopped("interrupted", hint="Nothing was written.") from None


def _to_card(what: What, how: How) -> None:
    from edgeimg.flash.bmap import beside, read_bmap
    from edgeimg.flash.devices import devices, find
    from edgeimg.flash.image import open_image
    from edgeimg.flash.kind import check_kind
    from edgeimg.flash.ready import (
        check_device,
        check_programs,
        check_room,
        check_size,
        may_write,
    )

    known = devices()
    image = open_image(what.path)
    device = find(_choose(known, how) if how.device is None else how.device, known)
    check_device(device, image)
    check_room(device, image)
    check_programs()
    path = how.bmap or beside(image.path)
    if path is None:
        check_kind(image)
    if how.device is not None:
        _check_meant(device, how)  # before the image is read, which may be long
    with tempfile.TemporaryDirectory(prefix="edgeimg-flash.") as folder:
        with Drawer(how.output, logs=how.verbose) as drawer:
            block_map = read_bmap(path) if path else None
            if block_map is None and may_write(device):
                block_map = _mapped(image, Path(folder), device.size, drawer.report)
            if block_map is not None:
                check_size(device, image, block_map)
        if how.device is not None:
            _confirm(device, how)
        if not may_write(device):
            _as_root(what, image, device, path, how)
        assert block_map is not None
        _write(what, image, block_map, device, how)


def _mapped(image: ImageFile, folder: Path, most: int, report: Report) -> BlockMap:
    from edgeimg.events import Step
    from edgeimg.flash.bmap import map_whole

    report(Step(name="read", detail=f"{image.path.name}, which has no block map"))
    return map_whole(image, folder / "image.bmap", most, report)


def _choose(known: Sequence[Device], how: How) -> str:
    """Shows the devices and asks for one.

    Raises:
        UserError: there is none, or nobody to ask.
    """
    able = [one for one in known if one.removable and not one.refused]
    if how.output is Format.text:
        print_devices(known)
    if not able:
        raise UserError(
            "no removable device that could be written",
            hint="Put a card in, or name a device: --device /dev/...",
        )
    if not how.interactive:
        raise UserError(
            "no device is named", hint=f"Name it: edgeimg flash --device {able[0].path} --yes."
        )
    if len(able) == 1:
        question = f"{able[0].title}: everything on it is lost. Type its path to write it: "
    else:
        question = "Everything on the device is lost. Type the path of the one to write: "
    typed = ask(question)
    if typed not in {one.path for one in able}:
        raise UserError("that is none of them; nothing was written", place=typed[:80])
    return typed


def _check_meant(device: Device, how: How) -> None:
    """What --yes and --not-removable say, where nobody can be asked.

    Raises:
        UserError: they do not say that this device is meant.
    """
    if how.not_removable is not None and how.not_removable not in (device.path, how.device):
        raise UserError(f"is not {how.device}", place=f"--not-removable {how.not_removable[:80]}")
    if how.interactive:
        return
    if not _certain(device, how):
        raise UserError(
            f"is not removable ({device.title.removeprefix(device.path).strip(' ,')})",
            place=device.path,
            hint=f"To write it all the same: --not-removable {device.path} --yes.",
        )
    if not how.yes:
        raise UserError("nobody is there to ask", hint="Say --yes to write it without a question.")


def _certain(device: Device, how: How) -> bool:
    return device.removable or how.not_removable is not None


def _confirm(device: Device, how: How) -> None:
    """Asks before anything is written.

    Raises:
        UserError: the answer is another one.
    """
    certain = _certain(device, how)
    if how.yes and certain:
        return
    kind = "" if device.removable else " It is not removable."
    typed = ask(f"{device.title}: everything on it is lost.{kind} Type its path to write it: ")
    if typed not in (device.path, how.device):
        raise UserError("that is another path; nothing was written", place=typed[:80] or "-")


def _as_root(what: What, image: ImageFile, device: Device, bmap: Path | None, how: How) -> NoReturn:
    """Runs the writing as root: through sudo on a terminal, else the command is said.

    The checks are done anew there: the device may have changed meanwhile, and root sees more.

    Raises:
        UserError: nobody can be asked for a password.
    """
    words: list[str | Path] = ["flash", "--device", device.path, "--yes"]
    if not device.removable:
        words += ["--not-removable", device.path]
    if bmap is not None:
        words += ["--bmap", bmap.absolute()]
    if what.board is not None:
        words += ["--board", what.board.path.absolute()]
    rerun(words, image.path, device.path, device.sequence, how)


def _write(what: What, image: ImageFile, block_map: BlockMap, device: Device, how: How) -> None:
    from edgeimg.flash.devices import current, human
    from edgeimg.flash.write import held, verify, write

    path = Path(device.path)
    with Drawer(how.output, logs=how.verbose) as drawer, held(path):
        if not current(device) or how.sequence not in ("", device.sequence):
            raise UserError(
                "is another medium than the one that was looked at; nothing was written",
                place=device.path,
                hint="Run it again.",
            )
        began = time.monotonic()
        write(image, block_map, path, drawer.report)
        written = time.monotonic() - began
        verify(block_map, path, drawer.report)
        verified = time.monotonic() - began - written
    after = AFTER
    if what.board is not None and (way := what.board.value.flash) and way.card:
        after = way.card
    if how.output is Format.text:
        size = human(block_map.mapped)
        word = colored("verified", "green", sys.stdout)
        print(f"{device.title}: {size} written in {written:.1f} s, {word} in {verified:.1f} s.")
        print(after)
    drawer.result(
        {
            "image": str(image.path),
            "device": device.path,
            "size": block_map.size,
            "written": block_map.mapped,
            "verified": True,
            "write_seconds": round(written, 3),
            "verify_seconds": round(verified, 3),
            "next": after,
        }
    )
