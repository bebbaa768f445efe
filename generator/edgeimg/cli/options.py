"""Options that several verbs share, and the product that they name."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli.draw import Format
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.catalog.search import Catalog
    from edgeimg.manifest.select import Selection

PRODUCT = "Product"

File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        help="Product file; default: edgeimg.yaml here or above.",
        rich_help_panel=PRODUCT,
    ),
]
Board = Annotated[
    str | None,
    typer.Option(
        "--board", "-b", help="Board, by name or path of its YAML.", rich_help_panel=PRODUCT
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        help="Model, by name or path of its manifest; may be repeated.",
        rich_help_panel=PRODUCT,
    ),
]
Builder = Annotated[
    str | None,
    typer.Option(
        "--builder", help="Build system: debian, buildroot or yocto.", rich_help_panel=PRODUCT
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Set a key of the product, as key=value; may be repeated.",
        rich_help_panel=PRODUCT,
    ),
]
Output = Annotated[
    Format, typer.Option("--output", help="How to answer: text, one JSON object, or NDJSON events.")
]
Project = Annotated[
    Path | None,
    typer.Option(
        "--project",
        "-p",
        help="Folder of the emitted project; default: build/<product>-<board>[-<builder>].",
    ),
]
Locked = Annotated[bool, typer.Option("--locked", help="Refuse to make or renew the lock.")]
Offline = Annotated[
    bool, typer.Option("--offline", help="Use no network; what is missing is an error.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show the output of what is driven.")
]


Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        help="A device: ssh://[user@]host[:port] or serial:///dev/ttyUSB0[?baud=115200].",
    ),
]


def _set_buildroot(folder: Path | None) -> Path | None:
    if folder is not None:
        os.environ["EDGEIMG_BUILDROOT"] = str(folder.absolute())
    return folder


Buildroot = Annotated[
    Path | None,
    typer.Option(
        "--buildroot",
        envvar="EDGEIMG_BUILDROOT",
        callback=_set_buildroot,
        help="Your checkout of Buildroot; default: the pinned release is cloned.",
    ),
]


def refuse(context: typer.Context, names: Sequence[str], what: str) -> None:
    """What says nothing of what is done is not passed over.

    Args:
        names: of parameters of the command.

    Raises:
        UserError: one of them is given; the environment may say it to all.
    """
    for one in context.command.params:
        source = context.get_parameter_source(one.name or "")
        if one.name in names and source is not None and source.name == "COMMANDLINE":
            raise UserError(f"says nothing of {what}", place=one.opts[0], hint="Leave it out.")


def catalogue() -> Catalog:
    """The catalogue, with the folders of the product that is here, if one is."""
    from edgeimg.catalog.search import Catalog
    from edgeimg.manifest.select import find_product, select
    from edgeimg.plan.resolve import catalog_folders

    if find_product() is None:
        return Catalog()
    chosen = select()
    return Catalog(catalog_folders(chosen.product, chosen.source))


def selection(
    file: Path | None,
    board: str | None,
    models: list[str] | None,
    builder: str | None,
    settings: list[str] | None,
) -> Selection:
    """The product that the options name; what was assumed is said first."""
    from edgeimg.manifest.select import select

    chosen = select(
        file=file, board=board, models=models or (), builder=builder, settings=settings or ()
    )
    if chosen.note:
        print(chosen.note, file=sys.stderr, flush=True)
    return chosen
