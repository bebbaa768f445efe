"""generate, build: from the plan to a project, from the project to an image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, note
from edgeimg.cli.plan import resolved
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.builders.image import Image
    from edgeimg.events import Report
    from edgeimg.manifest.select import Selection
    from edgeimg.plan.plan import Plan
    from edgeimg.render.write import Written


def add_to(app: typer.Typer) -> None:
    app.command()(generate)
    app.command()(build)


def generated(
    chosen: Selection, plan: Plan, folder: Path, *, locked: bool, offline: bool, report: Report
) -> Written:
    """Emits the project, with a lock that is made when it is missing."""
    from edgeimg.builders import BUILDERS
    from edgeimg.prepare.inputs import prepare
    from edgeimg.render.identity import identify
    from edgeimg.render.write import write

    builder = BUILDERS[plan.builder]
    inputs = prepare(plan, chosen.locks, locked=locked, offline=offline, report=report)
    tree = builder.render(plan, inputs)
    try:
        identity = identify(tree, plan, builder.contents(plan))
    except ValueError as error:  # a file was changed meanwhile
        raise UserError(str(error), hint="Run it again.") from None
    return replace(write(tree, folder), identity=identity)


def built(
    chosen: Selection,
    plan: Plan,
    folder: Path,
    *,
    locked: bool,
    offline: bool,
    report: Report,
    container: bool = False,
) -> Image:
    """Emits the project and builds it. The caller holds the project's lock.

    Args:
        container: of yocto only: kas runs in a container.
    """
    from edgeimg.builders import BUILDERS, yocto

    made = generated(chosen, plan, folder, locked=locked, offline=offline, report=report)
    if container:
        image = yocto.build(plan, folder, offline=offline, report=report, container=True)
    else:
        image = BUILDERS[plan.builder].build(plan, folder, offline=offline, report=report)
    return replace(image, identity=made.identity)


def generate(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    project: options.Project = None,
    locked: options.Locked = False,
    offline: options.Offline = False,
    layer_only: Annotated[
        bool,
        typer.Option(
            "--layer-only",
            help="Yocto: the layer and nothing else, for a build that you have; default folder: "
            "build/<product>-<board>[-<builder>]-layer.",
        ),
    ] = False,
    output: options.Output = Format.text,
) -> None:
    """Emit the project. It is complete, readable, and built without edgeimg."""
    from edgeimg.builders import BUILDERS
    from edgeimg.builders.image import holding
    from edgeimg.manifest.load import shown

    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    if layer_only:
        folder = project or chosen.project.with_name(f"{chosen.project.name}-layer")
        _layer_only(chosen, plan, folder, locked=locked, offline=offline, output=output)
        return
    folder = project or chosen.project
    with Drawer(output) as drawer, holding(folder):
        done = generated(chosen, plan, folder, locked=locked, offline=offline, report=drawer.report)
    if output is Format.text:
        print(
            f"{shown(folder)}: {done.files} files, {len(done.changed)} written, "
            f"{len(done.removed)} removed"
        )
        how = BUILDERS[plan.builder].command(folder)
        print(f"Build it with `{how}`, or with `edgeimg build`.")
    drawer.result(
        {
            "project": str(folder),
            "files": done.files,
            "changed": list(done.changed),
            "removed": list(done.removed),
        }
    )


def _layer_only(
    chosen: Selection, plan: Plan, folder: Path, *, locked: bool, offline: bool, output: Format
) -> None:
    from edgeimg.builders.image import holding
    from edgeimg.builders.yocto import layer_only
    from edgeimg.builders.yocto.render import LAYER
    from edgeimg.manifest.load import shown
    from edgeimg.prepare.inputs import prepare
    from edgeimg.render.write import write

    layer_only.check_folder(plan, folder)
    with Drawer(output) as drawer, holding(folder):
        inputs = prepare(plan, chosen.locks, locked=locked, offline=offline, report=drawer.report)
        done = write(layer_only.render_layer(plan, inputs), folder)
    assert plan.yocto is not None
    lines = layer_only.lines_to_add(plan, plan.yocto)
    if output is Format.text:
        print(
            f"{shown(folder)}: {done.files} files, {len(done.changed)} written, "
            f"{len(done.removed)} removed. To add:"
        )
        print(layer_only.said(folder, lines))
    if plan.overlay:
        note("the overlay is laid over the layer's own image alone, not over one of yours")
    drawer.result(
        {
            "layer": str(folder / LAYER),
            "local.conf": lines,
            "changed": list(done.changed),
            "removed": list(done.removed),
        }
    )


def build(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    project: options.Project = None,
    locked: options.Locked = False,
    offline: options.Offline = False,
    buildroot: options.Buildroot = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Yocto: parse all layers, find every dependency, stop."),
    ] = False,
    container: Annotated[
        bool,
        typer.Option(
            "--container", help="Yocto: kas runs in its own container, by docker or podman."
        ),
    ] = False,
    verbose: options.Verbose = False,
    output: options.Output = Format.text,
) -> None:
    """Build the flashable disk image."""
    from edgeimg.builders import yocto
    from edgeimg.builders.image import check_limits, holding

    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    folder = project or chosen.project
    if dry_run and plan.yocto is None:
        raise UserError(
            f"the builder {plan.builder} has no dry run", place="--dry-run", hint="Leave it out."
        )
    if container and plan.yocto is None:
        raise UserError(
            f"the builder {plan.builder} runs in no container",
            place="--container",
            hint="Leave it out.",
        )
    with Drawer(output, logs=verbose) as drawer, holding(folder):
        if dry_run:
            generated(chosen, plan, folder, locked=locked, offline=offline, report=drawer.report)
            yocto.dry_run(plan, folder, offline=offline, report=drawer.report, container=container)
            drawer.result({"project": str(folder), "dry_run": True})
            return
        image = built(
            chosen,
            plan,
            folder,
            locked=locked,
            offline=offline,
            report=drawer.report,
            container=container,
        )
        check_limits(plan.board, plan.budgets, image)
    if output is Format.text:
        print_image(image)
    drawer.result(image_result(image))


def print_image(image: Image) -> None:
    """Where the image lies and how large it is."""
    from edgeimg.manifest.load import shown

    for name, path in image.shown:
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {shown(path)}  ({name})")
    print(f"{image.identity:>16}  the image's identity")


def image_result(image: Image) -> dict[str, Any]:
    return {
        "image": str(image.disk),
        "identity": image.identity,
        "files": {
            name: {"path": str(path), "bytes": path.stat().st_size} for name, path in image.shown
        },
    }
