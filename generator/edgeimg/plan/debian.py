"""What the debian builder composes."""

from __future__ import annotations

from pathlib import Path

from edgeimg.catalog.builders import DebianDistribution
from edgeimg.catalog.features import Feature
from edgeimg.errors import UserError
from edgeimg.manifest.board import DebianBoard
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.plan import DebianPlan, PlannedFeature, PlannedRuntime

# What is a link into `usr/` in the image; no folder can be laid over it.
MERGED = ("bin", "lib", "sbin")


def check_overlay(overlay: Path, place: str) -> None:
    """Whether the user's folder can be laid over Debian's merged /usr.

    Raises:
        UserError: it has a folder where the image has a link.
    """
    for name in MERGED:
        path = overlay / name
        if path.is_symlink() and str(path.readlink()) == f"usr/{name}":
            continue
        if path.is_symlink() or path.exists():
            raise UserError(
                f"overlay: {name} is a link to usr/{name} in the image",
                place=place,
                hint=f"Put its files into usr/{name}.",
            )


def plan_debian(
    chosen: Chosen,
    serves: DebianBoard,
    distribution: DebianDistribution,
    runtime: PlannedRuntime,
    features: tuple[Feature, ...],
    planned: tuple[PlannedFeature, ...],
) -> DebianPlan:
    """Packages by role, kernel modules and arguments.

    Raises:
        UserError: the product asks for what only a compiled kernel has.
    """
    product, source, board = chosen.product, chosen.source, chosen.board
    assert runtime.debian is not None
    if product.kernel.config:
        raise UserError(
            "kernel.config: the debian builder takes Debian's kernel as it is",
            place=source.place(("kernel", "config")),
            hint="Take it out, or build with `builder: buildroot`.",
        )
    root = {*distribution.root, *runtime.debian.packages, *product.packages}
    root.update(package for feature in planned for package in feature.packages)
    modules = [*serves.modules, *distribution.modules]
    late = [*serves.late_modules]
    late += [module for feature in features for module in feature.debian.modules]
    console = f"console={board.console}"
    args = [console, *distribution.kernel_args, *serves.kernel_args]
    args += [arg for feature in features for arg in feature.debian.kernel_args]
    return DebianPlan(
        distribution=distribution,
        repositories=tuple(
            one
            for one in distribution.repositories
            if product.debian.security_updates or not one.security
        ),
        packages={
            "root": tuple(sorted(root)),
            "kernel": (serves.kernel,),
            "boot": distribution.boot,
            "initramfs": distribution.initramfs,
            "sysroot": tuple(sorted({*distribution.sysroot, *runtime.debian.sysroot})),
        },
        places={
            name: source.place(("packages", index)) for index, name in enumerate(product.packages)
        },
        modules=tuple(dict.fromkeys(modules)),
        late_modules=tuple(dict.fromkeys(late)),
        kernel_args=tuple(dict.fromkeys([*args, *product.kernel.args])),
        mirror=product.mirror,
        snapshot_mirror=product.snapshot_mirror,
    )
