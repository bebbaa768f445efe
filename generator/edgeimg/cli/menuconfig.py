"""menuconfig: Buildroot's own menu; what was changed in it becomes lines of the product."""

from __future__ import annotations

import sys

import typer

from edgeimg.cli import options
from edgeimg.cli.build import generated
from edgeimg.cli.draw import Drawer, Format
from edgeimg.cli.plan import resolved
from edgeimg.errors import UserError


def add_to(app: typer.Typer) -> None:
    app.command()(menuconfig)


def menuconfig(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    project: options.Project = None,
    locked: options.Locked = False,
    offline: options.Offline = False,
    buildroot: options.Buildroot = None,
) -> None:
    """Open Buildroot's menu. What is changed there is kept in the product's file."""
    from edgeimg.builders.buildroot import configure, open_menu
    from edgeimg.builders.image import holding
    from edgeimg.manifest.keep import keep_config, yaml_lines
    from edgeimg.manifest.load import shown

    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    if plan.buildroot is None:
        raise UserError(
            f"the builder {plan.builder} has no menu", hint="Choose another: --builder buildroot."
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            "there is no terminal for the menu", hint="Write buildroot.config in the product."
        )
    folder = project or chosen.project
    with holding(folder):
        with Drawer(Format.text) as drawer:
            generated(chosen, plan, folder, locked=locked, offline=offline, report=drawer.report)
            make = configure(plan, folder, offline=offline, report=drawer.report)
        own, lists = chosen.product.buildroot.config, plan.buildroot.release.lists
        changed, lost = open_menu(make, folder, own, lists)
    for symbol in lost:
        print(f"{symbol}: not kept. Only what is added behind its entries lasts.")
    if not changed:
        print("Nothing is to be kept." if lost else "Nothing was changed.")
    elif chosen.source.path.is_file() and keep_config(chosen.source.path, changed):
        print(f"{shown(chosen.source.path)}: kept in buildroot.config:")
        print("\n".join(yaml_lines(changed, indent=4)))
    else:
        print("So that it lasts, put this into the product:\n\nbuildroot:\n  config:")
        print("\n".join(yaml_lines(changed, indent=4)))
