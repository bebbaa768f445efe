"""model compile: models for an accelerator, and where each operator runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, colored, table
from edgeimg.errors import UserError, UserErrors

if TYPE_CHECKING:
    from edgeimg.events import Report
    from edgeimg.manifest.select import Selection
    from edgeimg.plan.compiling import Compiling
    from edgeimg.plan.plan import PlannedModel
    from edgeimg.prepare.compile import Compiled
    from edgeimg.prepare.placement import PlacedOperator

MOST_ROWS = 40


def compile(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    settings: options.Settings = None,
    accelerator: Annotated[
        str | None,
        typer.Option(
            "--accelerator",
            help="Accelerator; default: the product's, or the only one that the board offers.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the files; default: build/compiled."),
    ] = None,
    fail_on_cpu_fallback: Annotated[
        bool, typer.Option("--fail-on-cpu-fallback", help="Refuse any operator on the CPU.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the placement as a page to this file.")
    ] = None,
    output: options.Output = Format.text,
) -> None:
    """Compile models for the product's accelerator. Shows where each operator runs."""
    from edgeimg.cache import Cache
    from edgeimg.plan.compiling import plan_compiling

    chosen = options.selection(file, board, model, None, settings)
    cache = Cache()
    asked = plan_compiling(chosen.product, chosen.source, accelerator, cache.folder("models"))
    if not asked.entry.supported:
        print(
            f"note: no image can use {asked.entry.name} yet: {asked.entry.reason}",
            file=sys.stderr,
            flush=True,
        )
    with Drawer(output) as drawer:
        done, errors = _all(asked, cache, drawer.report, no_fallback=fail_on_cpu_fallback)
    folder = out or chosen.folder / "build" / "compiled"
    good = [one for one, wrong in done if wrong is None]
    reports = [_report(one, asked, folder, wrong) for one, wrong in done]
    if output is Format.text:
        for (one, _), said in zip(done, reports, strict=True):
            _print(one, said)
    if html is not None and reports:
        from edgeimg.render.placement import placement_page

        title = f"Models on the {asked.entry.name} of {asked.board}"
        _write(html, placement_page(title, reports).encode())
    _write_files(folder, good, reports, asked)
    if errors:
        raise UserErrors(errors)
    if output is Format.text:
        _print_hints(chosen, asked, good, folder)
    drawer.result(_result(asked, reports))


def _all(
    asked: Compiling, cache: Any, report: Report, *, no_fallback: bool
) -> tuple[list[tuple[Compiled, UserError | None]], list[UserError]]:
    """Each model compiled and judged, and all that is wrong."""
    from edgeimg.prepare.compile import compile_model, judge

    done: list[tuple[Compiled, UserError | None]] = []
    errors: list[UserError] = []
    for model in asked.models:
        try:
            compiled = compile_model(model, asked, cache, report)
        except UserError as error:
            errors.append(error)
            continue
        wrong = judge(compiled, asked, no_fallback=no_fallback)
        done.append((compiled, wrong))
        errors += [wrong] if wrong else []
    return done, errors


def _name(compiled: Compiled, asked: Compiling) -> str:
    return f"{compiled.model}-{asked.entry.name}{compiled.file.suffix}"


def _report(
    compiled: Compiled, asked: Compiling, folder: Path, wrong: UserError | None
) -> dict[str, Any]:
    """One model, for JSON and for the page."""
    placement = compiled.placement
    return {
        "model": compiled.model,
        "accelerator": asked.entry.name,
        "compiler": compiled.compiler,
        "cached": compiled.cached,
        "targets": list(compiled.targets),
        "version": compiled.version,
        "unknown": compiled.unknown
        or ("" if placement else "the file does not say where each operator runs"),
        "file": "" if wrong else str(folder / _name(compiled, asked)),
        "memory_kib": asked.entry.memory_kib,
        "placement": placement.to_json() if placement else None,
        "error": wrong.as_json() if wrong else None,
    }


def _result(asked: Compiling, reports: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "board": asked.board,
        "accelerator": asked.entry.name,
        "release": asked.release.version if asked.release else "",
        "min_placement": asked.min_placement,
        "models": reports,
    }


def _write_files(
    folder: Path, good: list[Compiled], reports: list[dict[str, Any]], asked: Compiling
) -> None:
    """The compiled files, and `placement.json` for all models, also those that failed."""
    for compiled in good:
        _write(folder / _name(compiled, asked), compiled.file.read_bytes())
    if reports:
        text = json.dumps(_result(asked, reports), indent=2)
        _write(folder / "placement.json", f"{text}\n".encode())


def _write(path: Path, data: bytes) -> None:
    from edgeimg.cache import write_named

    try:
        write_named(path, data)
    except OSError as error:
        raise UserError(
            f"cannot be written: {error.strerror}", place=str(path), hint="Name another with -o."
        ) from error


def _print(compiled: Compiled, said: dict[str, Any]) -> None:
    made = compiled.compiler or "compiled elsewhere"
    print(f"{compiled.model} for {said['accelerator']}: {made}{', cached' * compiled.cached}")
    if said["targets"]:
        version = f", version {said['version']}" if said["version"] else ""
        print(f"compiled for {', '.join(said['targets'])}{version}")
    placement = compiled.placement
    if said["unknown"]:
        print(f"not known: {said['unknown']}")
    if placement is None:
        return
    shown = placement.operators[:MOST_ROWS]
    columns = ["operator", "makes", "runs on", "MACs", "cycles", "SRAM bytes", "why"]
    table("", columns, [_row(one, said["accelerator"]) for one in shown])
    if len(placement.operators) > len(shown):
        print(f"... and {len(placement.operators) - len(shown)} more; all are in placement.json")
    share = f"{placement.percent} of {placement.measure} on {said['accelerator']}"
    style = "red" if said["error"] else "yellow" if placement.on_cpu else "green"
    print(
        f"{colored(share, style, sys.stdout)}; {len(placement.operators) - len(placement.on_cpu)} "
        f"operators there, {len(placement.on_cpu)} on the CPU"
    )
    if placement.cycles is not None:
        beside = f"; {placement.unassigned:,} of no single operator" * bool(placement.unassigned)
        print(f"cycles {placement.cycles:,} (the compiler's estimate{beside})")
    limits = {"sram": f" of {said['memory_kib']} KiB"} if said["memory_kib"] else {}
    kinds = [
        f"{kind.upper()} {used:,} bytes{limits.get(kind, '')}"
        for kind, used in sorted(placement.memory.items(), reverse=True)
        if used
    ]
    if kinds:
        print(f"memory: {', '.join(kinds)}")
    print()


def _row(one: PlacedOperator, accelerator: str) -> list[str]:
    return [
        one.type,
        one.name if len(one.name) <= 32 else f"{one.name[:29]}...",
        accelerator if one.accelerated else "CPU",
        f"{one.macs:,}",
        "" if one.cycles is None else f"{one.cycles:,}",
        "" if one.memory is None else f"{one.memory:,}",
        one.reason,
    ]


def _print_hints(chosen: Selection, asked: Compiling, good: list[Compiled], folder: Path) -> None:
    """What a manifest takes to use the file that was written."""
    for compiled in good:
        if not compiled.compiler:
            continue
        planned = next(one for one in asked.models if one.name == compiled.model)
        name = _name(compiled, asked)
        print(f"{os.path.relpath(folder / name)} is written; in {_manifest(chosen, planned)}:")
        print(f"  compiled: {{{asked.entry.name}: {name}}}  # copied beside it")


def _manifest(chosen: Selection, model: PlannedModel) -> str:
    path = model.manifest.resolve()
    return str(path.relative_to(chosen.folder)) if path.is_relative_to(chosen.folder) else path.name
