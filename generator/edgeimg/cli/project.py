"""init, doctor, schema, cache: around the work."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, table
from edgeimg.errors import Stopped, UserError, did_you_mean

if TYPE_CHECKING:
    from edgeimg.catalog.search import Catalog


def add_first_to(app: typer.Typer) -> None:
    """What a newcomer calls first stands first in --help."""
    app.command()(init)
    app.command()(doctor)


def add_to(app: typer.Typer) -> None:
    app.command()(schema)
    app.command()(cache)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write edgeimg.yaml.")] = Path(),
    board: options.Board = None,
    model: options.Models = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the product.")] = None,
    non_interactive: Annotated[
        bool, typer.Option("--non-interactive", help="Ask nothing; take options and defaults.")
    ] = False,
) -> None:
    """Write a commented edgeimg.yaml."""
    from edgeimg.cache import write_atomic
    from edgeimg.catalog.search import Catalog
    from edgeimg.manifest.board import Board
    from edgeimg.manifest.load import shown
    from edgeimg.manifest.select import FILE_NAME
    from edgeimg.manifest.starter import name_of, starter

    path = folder / FILE_NAME
    if path.exists():
        raise UserError("exists already", place=shown(path), hint="It was not touched.")
    catalog = Catalog()
    # What is given is looked at before anything is asked.
    board = board and _known(catalog, "board", board, folder, "--board")
    models = [_known(catalog, "model", one, folder, "--model") for one in model or ()]
    name = name and _valid_name(name)
    if not non_interactive:
        if not sys.stdin.isatty():
            raise UserError(
                "there is nobody to ask", hint="Give --non-interactive, --board and --model."
            )
        print(f"Boards: {', '.join(catalog.names('board'))}")

        def entry(kind: str) -> Callable[[str], str]:
            return lambda word: _known(catalog, kind, word.strip(), folder, kind)

        board = board or _ask("Board", "qemu-arm64", entry("board"))
        text = "Model (name, or path of a manifest)"
        models = models or [_ask(text, "digits", entry("model"))]
        named = name_of(folder.resolve().name) or "product"
        name = name or _ask("Name of the product", named, _valid_name)
    models = models or ["digits"]
    board = board or "qemu-arm64"
    name = name or name_of(Path(models[0]).stem) or "product"
    boots = catalog.read(catalog.find("board", board, base=folder), Board).value.qemu
    write_atomic(path, starter(name=name, board=board, models=models).encode())
    then = "verify" if boots else "build"
    print(f"{shown(path)} is written. Next: `edgeimg check`, then `edgeimg {then}`.")


def _ask(text: str, default: str, take: Callable[[str], str]) -> str:
    """Asks until the answer is right."""
    while True:
        try:
            answer = str(typer.prompt(text, default=default))
        except typer.Abort:
            raise Stopped("interrupted", hint="Nothing was written.") from None
        try:
            return take(answer)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)


def _known(catalog: Catalog, kind: str, word: str, folder: Path, place: str) -> str:
    """The name of an entry that there is, or its path relative to the folder written to."""
    found = catalog.find(kind, word, place=place)
    if "/" not in word and not word.endswith((".yaml", ".yml")):
        return word
    relative = os.path.relpath(found.resolve(), folder.resolve())
    try:
        relative.encode()
    except UnicodeEncodeError:
        raise UserError("the path is not UTF-8", place=place, hint="Rename it.") from None
    return relative if relative.startswith("../") else f"./{relative}"


def _valid_name(word: str) -> str:
    from edgeimg.manifest.starter import name_of

    if word != name_of(word):
        raise UserError(
            f"'{word[:60]}' is not a name",
            place="--name",
            hint=f"Lower-case letters, digits and hyphens: {name_of(word) or 'door'}.",
        )
    return word


def doctor(
    file: options.File = None,
    board: options.Board = None,
    builder: options.Builder = None,
    needed: Annotated[
        list[str] | None,
        typer.Option("--for", help="What this needs: debian, arm64, flash, test ..., or all."),
    ] = None,
    output: options.Output = Format.text,
) -> None:
    """Say what this machine lacks for the product. And the command that installs it."""
    from edgeimg.cache import Cache
    from edgeimg.host import check_machine, check_tools, read_tools
    from edgeimg.manifest.select import find_product
    from edgeimg.resources import data

    tools = read_tools(data("catalog") / "host.yaml")
    known = {word for tool in tools for word in tool["for"]}
    for word in needed or ():
        if word not in known | {"all"}:
            hint = did_you_mean(word, sorted(known))
            raise UserError(f"nothing is for '{word}'", place="--for", hint=hint)
    words = set(needed or ())
    if file or board or builder or (not words and find_product()):
        words |= _needed(file, board, builder)
    if not words or "all" in words:
        words = known
    checks = [
        *check_tools([tool for tool in tools if words & set(tool["for"])]),
        *(check for check in check_machine(Cache().root) if check.serves(words)),
    ]
    bad = [check for check in checks if check.state in ("missing", "old")]
    missing = sorted({check.package for check in bad if check.package})
    command = f"apt-get install --no-install-recommends {' '.join(missing)}" if missing else ""
    if output is Format.text:
        rows = [[check.what, check.needed_for, check.state, check.found] for check in checks]
        table("", ["what", "for", "state", "found"], rows)
        if command:
            print(f"\nInstall what is missing:\n  sudo {command}")
    Drawer(output).result(
        {"ok": not bad, "install": command, "checks": [vars(one) for one in checks]}
    )
    if bad:
        raise typer.Exit(2)


def _needed(file: Path | None, board: str | None, builder: str | None) -> set[str]:
    """The words of host.yaml that a product is built and booted by."""
    from edgeimg.catalog.search import Catalog
    from edgeimg.manifest.board import Board
    from edgeimg.plan.resolve import catalog_folders

    chosen = options.selection(file, board, None, builder, None)
    catalog = Catalog(catalog_folders(chosen.product, chosen.source))
    path = catalog.find("board", chosen.product.board, base=chosen.folder)
    one = catalog.read(path, Board).value
    words = {chosen.product.builder or one.default_builder, one.architecture}
    if one.qemu is not None:
        words.add(f"qemu-{one.architecture}")
    print(f"For {one.name} with {', '.join(sorted(words))}; of all: --for all.", file=sys.stderr)
    return words


def schema(
    kind: Annotated[
        str,
        typer.Argument(
            help="product, board or model; of a catalogue: runtime, accelerator, operators, "
            "feature or flasher."
        ),
    ] = "product",
) -> None:
    """Print the JSON Schema of a manifest, or of a catalogue's file. For editors."""
    from edgeimg.catalog.schema import NAMES, schema_of

    if kind not in NAMES:
        raise UserError(f"no manifest '{kind[:60]}'", hint=did_you_mean(kind, NAMES))
    print(json.dumps(schema_of(kind), indent=2, ensure_ascii=False))


def cache(
    prune: Annotated[
        int | None,
        typer.Option("--prune", min=0, help="Remove what was not used for so many days."),
    ] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option("--clear", help="Remove all of one kind, such as compiled; may be repeated."),
    ] = None,
    output: options.Output = Format.text,
) -> None:
    """Show what the cache holds. Remove what is old, or one kind of it."""
    from edgeimg.cache import Cache

    store = Cache()
    held = [one.name for one in store.usage()]
    for name in clear or ():
        if name not in held:
            raise UserError(
                f"the cache holds nothing called '{name[:60]}'",
                place="--clear",
                hint=did_you_mean(name, held),
            )
    removed = sum(store.clear(name) for name in dict.fromkeys(clear or ()))
    removed += store.prune(timedelta(days=prune)) if prune is not None else 0
    usage = store.usage()
    if output is Format.text:
        rows = [[one.name, str(one.files), f"{one.size / 1e6:.1f} MB"] for one in usage]
        table(str(store.root), ["what", "files", "size"], rows)
        if prune is not None or clear:
            print(f"removed {removed / 1e6:.1f} MB")
    Drawer(output).result(
        {"root": str(store.root), "removed": removed, "usage": [vars(one) for one in usage]}
    )
