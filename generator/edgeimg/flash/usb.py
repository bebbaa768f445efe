"""Boards that a vendor's tool flashes over USB: what it needs, and running it.

Which tool, its commands, and how a board waits for it are data: `flash.usb` of the board and
`catalog/flashers/`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgeimg.catalog.flashers import WORDS, Flasher
from edgeimg.errors import EdgeimgError, InternalError, Stopped, UserError, UserErrors
from edgeimg.events import Log, Progress, Report, Step
from edgeimg.flash.image import content, open_image
from edgeimg.manifest.board import UsbFlash
from edgeimg.manifest.load import shown
from edgeimg.process import Completed, last_lines, run

# Where the kernel shows what is on USB, and the nodes through which it is reached.
SYS_USB = Path("/sys/bus/usb/devices")
DEV_USB = Path("/dev/bus/usb")
CHUNK = 4 << 20


@dataclass(frozen=True, kw_only=True)
class OnUsb:
    """A device on USB: `vendor:product`, what it says of itself, and its node."""

    id: str
    product: str
    node: Path


def on_usb() -> tuple[OnUsb, ...]:
    """What is on USB now."""
    found = []
    for folder in sorted(SYS_USB.glob("*")) if SYS_USB.is_dir() else ():
        with suppress(OSError, ValueError):
            identity = f"{_word(folder, 'idVendor')}:{_word(folder, 'idProduct')}"
            bus, number = int(_word(folder, "busnum")), int(_word(folder, "devnum"))
            node = DEV_USB / f"{bus:03d}" / f"{number:03d}"
            product = ""
            with suppress(OSError):
                product = _word(folder, "product")
            found.append(OnUsb(id=identity, product=product, node=node))
    return tuple(found)


def _word(folder: Path, name: str) -> str:
    text = (folder / name).read_text(errors="replace").strip()
    return "".join(one for one in text if one.isprintable())


def check_usb(flasher: Flasher, usb: UsbFlash, board: str) -> OnUsb:
    """Everything that the tool needs, looked at before it runs.

    Raises:
        UserErrors: what is missing, all of it.
    """
    problems = [
        UserError(f"the program '{program}' is missing", place=flasher.name, hint=f"It is {where}.")
        for program, where in flasher.programs.items()
        if shutil.which(program) is None and shutil.which(program, path="/usr/sbin:/sbin") is None
    ]
    waiting = [one for one in on_usb() if one.id in usb.ids]
    if len(waiting) == 1:
        node = waiting[0].node
        if not flasher.root and not os.access(node, os.R_OK | os.W_OK):
            problems.append(
                UserError("this user may not open it", place=str(node), hint=flasher.rights)
            )
    elif waiting:
        problems.append(
            UserError(
                f"{len(waiting)} boards wait on USB to be flashed",
                place=board,
                hint="Unplug all but one.",
            )
        )
    else:
        problems.append(_not_waiting(usb, board))
    if problems:
        raise UserErrors(problems)
    return waiting[0]


def _not_waiting(usb: UsbFlash, board: str) -> UserError:
    vendors = {one.split(":")[0] for one in usb.ids}
    near = [one for one in on_usb() if one.id.split(":")[0] in vendors]
    seen = f"; {near[0].id} {near[0].product} is there".rstrip() if near else ""
    return UserError(
        f"does not wait on USB to be flashed ({', '.join(usb.ids)}){seen}",
        place=board,
        hint=f"{usb.recovery} `lsusb` then shows it.",
    )


def find_files(usb: UsbFlash, flasher: Flasher, images: Path, image: str) -> dict[str, Path]:
    """The files that a build made for the tool, by their word.

    Args:
        images: the folder that they lie in.
        image: what `{image}` stands for; the name of the image's recipe.

    Raises:
        UserError: one is missing.
    """
    found = {}
    for word, artefact in usb.files.items():
        pattern = artefact.format(image=image)
        paths = [path for path in sorted(images.glob(pattern)) if path.suffix != ".bmap"]
        if not paths:
            raise UserError(
                f"no {pattern} there, which {flasher.name} needs",
                place=shown(images),
                hint=f"A build of the yocto builder makes it; or name it: --with {word}=FILE.",
            )
        found[word] = paths[0]
    return found


def flash_usb(
    flasher: Flasher, usb: UsbFlash, files: Mapping[str, Path], work: Path, report: Report
) -> None:
    """Runs the tool's commands, one after the other.

    Args:
        files: each of the tool's words.
        work: a folder of our own; it goes when all is done and stays, with logs, when not.

    Raises:
        Stopped: the user stopped it.
        UserError: a failure that the tool's data explain; InternalError: another one.
    """
    _make(work)
    try:
        files = _prepared(flasher, files, work, report)
        for step in flasher.steps:
            words = [WORDS.sub(lambda found: str(files[found[1]]), word) for word in step]
            report(Step(name=flasher.name, detail=" ".join(words[1:])))
            _run(flasher, usb, words, work, report)
    except KeyboardInterrupt:
        raise Stopped(
            "stopped while it was flashed", place=flasher.name, hint=f"{_half(usb)}."
        ) from None
    except OSError as error:
        text = (error.strerror or "failed").lower()
        raise UserError(text, place=shown(Path(error.filename or work))) from None
    shutil.rmtree(work, ignore_errors=True)


def _make(work: Path) -> None:
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
    except OSError as error:
        raise UserError((error.strerror or "failed").lower(), place=shown(work)) from None


def _half(usb: UsbFlash) -> str:
    return f"{usb.medium} may hold a part of the image and not boot; flash it again"


def _prepared(
    flasher: Flasher, files: Mapping[str, Path], work: Path, report: Report
) -> dict[str, Path]:
    """The files as the tool takes them."""
    ready = {word: path.resolve() for word, path in files.items()}
    for word in flasher.raw:
        image = open_image(ready[word])
        if image.packed:
            report(Step(name="unpack", detail=image.path.name))
            ready[word] = work / image.path.name.removesuffix(image.packed)
            with content(image) as stream, ready[word].open("wb") as file:
                while piece := stream.read(CHUNK):
                    if piece.count(0) == len(piece):
                        file.seek(len(piece), os.SEEK_CUR)
                    else:
                        file.write(piece)
                file.truncate()
    if flasher.unpack is not None:
        archive = ready[flasher.unpack]
        report(Step(name="unpack", detail=archive.name))
        run(
            ["tar", "--extract", "--sparse", "--file", archive, "--directory", work],
            error=UserError,
        )
    return ready


def _run(flasher: Flasher, usb: UsbFlash, words: list[str], work: Path, report: Report) -> None:
    progress = re.compile(flasher.progress) if flasher.progress else None

    def on_line(line: str) -> None:
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)
        if progress is not None and (found := progress.search(plain)):
            report(Progress(name=flasher.name, done=int(found[1]), total=100, detail="%"))
        elif plain.strip():
            report(Log(line=plain.strip()))

    done = run(
        words,
        cwd=work,
        check=False,
        timeout=flasher.minutes * 60,
        on_line=on_line,
        returns=True,
        error=UserError,
    )
    if done.status != 0:
        raise _failure(flasher, usb, done, work)


def _failure(flasher: Flasher, usb: UsbFlash, done: Completed, work: Path) -> EdgeimgError:
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout + done.stderr).replace("\r", "\n")
    (work / "flash.log").write_text(text)
    log = shown(work / "flash.log")
    for one in flasher.failures:
        if re.search(one.says, text):
            error: EdgeimgError = UserError(
                f"{one.means}; {_half(usb)}", place=flasher.name, hint=f"{one.next} Log: {log}."
            )
            break
    else:
        how = f"status {done.status}" if done.status > 0 else f"signal {-done.status}"
        error = InternalError(
            f"ended with {how}; {_half(usb)}", place=flasher.name, hint=f"Log: {log}."
        )
    error.add_note(last_lines(text, 12))
    return error
