"""flash over USB: the board's own files, its vendor's tool, and what to do afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgeimg.cli.draw import Drawer, Format
from edgeimg.errors import UserError, UserErrors, did_you_mean

if TYPE_CHECKING:
    from edgeimg.catalog.flashers import Flasher
    from edgeimg.cli.flash import How, What
    from edgeimg.manifest.board import UsbFlash


def over_usb(what: What, how: How) -> None:
    """Checks everything that the tool needs, asks, and runs it."""
    from edgeimg.catalog.flashers import Flasher
    from edgeimg.flash.usb import check_usb, flash_usb

    if what.board is None:
        raise UserError("needs a board", place="--usb", hint="Name it with --board.")
    board = what.board.value
    usb = board.flash.usb if board.flash else None
    if usb is None:
        raise UserError(
            f"the board {board.name} is not flashed over USB",
            place="--usb",
            hint="Leave it out: its image is written to a card.",
        )
    if how.device is not None:
        raise UserError(
            f"the board {board.name} is flashed over USB, not by way of {how.device[:80]}",
            place="--device",
            hint="Leave it out.",
        )
    place = what.board.place("flash", "usb", "tool")
    _, flasher = what.catalog.load("flasher", usb.tool, Flasher, place=place)
    files = _files(what, how, flasher, usb)
    found = check_usb(flasher, usb, board.name)
    _confirm(board.name, usb, how)
    if flasher.root and os.geteuid() != 0:
        _as_root(what, files, how, flasher)
    work = files["image"].absolute().parent / f"flash-{flasher.name}"
    with Drawer(how.output, logs=how.verbose or how.output is not Format.text) as drawer:
        flash_usb(flasher, usb, files, work, drawer.report)
    if how.output is Format.text:
        print(
            f"{board.name}: {usb.medium} was written by {flasher.name}, which reads nothing back."
        )
        print(usb.after)
    drawer.result(
        {
            "image": str(files["image"]),
            "board": board.name,
            "usb": found.id,
            "tool": flasher.name,
            "verified": False,
            "next": usb.after,
        }
    )


def _files(what: What, how: How, flasher: Flasher, usb: UsbFlash) -> dict[str, Path]:
    """The file of each of the tool's words: named, or as a build made it.

    Raises:
        UserError, UserErrors: a word that the tool does not know, a file that is not there.
    """
    from edgeimg.flash.usb import find_files
    from edgeimg.manifest.load import user_path

    named: dict[str, Path] = {}
    for one in how.given:
        word, equals, path = one.partition("=")
        if not equals or not path:
            raise UserError("is not WORD=FILE", place=f"--with {one[:80]}")
        if word not in flasher.words:
            raise UserError(
                f"{flasher.name} takes no '{word[:40]}'",
                place="--with",
                hint=did_you_mean(word, sorted(flasher.words)),
            )
        named[word] = user_path(Path(), path, f"--with {word}")
    if not what.recipe:
        named.setdefault("image", what.path)
    missing = [
        UserError(f"no {word} is named: {where}", hint=f"Name it: --with {word}=FILE.")
        for word, where in usb.given.items()
        if word not in named
    ]
    missing += [
        UserError("is not there", place=str(path), hint="Build or fetch it.")
        for path in named.values()
        if not path.is_file()
    ]
    if missing:
        raise UserErrors(missing)
    wanted = usb.model_copy(
        update={"files": {word: one for word, one in usb.files.items() if word not in named}}
    )
    return {**find_files(wanted, flasher, what.path.absolute().parent, what.recipe), **named}


def _confirm(board: str, usb: UsbFlash, how: How) -> None:
    """Raises:
    UserError: the answer is another one, or nobody is there to ask.
    """
    from edgeimg.cli.flash import ask

    if how.yes:
        return
    if not how.interactive:
        raise UserError("nobody is there to ask", hint="Say --yes to write it without a question.")
    typed = ask(f"{board}: everything on {usb.medium} is lost. Type the board's name to write it: ")
    if typed != board:
        raise UserError("that is another name; nothing was written", place=typed[:80] or "-")


def _as_root(what: What, files: dict[str, Path], how: How, flasher: Flasher) -> None:
    from edgeimg.cli.flash import rerun

    assert what.board is not None
    words: list[str | Path] = ["flash", "--usb", "--yes", "--board", what.board.path.absolute()]
    for word, path in files.items():
        words += ["--with", f"{word}={path.absolute()}"]
    rerun(words, files["image"], flasher.name, "", how)
