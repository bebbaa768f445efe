"""shell: a shell in which the project's own bitbake runs."""

from __future__ import annotations

import typer

from edgeimg.cli import options
from edgeimg.cli.build import generated
from edgeimg.cli.draw import Drawer, Format
from edgeimg.cli.plan import resolved
from edgeimg.errors import UserError


def add_to(app: typer.Typer) -> None:
    app.command()(shell)


def shell(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    project: options.Project = None,
    locked: options.Locked = False,
    offline: options.Offline = False,
) -> None:
    """Open kas's shell, in which bitbake knows the product."""
    from edgeimg.builders.image import holding
    from edgeimg.builders.yocto import shell as words_of
    from edgeimg.process import become

    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    if plan.yocto is None:
        raise UserError(
            f"the builder {plan.builder} has no shell", hint="Choose another: --builder yocto."
        )
    folder = project or chosen.project
    words, env = words_of(folder)
    with Drawer(Format.text) as drawer, holding(folder):
        generated(chosen, plan, folder, locked=locked, offline=offline, report=drawer.report)
    become(words, cwd=folder, env=env)
