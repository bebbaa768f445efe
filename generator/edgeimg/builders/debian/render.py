"""Plan, Inputs -> Tree: the emitted debian project (docs/design.md)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeimg.host import packages_for
from edgeimg.plan.plan import Plan
from edgeimg.prepare.inputs import Inputs
from edgeimg.prepare.lock import Lock
from edgeimg.render.contents import (
    add_app,
    add_configuration,
    add_features,
    add_models,
    header,
    licenses,
    named_at,
)
from edgeimg.render.environment import render as render_template
from edgeimg.render.tree import Copy, Text, Tree
from edgeimg.resources import data

# The partition UUIDs derive from the product's name: the same product, the same disk.
SEED = uuid.UUID("5b0a3a4e-6f0e-5c55-9a55-6d1d4c1d7f10")
# The folders of `debian-image/` that every project has.
PLAIN = ("scripts", "initramfs", "root")


def render(plan: Plan, inputs: Inputs) -> Tree:
    """The project as a tree of files.

    Raises:
        UserError: the overlay, a feature or the app holds what a project cannot.
        ValueError: text that a format cannot quote; the manifests refuse such text.
    """
    tree = Tree()
    plain = data("debian-image")
    tree.add("Makefile", Copy(source=plain / "Makefile"))
    for folder in PLAIN:
        tree.copy_folder(plain / folder, folder)
    add_app(tree, plan, "app")
    _add_lock(tree, plan, inputs.lock)
    _add_configuration(tree, plan)
    add_configuration(tree, plan, "root")
    add_features(tree, plan, "root")
    add_models(tree, plan, inputs.compiled, "root")
    tree.add("root/usr/share/doc/edge-model/copyright", Text(content=licenses(plan)))
    with named_at(plan.overlay_place):
        lists = _add_overlay(tree, plan.overlay) if plan.overlay else []
    context = {**_context(plan), "lists": lists}
    for name in ("README.md", "config.mk", "genimage.cfg"):
        tree.add(name, Text(content=render_template("debian", name, context)))
    return tree


def contents(plan: Plan) -> str:
    """The folder that is laid over the packages."""
    return "root"


def command_line(plan: Plan) -> str:
    """The kernel command line."""
    assert plan.debian is not None
    return " ".join(plan.debian.kernel_args)


def _add_lock(tree: Tree, plan: Plan, lock: Lock) -> None:
    assert lock.debian is not None
    packages = [
        (one.role, one.name, one.version, one.repository, one.path, str(one.size), one.sha256)
        for one in lock.debian.packages
    ]
    member = plan.runtime.wheel.member if plan.runtime.wheel else ""
    wheels = [
        (one.name, one.version, one.file, member, one.url, str(one.size), one.sha256)
        for one in lock.wheels
    ]
    tree.add("lock/packages.tsv", Text(content=_table(packages)))
    tree.add("lock/wheels.tsv", Text(content=_table(wheels)))


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\n" for row in sorted(rows))


def _add_configuration(tree: Tree, plan: Plan) -> None:
    assert plan.debian is not None
    tree.add("initramfs/modules", Text(content=_lines(plan.debian.modules)))
    tree.add("initramfs/modules-late", Text(content=_lines(plan.debian.late_modules)))
    tree.add("root/etc/hostname", Text(content=f"{plan.product}\n"), replace=True)


def _lines(words: tuple[str, ...]) -> str:
    return "".join(f"{word}\n" for word in words)


def _context(plan: Plan) -> dict[str, Any]:
    runtime, debian = plan.runtime, plan.debian
    assert debian is not None and runtime.debian is not None
    variables = {
        "PRODUCT": plan.product,
        "BOARD": plan.board.name,
        "ARCHITECTURE": plan.architecture.debian,
        "GNU_TRIPLET": plan.architecture.gnu,
        "EFI_LOADER": plan.architecture.efi_loader,
        "EFI_STUB": plan.architecture.efi_stub,
        "KERNEL_ARGS": command_line(plan),
        "RUNTIME": runtime.adapter,
        "RUNTIME_LIBRARY": runtime.debian.library,
        "RUNTIME_INCLUDE": runtime.debian.include,
        "APP_SOURCE": "app",
        "MIRROR": debian.mirror or "",
        "SNAPSHOT_MIRROR": debian.snapshot_mirror or "",
        "DATA_MIB": str(plan.data_mib),
        "PARTITION_SEED": str(uuid.uuid5(SEED, plan.product)),
    }
    names = ("disk", "esp", "rootfs-a", "rootfs-b", "data")
    return {
        "header": header(plan),
        "product": plan.product,
        "summary": plan.summary,
        "board": plan.board.name,
        "architecture": plan.architecture.debian,
        "triplet": plan.architecture.gnu,
        "host_packages": packages_for(
            ("debian", plan.board.architecture), data("catalog") / "host.yaml"
        ),
        "models": [model.name for model in plan.models],
        "runtime": f"{runtime.name} {runtime.version}",
        "features": [feature.name for feature in plan.features],
        "variables": list(variables.items()),
        "uuids": {name: str(uuid.uuid5(SEED, f"{plan.product} {name}")) for name in names},
    }


def _add_overlay(tree: Tree, overlay: Path) -> list[str]:
    """The user's folder, and what version control does not keep of it in lists.

    Returns:
        The lists' names.
    """
    tree.copy_folder(overlay, "root", what="overlay", replace=True, exact=True)
    private = {path for path, one in tree.files.items() if isinstance(one, Copy) and one.private}
    lists = {"root.folders": tree.empty, "root.private": private}
    for name, paths in lists.items():
        if paths:
            inner = tuple(path.removeprefix("root/") for path in sorted(paths))
            tree.add(name, Text(content=_lines(inner)))
    return [name for name, paths in lists.items() if paths]
