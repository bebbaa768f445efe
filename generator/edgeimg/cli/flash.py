"""flash: the image onto a card, or onto the board over USB."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, colored, is_terminal, plain, table
from edgeimg.cli.plan import resolved
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.catalog.search import Catalog, Entry
    from edgeimg.flash.devices import Device
    from edgeimg.manifest.board import Board


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
    context: typer.Context,
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
    """Write the image to a card, or over USB. A card is read back and compared."""
    from edgeimg.cli.flash_card import to_card
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
    if device == "":  # an unset variable of a script, and not "any"
        raise UserError("is empty", place="--device", hint="`edgeimg flash --list` shows them.")
    if listed:
        _list(output)
        return
    if image is None and file is None and board is None and find_product() is None:
        raise UserError(
            f"no image is named, and there is no {FILE_NAME} here or above",
            hint="Name the image's file; `edgeimg flash --list` shows the devices.",
        )
    if image is not None:
        names = ("file", "model", "builder", "settings", "project")
        options.refuse(context, names, "an image that is named")
    if image is None:
        what = _built(file, board, model, builder, settings, project)
    else:
        what = _named(image, board)
    way = what.board.value.flash if what.board else None
    if usb or (way is not None and way.card is None):
        options.refuse(context, ("bmap", "not_removable"), "a board that is flashed over USB")
        over_usb(what, how)
    elif how.given:
        raise UserError(
            "is for a board that is flashed over USB", place="--with", hint="Say --usb."
        )
    else:
        to_card(what, how)


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
        print_devices(known)
    Drawer(output).result({"devices": [vars(one) for one in known]})


def print_devices(known: Sequence[Device]) -> None:
    """The disks as a table: those that may be written first, and why one is not."""
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


def ask(question: str) -> str:
    """What is typed in answer, on the terminal."""
    print(colored(plain(question), "bold", sys.stderr), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


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
    print(f"Root is needed for the rest: {plain(command)}", file=sys.stderr, flush=True)
    more = ["--sequence", sequence] if sequence else []
    more += ["--verbose"] if how.verbose else []
    become(as_root([*words, *more, path]), cwd=Path.cwd(), env=os.environ)
