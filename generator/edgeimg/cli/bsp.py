"""bsp: a vendor's BSP becomes boards; what would clash with it is said beforehand."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, colored, note, plain, table
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.bsp.board import Facts
    from edgeimg.bsp.imports import Imported
    from edgeimg.catalog.search import Catalog

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        help="A layer, a folder of layers, a kas file, a configuration of bitbake-setup, a "
        "manifest of repo, a build folder, or an external tree of Buildroot.",
    ),
]
BitBake = Annotated[
    Path | None,
    typer.Option(
        "--bitbake", help="Your BitBake; default: one beside the layers, else the extra `bsp`."
    ),
]
Core = Annotated[
    Path | None,
    typer.Option("--core", help="openembedded-core; default: one beside the layers."),
]
Machines = Annotated[
    list[str] | None,
    typer.Option(
        "--machine", help="Only this machine, or configuration of Buildroot's; may be repeated."
    ),
]


def add_to(app: typer.Typer) -> None:
    bsp = typer.Typer(
        help="Read a vendor's BSP. Its machines as boards, and what would clash.",
        rich_markup_mode=None,
    )
    bsp.command("import")(import_)
    bsp.command("check")(check)
    app.add_typer(bsp, name="bsp")


def import_(
    context: typer.Context,
    paths: Paths,
    out: Annotated[
        Path, typer.Option("--out", help="Folder that the boards are written to.")
    ] = Path("boards"),
    machine: Machines = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite boards that are there already.")
    ] = False,
    bitbake: BitBake = None,
    core: Core = None,
    buildroot: options.Buildroot = None,
    output: options.Output = Format.text,
) -> None:
    """Write a board's YAML for each machine of a BSP. Nothing is guessed."""
    from edgeimg.bsp.external import is_external
    from edgeimg.bsp.find import find
    from edgeimg.bsp.imports import facts, import_boards
    from edgeimg.catalog.search import Catalog
    from edgeimg.manifest.load import shown

    catalog = Catalog()
    known = facts(catalog)
    with Drawer(output) as drawer:
        if any(is_external(one) for one in paths):
            options.refuse(
                context, ("bitbake", "core"), "an external tree of Buildroot, which PATH is"
            )
            done = _external(catalog, known, paths, out, machine or (), force, drawer)
            notes: list[str] = []
        else:
            found = find(paths, bitbake=bitbake, core=core)
            # now that it is one of Yocto's
            options.refuse(context, ("buildroot",), "a BSP of Yocto's, which PATH is")
            done, notes = import_boards(
                found, known, out, machines=machine or (), force=force, report=drawer.report
            )
    for one in notes:
        note(one)
    failed = [one for one in done if one.state == "failed"]
    if output is Format.text:
        rows = [
            [
                one.board or one.machine,
                one.state,
                *(one.facts.get(key, "") for key in ("architecture", "cpu", "console", "kernel")),
                one.problem or ", ".join(one.open),
            ]
            for one in done
        ]
        columns = ["board", "state", "architecture", "cpu", "console", "kernel", "to fill in"]
        table("", columns, rows)
        written = sum(one.state == "written" for one in done)
        kept = sum(one.state in ("kept", "same") for one in done)
        counts = f"{written} written, {kept} kept as they were, {len(failed)} failed"
        print(f"{plain(shown(out))}: {counts}")
        first = next((one.path for one in done if one.path), None)
        if first is not None:
            print(f"Fill in what is open; then `edgeimg check --board {plain(shown(first))}`.")
    drawer.result({"boards": [one.to_json() for one in done], "notes": notes})
    if failed:
        raise typer.Exit(1)


def _external(
    catalog: Catalog,
    known: Facts,
    paths: list[Path],
    out: Path,
    names: Sequence[str],
    force: bool,
    drawer: Drawer,
) -> list[Imported]:
    from edgeimg.bsp.external import import_external, is_external
    from edgeimg.builders.buildroot.checkout import find_checkout
    from edgeimg.catalog.builders import BuildrootRelease
    from edgeimg.manifest.load import shown

    if len(paths) > 1:
        tree = next(one for one in paths if is_external(one))
        raise UserError(
            "is an external tree of Buildroot", place=shown(tree), hint="Give it alone."
        )
    release = catalog.read(catalog.file("catalog/buildroot.yaml"), BuildrootRelease).value
    checkout = find_checkout(release, offline=False, report=drawer.report)
    return import_external(
        paths[0],
        checkout,
        release.release,
        known.architectures,
        out,
        names=tuple(names),
        force=force,
        report=drawer.report,
    )


def check(
    paths: Paths,
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    settings: options.Settings = None,
    bitbake: BitBake = None,
    core: Core = None,
    output: options.Output = Format.text,
) -> None:
    """Say what in a BSP would clash with the product's layer."""
    from edgeimg.bsp.check import check as clashes
    from edgeimg.bsp.find import find
    from edgeimg.bsp.read import read
    from edgeimg.builders.yocto.layer_only import of_all_products
    from edgeimg.cli.plan import resolved

    chosen = options.selection(file, board, model, "yocto", settings)
    plan = resolved(chosen)
    assert plan.yocto is not None
    found = find(paths, bitbake=bitbake, core=core, every=True)
    with Drawer(output) as drawer:
        reading = read(
            found.bitbake,
            found.layers,
            build=found.build,
            local=found.build is not None,
            local_conf=found.local_conf,
            machines=[plan.yocto.machine],
            preferred=True,
            added=of_all_products(plan.yocto),
            report=drawer.report,
        )
    findings = clashes(plan, reading, found.missing, chosen.project)
    stops = [one for one in findings if one.stops]
    for one in found.notes:
        note(one)
    if output is Format.text:
        if findings:
            rows = [
                [one.kind, "FAIL" if one.stops else "note", one.text, one.hint] for one in findings
            ]
            table("", ["what", "verdict", "found", "what to do"], rows)
        word = colored("FAIL", "red", sys.stdout) if stops else colored("ok", "green", sys.stdout)
        print(
            f"{word}: meta-edgeimg of {plan.product} among {len(reading.layers)} layers: "
            f"{len(stops)} of {len(findings)} findings stop a build"
        )
    drawer.result(
        {
            "ok": not stops,
            "layers": [{"path": str(one.path), "collections": one.names} for one in reading.layers],
            "findings": [vars(one) for one in findings],
            "notes": list(found.notes),
        }
    )
    if stops:
        raise typer.Exit(1)
