"""model coverage: which runtime's release and which accelerator has a model's operators."""

from __future__ import annotations

import sys
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, colored, table
from edgeimg.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from edgeimg.catalog.operators import OperatorLists
    from edgeimg.plan.coverage import Coverage, Covered


def coverage(
    file: Annotated[Path, typer.Argument(help="A .tflite or .onnx file.")],
    runtime: Annotated[
        str | None,
        typer.Option("--runtime", help="Such as litert, or litert-2.1.6; default: each."),
    ] = None,
    accelerator: Annotated[
        str | None, typer.Option("--accelerator", help="Also what of it this takes.")
    ] = None,
    output: options.Output = Format.text,
) -> None:
    """Show what has a model's operators. Runtimes, and the accelerator that is asked for."""
    from edgeimg.cache import Cache
    from edgeimg.catalog.operators import OperatorLists
    from edgeimg.model.whole import read_whole
    from edgeimg.plan.coverage import coverage as cover

    lists = OperatorLists(options.catalogue())
    _, info = read_whole(file, cache_dir=Cache().folder("models"))
    found = {
        name: cover(info, lists, *key, accelerator)
        for name, key in _wanted(lists, runtime, info.format).items()
    }
    if accelerator is not None and accelerator not in lists.accelerators:
        hint = did_you_mean(accelerator, list(lists.accelerators))
        raise UserError(
            f"of accelerator '{accelerator[:60]}' no operators are known",
            place="--accelerator",
            hint=hint,
        )
    if output is Format.text:
        for name, each in found.items():
            _print(f"{file.name} with {name}", each, accelerator)
    Drawer(output).result({name: each.to_json() for name, each in found.items()})


def _wanted(
    lists: OperatorLists, runtime: str | None, model_format: str
) -> dict[str, tuple[str, str]]:
    """`name version` -> key, of the releases that are asked for and read the format."""
    known = {key for key, listed in lists.runtimes.items() if listed.value.format == model_format}
    asked = sorted(key for key in known if runtime in (None, key[0], "-".join(key)))
    if not asked:
        raise UserError(
            f"of runtime '{str(runtime)[:60]}' no {model_format} operators are known",
            place="--runtime",
            hint=did_you_mean(str(runtime), sorted("-".join(key) for key in known)),
        )
    return {" ".join(key): key for key in asked}


def _told(row: Covered, accelerator: str | None) -> tuple[str, ...]:
    use = row.use
    may = f"ok, if {row.note}" if row.note else "ok"
    placed = [row.accelerator or may] if accelerator else []
    return (use.name, str(use.version), ", ".join(use.types), row.runtime or "ok", *placed)


def _print(title: str, found: Coverage, accelerator: str | None) -> None:
    from edgeimg.model.info import summed

    columns = ["operator", "version", "types", "count", "MACs", "runtime"]
    columns += [accelerator] if accelerator else []
    sums = summed((_told(row, accelerator), row.use) for row in found.rows)
    rows = [[*told[:3], str(count), f"{macs:,}", *told[3:]] for told, (count, macs) in sums.items()]
    table(title, columns, rows)
    if found.placeable is not None:
        # As `check` has it: not 100.0 where something stays.
        print(f"{floor(found.placeable * 10) / 10:.1f}% of the MACs may go to {accelerator}")
    for gap in found.gaps:
        word = colored("error:" if gap.fatal else "note:", "yellow", sys.stdout)
        print(f"{word} {gap}")
    print()
