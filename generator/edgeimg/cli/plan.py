"""check, plan, lock: what is decided before anything is built."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, colored, note, table

if TYPE_CHECKING:
    from edgeimg.manifest.select import Selection
    from edgeimg.plan.plan import Plan


def add_to(app: typer.Typer) -> None:
    app.command()(check)
    app.command("plan")(show)
    app.command()(lock)


def resolved(chosen: Selection) -> Plan:
    """The plan of the chosen product; what the user should know of it is said."""
    from edgeimg.cache import Cache
    from edgeimg.plan.resolve import resolve

    plan = resolve(chosen.product, chosen.source, Cache().folder("models"))
    for one in plan.notes:
        note(one)
    return plan


def check(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    output: options.Output = Format.text,
) -> None:
    """Check that everything fits. Nothing is fetched or written."""
    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    models = ", ".join(one.name for one in plan.models)
    if output is Format.text:
        word = colored("ok", "green", sys.stdout)
        unit = f" on {plan.accelerator.title}" if plan.accelerator else ""
        print(
            f"{word}: {plan.product}: {models} on {plan.board.name} with "
            f"{plan.runtime.name} {plan.runtime.version}{unit}, built by {plan.builder}"
        )
    Drawer(output).result(
        {
            "ok": True,
            "product": plan.product,
            "board": plan.board.name,
            "models": [one.name for one in plan.models],
            "runtime": plan.runtime.name,
            "builder": plan.builder,
            "notes": list(plan.notes),
        }
    )


def show(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    output: options.Output = Format.text,
) -> None:
    """Show every decision. Board, runtime, models, features, packages."""
    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    summary = _summary(plan)
    if output is Format.text:
        shown = {key: value for key, value in summary.items() if key not in ("shadows", "notes")}
        rows = [[key, _cell(value)] for key, value in shown.items() if value not in ("", [], {})]
        table(plan.product, ["what", "decision"], rows)
        for shadow in plan.shadows:
            print(f"{shadow.kind} {shadow.name}: {shadow.used} hides {shadow.hidden}")
    Drawer(output).result(summary)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_cell(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(inner) for inner in value)
    return str(value)


def _summary(plan: Plan) -> dict[str, Any]:
    runtime = plan.runtime
    return {
        "board": plan.board.name,
        "architecture": plan.board.architecture,
        "builder": plan.builder,
        "runtime": f"{runtime.name} {runtime.version}",
        "runtime from": _runtime_from(plan),
        "accelerator": plan.accelerator.title if plan.accelerator else "",
        "kernel modes": list(runtime.kernel_modes),
        "models": [
            f"{one.name} ({one.info.format}, {one.info.size:,} bytes)" for one in plan.models
        ],
        "compiled": [
            f"{one.name} for {made.accelerator}: {made.path.name} "
            f"({', '.join(made.look.targets) or made.look.unknown})"
            for one in plan.models
            for made in one.compiled
        ],
        "threads": plan.threads,
        "features": [one.name for one in plan.features],
        **_builder_summary(plan),
        "overlay": str(plan.overlay or ""),
        "app": plan.app_git.url if plan.app_git else str(plan.app_source),
        "shadows": [
            {"kind": one.kind, "name": one.name, "used": one.used, "hidden": one.hidden}
            for one in plan.shadows
        ],
        "notes": list(plan.notes),
    }


def _runtime_from(plan: Plan) -> str:
    if plan.runtime.wheel:
        return plan.runtime.wheel.file
    if plan.runtime.debian:
        return ", ".join(plan.runtime.debian.packages)
    if plan.runtime.yocto and plan.runtime.yocto.library:
        layers = ", ".join(plan.runtime.yocto.layers) or "the board's layers"
        return f"{plan.runtime.yocto.library.part} of {layers}"
    return f"compiled by {plan.builder}"


def _builder_summary(plan: Plan) -> dict[str, Any]:
    """What only one builder decides."""
    if plan.debian is not None:
        return {
            "root packages": list(plan.debian.packages["root"]),
            "kernel": plan.debian.packages["kernel"][0],
            "kernel modules": list(plan.debian.modules),
            "kernel arguments": list(plan.debian.kernel_args),
        }
    if plan.yocto is not None:
        return {
            "series": f"{plan.yocto.series} ({plan.yocto.release.summary})",
            "machine": plan.yocto.machine,
            "layers": [
                name if layer == "." else f"{name}/{layer}"
                for name, one in plan.yocto.repositories.items()
                for layer in one.layers
            ],
            "recipes": list(plan.yocto.recipes),
            "packages": list(plan.yocto.packages),
            "local.conf": [name for part in plan.yocto.conf.values() for name in part],
            "artefacts": list(plan.yocto.artefacts),
            "flashed": ["; ".join(way.commands) or way.before for way in plan.yocto.flash],
        }
    assert plan.buildroot is not None
    return {
        "Buildroot": plan.buildroot.release.release,
        "toolchain": plan.buildroot.toolchain,
        "added to": plan.buildroot.defconfig or "",
        "symbols": [symbol for part in plan.buildroot.config.values() for symbol in part],
        "kernel arguments": list(plan.buildroot.kernel_args),
    }


def lock(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    output: options.Output = Format.text,
) -> None:
    """Write the lock anew. Exact packages and wheels, by hash; the newest commits of layers."""
    from edgeimg.prepare.inputs import renew_lock

    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    path = chosen.locks[-1]
    with Drawer(output) as drawer:
        made = renew_lock(plan, path, drawer.report, newest=True)
    if output is Format.text:
        from edgeimg.manifest.load import shown

        packages = len(made.debian.packages) if made.debian else 0
        layers = f", {len(made.layers)} repositories of layers" if made.layers else ""
        print(f"{shown(path)}: {packages} packages, {len(made.wheels)} wheels{layers}")
    found = {one.name: one.commit for one in made.layers}
    drawer.result({"lock": str(path), "wheels": len(made.wheels), "layers": found})
