"""flash: the image onto a card; or, by `flash_usb`, onto the board over USB."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, colored, is_terminal, table
from edgeimg.cli.plan import resolved
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.catalog.search import Catalog, Entry
    from edgeimg.events import Report
    from edgeimg.flash.bmap import BlockMap
    from edgeimg.flash.devices import Device
    from edgeimg.flash.image import ImageFile
    from edgeimg.manifest.board import Board

AFTER = "Take it out, put it into the board and switch it on."


@dataclass(frozen=True, kw_only=True)
class What:
    """What is flashed.

    Attributes:
        path: the image.
        recipe: the recipe of Yocto's that made it and what lies beside it; or empty.
        board: the board, if one is known.
    """

    path: Path
    recipe: str
    catalog: Catalog
    board: Entry[Board] | None


@dataclass(frozen=True, kw_only=True)
class How:
    """The options that say how."""

    device: str | None = None
    bmap: Path | None = None
    given: Sequence[str] = ()
    yes: bool = False
    not_removable: str | None = None
    sequence: str = ""
    verbose: bool = False
    output: Format = Format.text

    @property
    def interactive(self) -> bool:
        """Whether there is somebody to ask."""
        return self.output is Format.text and sys.stdin.isatty() and is_terminal(sys.stderr)


def add_to(app: typer.Typer) -> None:
    app.command()(flash)


def flash(
    image: Annotated[
        Path | None,
        typer.Argument(help="Image, packed (.zst .gz .xz .bz2) or not; default: what was built."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", "-d", help="The device to write, such as /dev/sdb.")
    ] = None,
    usb: Annotated[
        bool, typer.Option("--usb", help="Over USB, with the tool of the board's vendor.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="Show the devices, and why one is not written; no more.")
    ] = False,
    bmap: Annotated[
        Path | None, typer.Option("--bmap", help="The image's block map; default: beside it.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--with", help="A file for the vendor's tool, as WORD=FILE; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    not_removable: Annotated[
        str | None,
        typer.Option(
            "--not-removable", help="The path of --device again, for one that is not removable."
        ),
    ] = None,
    sequence: Annotated[str, typer.Option("--sequence", hidden=True)] = "",
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    project: options.Project = None,
    verbose: options.Verbose = False,
    output: options.Output = Format.text,
) -> None:
    """Write the image to a card and verify it, or flash the board over USB."""
    from edgeimg.cli.flash_usb import over_usb
    from edgeimg.manifest.select import FILE_NAME, find_product

    how = How(
        device=device,
        bmap=bmap,
        given=given or (),
        yes=yes,
        not_removable=not_removable,
        sequence=sequence,
        verbose=verbose,
        output=output,
    )
    if listed:
        _list(output)
        return
    if image is None and file is None and board is None and find_product() is None:
        raise UserError(
            f"no image is named, and there is no {FILE_NAME} here or above",
            hint="Name the image's file; `edgeimg flash --list` shows the devices.",
        )
    if image is None:
        what = _built(file, board, model, builder, settings, project)
    else:
        what = _named(image, board)
    way = what.board.value.flash if what.board else None
    if usb or (way is not None and way.card is None):
        over_usb(what, how)
    else:
        _to_card(what, how)


def _named(image: Path, board: str | None) -> What:
    from edgeimg.catalog.search import Catalog
    from edgeimg.manifest.board import Board

    catalog = Catalog()
    entry = catalog.entry("board", board, Board, place="--board") if board else None
    return What(path=image, recipe="", catalog=catalog, board=entry)


def _built(
    file: Path | None,
    board: str | None,
    model: list[str] | None,
    builder: str | None,
    settings: list[str] | None,
    project: Path | None,
) -> What:
    """The product's image as the last build made it; nothing is built.

    Raises:
        UserError: there is none.
    """
    from edgeimg.builders import BUILDERS
    from edgeimg.builders.yocto.render import image_name
    from edgeimg.catalog.search import Catalog
    from edgeimg.manifest.board import Board
    from edgeimg.manifest.load import shown
    from edgeimg.plan.resolve import catalog_folders

    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    made = BUILDERS[plan.builder].image(plan, project or chosen.project)
    path = next((one for one in (made.disk, made.compressed) if one.is_file()), None)
    if path is None:
        raise UserError("no image there", place=shown(made.disk), hint="Run `edgeimg build` first.")
    catalog = Catalog(catalog_folders(chosen.product, chosen.source))
    entry = catalog.entry("board", chosen.product.board, Board, base=chosen.folder)
    recipe = image_name(plan) if plan.yocto else ""
    return What(path=path, recipe=recipe, catalog=catalog, board=entry)


def _list(output: Format) -> None:
    from edgeimg.flash.devices import devices

    known = devices()
    if output is Format.text:
        _table(known)
    Drawer(output).result({"devices": [vars(one) for one in known]})


def _table(known: Sequence[Device]) -> None:
    from edgeimg.flash.devices import human

    disks = [one for one in known if one.kind == "disk" and (one.size or one.removable)]
    rows = [
        [
            one.path,
            one.vendor or "-",
            one.model or "-",
            human(one.size) if one.size else "-",
            "yes" if one.removable else "no",
            one.refused or ("ok" if one.removable else "not removable: name it with --device"),
        ]
        for one in sorted(disks, key=lambda one: (bool(one.refused), not one.removable, one.path))
    ]
    table("", ["path", "vendor", "model", "size", "removable", "to be written"], rows)


def _to_card(what: What, how: How) -> None:
    from edgeimg.flash.bmap import beside, read_bmap
    from edgeimg.flash.devices import devices, find
    from edgeimg.flash.image import open_image
    from edgeimg.flash.ready import check_device, check_size, may_write

    known = devices()
    image = open_image(what.path)
    device = find(how.device or _choose(known, how), known)
    check_device(device, image)
    path = how.bmap or beside(image.path)
    with tempfile.TemporaryDirectory(prefix="edgeimg-flash.") as folder:
        with Drawer(how.output, logs=how.verbose) as drawer:
            block_map = read_bmap(path) if path else None
            if block_map is None and may_write(device):
                block_map = _mapped(image, Path(folder), drawer.report)
            if block_map is not None:
                check_size(device, image, block_map)
        if how.device is not None:
            _confirm(device, how)
        if not may_write(device):
            _as_root(what, image, device, path, how)
        assert block_map is not None
        _write(what, image, block_map, device, how)


def _mapped(image: ImageFile, folder: Path, report: Report) -> BlockMap:
    from edgeimg.events import Step
    from edgeimg.flash.bmap import map_whole

    report(Step(name="read", detail=f"{image.path.name}, which has no block map"))
    return map_whole(image, folder / "image.bmap", report)


def _choose(known: Sequence[Device], how: How) -> str:
    """Shows the devices and asks for one.

    Raises:
        UserError: there is none, or nobody to ask.
    """
    able = [one for one in known if one.removable and not one.refused]
    if how.output is Format.text:
        _table(known)
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


def ask(question: str) -> str:
    """What is typed in answer, on the terminal."""
    print(colored(question, "bold", sys.stderr), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _confirm(device: Device, how: How) -> None:
    """Asks before anything is written.

    Raises:
        UserError: the answer is another one, or nobody is there to ask.
    """
    paths = (device.path, how.device)
    certain = device.removable or how.not_removable in paths
    if how.not_removable is not None and how.not_removable not in paths:
        raise UserError(f"is not {how.device}", place=f"--not-removable {how.not_removable[:80]}")
    if how.yes and certain:
        return
    if not how.interactive:
        if not certain:
            raise UserError(
                f"is not removable ({device.title.removeprefix(device.path).strip(' ,')})",
                place=device.path,
                hint=f"To write it all the same: --not-removable {device.path} --yes.",
            )
        raise UserError("nobody is there to ask", hint="Say --yes to write it without a question.")
    kind = "" if device.removable else " It is not removable."
    typed = ask(f"{device.title}: everything on it is lost.{kind} Type its path to write it: ")
    if typed not in paths:
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


def rerun(
    words: Sequence[str | Path], image: Path, place: str, sequence: str, how: How
) -> NoReturn:
    """`edgeimg` again, as root.

    Raises:
        UserError: nobody can be asked for a password.
    """
    from edgeimg.flash.ready import as_root
    from edgeimg.process import become

    path = image.absolute()
    command = shlex.join(as_root([*words, path]))
    if not how.interactive or shutil.which("sudo") is None:
        raise UserError(
            "this user may not write it", place=place, hint=f"Run it as root: {command}"
        )
    print(f"Root is needed for the rest: {command}", file=sys.stderr, flush=True)
    more = ["--sequence", sequence] if sequence else []
    more += ["--verbose"] if how.verbose else []
    become(as_root([*words, *more, path]), cwd=Path.cwd(), env=os.environ)


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
