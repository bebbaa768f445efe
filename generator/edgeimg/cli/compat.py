"""compat: what goes together, for every board or for one, and for a model."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, table, unbroken
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.catalog.search import Catalog
    from edgeimg.model.info import ModelInfo
    from edgeimg.plan.coherence import Fact
    from edgeimg.plan.compat import Cell

Boards = Annotated[
    list[str] | None,
    typer.Option("--board", "-b", help="Only this board, with every reason; may be repeated."),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        help="Which cells can run this model: its name, manifest or file; may be repeated.",
    ),
]
Html = Annotated[Path | None, typer.Option("--html", help="Write the matrix as a page, too.")]


RANK = ("yes", "unsupported", "no")


def add_to(app: typer.Typer) -> None:
    app.command()(compat)


def compat(
    board: Boards = None,
    model: Models = None,
    file: options.File = None,
    html: Html = None,
    output: options.Output = Format.text,
) -> None:
    """Show what goes together, and why not. Board, builder, series, runtime, accelerator."""
    from edgeimg.plan.compat import matrix

    catalog, own = _catalog(file)
    boards = list(dict.fromkeys(board or catalog.names("board")))
    models, compiled = _models(catalog, model or [])
    cells = matrix(catalog, boards, models, own, compiled)
    if html is not None:
        _write(html, cells, model or [])
    if output is Format.text:
        if board:
            _reasons(cells)
        else:
            _overview(cells)
        if html is not None:
            print(f"\n{html}: the same as a page", file=sys.stderr)
    Drawer(output).result({"cells": [asdict(one) for one in cells]})


def _catalog(file: Path | None) -> tuple[Catalog, dict[str, Fact]]:
    """The catalogue, with the product's own folders where there is one, and what that provides."""
    from edgeimg.catalog.search import Catalog
    from edgeimg.manifest.select import find_product, select
    from edgeimg.plan.choice import own_facts
    from edgeimg.plan.resolve import catalog_folders

    if file is None and find_product() is None:
        return Catalog(), {}
    chosen = select(file=file)
    folders = catalog_folders(chosen.product, chosen.source)
    return Catalog(folders), own_facts(chosen.product, chosen.source)


def _models(
    catalog: Catalog, names: Sequence[str]
) -> tuple[dict[str, ModelInfo], dict[str, list[str]]]:
    """What the models say of themselves, and the accelerators of their compiled files, by name."""
    from edgeimg.cache import Cache
    from edgeimg.model.whole import read_whole
    from edgeimg.plan.models import plan_model

    cache = Cache().folder("models")
    found: dict[str, ModelInfo] = {}
    compiled: dict[str, list[str]] = {}
    for name in names:
        if name.endswith((".yaml", ".yml")) or "." not in name:
            planned = plan_model(catalog.find("model", name, place="--model"), cache, catalog)
            key, info = planned.name, planned.info
            compiled[key] = [one.accelerator for one in planned.compiled]
        else:
            key, (_, info) = name, read_whole(Path(name), cache_dir=cache)
        if key in found:
            raise UserError(f"a second model '{key}'", place="--model", hint="Rename one.")
        found[key] = info
    return found, compiled


def _word(cell: Cell) -> str:
    """`yes` with the versions, or the verdict."""
    if cell.verdict == "yes":
        return cell.release or cell.runtime_version or "yes"
    return {"no": "no", "unsupported": "not yet"}[cell.verdict]


def _rows(cells: Sequence[Cell]) -> dict[tuple[str, str, str], list[Cell]]:
    rows: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.board, cell.builder, cell.flavour), []).append(cell)
    return rows


def _overview(cells: Sequence[Cell]) -> None:
    """A line a board, builder and series; a column a runtime that some board can have."""
    runtimes = sorted({one.runtime for one in cells if one.verdict == "yes" and one.runtime})
    drawn = []
    for (board, builder, flavour), row in _rows(cells).items():
        if not any(one.runtime or one.accelerator for one in row):
            continue  # the builder does not serve the board
        on_cpu = {one.runtime: unbroken(_word(one)) for one in row if not one.accelerator}
        best: dict[str, Cell] = {}
        for one in row:
            known = best.setdefault(one.accelerator, one)
            if RANK.index(one.verdict) < RANK.index(known.verdict):
                best[one.accelerator] = one
        text = ", ".join(f"{name}: {unbroken(_word(one))}" for name, one in best.items() if name)
        where = f"{builder} {flavour}".strip()
        drawn.append([board, where, *(on_cpu.get(one, "-") for one in runtimes), text])
    table("", ["board", "builder", *runtimes, "accelerators"], drawn)
    print("\nBelow a runtime: on the CPU.")
    print("A version: that is taken. not yet: nothing speaks against it, but nothing builds it.")
    print("Why: edgeimg compat --board NAME")


def _reasons(cells: Sequence[Cell]) -> None:
    # What is supported nowhere is told once.
    nowhere = {
        one.reason: None for one in cells if one.verdict == "unsupported" and not one.accelerator
    }
    rows = []
    for one in cells:
        if one.reason in nowhere:
            continue
        runtime = f"{one.runtime} {one.runtime_version}".strip()
        unit = f"{one.accelerator} {one.release}".strip() or "CPU"
        where = f"{one.builder} {one.flavour}".strip()
        verdict = {"yes": "ok", "no": "no", "unsupported": "not yet"}[one.verdict]
        unit = unit if one.flavour else "-"
        rows.append([one.board, where, runtime or "-", unit, unbroken(verdict), one.reason])
    table("", ["board", "builder", "runtime", "on", "", "why"], rows)
    print("\n" + "\n".join(nowhere))


def _write(path: Path, cells: Sequence[Cell], models: Sequence[str]) -> None:
    from edgeimg.cache import write_named
    from edgeimg.render.page import page

    title = "What goes together" + (f", for {', '.join(models)}" if models else "")
    columns: dict[tuple[str, str], None] = {}
    for one in cells:
        if one.runtime or one.accelerator:
            columns[(one.runtime, one.accelerator)] = None
    rows: list[dict[str, Any]] = [
        {
            "board": board,
            "builder": builder,
            "flavour": flavour,
            "served": bool(flavour) and any(one.runtime or one.accelerator for one in row),
            "reason": row[0].reason,
            "cells": {(one.runtime, one.accelerator): (one, _word(one)) for one in row},
        }
        for (board, builder, flavour), row in _rows(cells).items()
    ]
    counts = {
        word: sum(one.verdict == word for one in cells) for word in ("yes", "unsupported", "no")
    }
    ordered = sorted(columns, key=lambda one: (bool(one[1]), one[1], one[0]))
    text = page("compat", title, rows=rows, columns=ordered, counts=counts)
    try:
        write_named(path, text.encode())
    except OSError as problem:
        raise UserError(
            f"cannot write {path}: {problem.strerror}", place="--html", hint="Name another file."
        ) from problem
