"""What the buildroot builder configures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from packaging.version import Version

from edgeimg.catalog.builders import BuildrootRelease
from edgeimg.errors import UserError, did_you_mean
from edgeimg.manifest.base import Config
from edgeimg.manifest.board import BuildrootBoard
from edgeimg.manifest.load import is_file, shown, user_path
from edgeimg.manifest.product import Product
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.packages import choose_packages, symbol_of
from edgeimg.plan.plan import (
    BuildrootPlan,
    PlannedAccelerator,
    PlannedFeature,
    PlannedModel,
    PlannedRuntime,
)
from edgeimg.resources import data

# Where the partitions are ours: the boot partition, and each of two root file systems.
ESP_MIB = 64
SLOT_MIB = 96


def slot_mib(models: Sequence[PlannedModel]) -> int:
    """Size of the partition of a root file system; weights hardly become smaller in it."""
    return SLOT_MIB + sum(one.info.size for one in models) // (1 << 20)


def choose_toolchain(chosen: Chosen, release: BuildrootRelease) -> str:
    """The product's toolchain, or the catalogue's first.

    Raises:
        UserError: there is none of that name, or it is not for the architecture.
    """
    wanted = chosen.product.buildroot.toolchain
    place = chosen.source.place(("buildroot", "toolchain"))
    if wanted is None:
        return next(iter(release.toolchains))
    if wanted not in release.toolchains:
        raise UserError(
            f"buildroot.toolchain: no '{wanted}'",
            place=place,
            hint=did_you_mean(wanted, list(release.toolchains)),
        )
    known = release.toolchains[wanted].config
    if "all" not in known and chosen.board.architecture not in known:
        raise UserError(
            f"buildroot.toolchain: {wanted} has none for {chosen.board.architecture}",
            place=place,
            hint=f"Of {', '.join(release.toolchains)}, take another.",
        )
    return wanted


def fit_kernel(
    chosen: Chosen, serves: BuildrootBoard, release: BuildrootRelease, toolchain: str
) -> tuple[str, ...]:
    """Whether the toolchain's C library starts on the board's kernel; notes where it is not known.

    Raises:
        UserError: the kernel is older than what the library was compiled for: init ends at once.
    """
    oldest = release.toolchains[toolchain].kernel
    if oldest is None:
        return ()
    known = serves.provides.get("kernel") or release.provides.get("kernel")
    if known is None:
        return (
            f"toolchain {toolchain}: its C library starts on Linux {oldest} and later; which "
            f"kernel {chosen.board.name} has is not known here",
        )
    if Version(known.version) >= Version(oldest):
        return ()
    key = ("buildroot", "toolchain")
    others = [
        name
        for name, one in release.toolchains.items()
        if one.kernel is None or Version(known.version) >= Version(one.kernel)
    ]
    raise UserError(
        f"buildroot.toolchain: the C library of {toolchain} starts on Linux {oldest} and later, "
        f"and {chosen.board.name} has {known.version}",
        place=chosen.source.place(key if chosen.product.buildroot.toolchain else ("board",)),
        hint=f"Take {' or '.join(others)}." if others else "",
    )


def plan_buildroot(
    chosen: Chosen,
    serves: BuildrootBoard,
    release: BuildrootRelease,
    toolchain: str,
    runtime: PlannedRuntime,
    accelerator: PlannedAccelerator | None,
    features: tuple[PlannedFeature, ...],
) -> BuildrootPlan:
    """Our symbols by section, in the order in which they count, and the packages they select.

    Raises:
        UserError: the product sets what upstream's scripts for the board decide.
    """
    product, board = chosen.product, chosen.board
    if product.kernel.args and serves.disk is not None:
        raise UserError(
            f"kernel.args: the command line of {board.name} is made by upstream's scripts",
            place=chosen.source.place(("kernel", "args")),
            hint="Change its file in the boot partition with a script of your own, "
            "BR2_ROOTFS_POST_IMAGE_SCRIPT in buildroot.config.",
        )
    known = release.toolchains[toolchain].config
    sections: dict[str, Config] = {
        f"board {board.name}": serves.config,
        f"toolchain {toolchain}": {**known.get("all", {}), **known.get(board.architecture, {})},
        "every product": release.config,
        "partitions": release.layout if serves.disk is None else {},
        f"runtime {runtime.name}": runtime.config,
    }
    if accelerator is not None:
        assert accelerator.entry.buildroot is not None
        sections[f"accelerator {accelerator.name}"] = accelerator.entry.buildroot.config
    sections.update({f"feature {feature.name}": feature.config for feature in features})
    sections.update(_of_product(product))
    args = [f"console={board.console}", *serves.kernel_args, *product.kernel.args]
    return BuildrootPlan(
        release=release,
        toolchain=toolchain,
        defconfig=serves.defconfig,
        external=_external(chosen, serves),
        config=sections,
        packages=choose_packages(chosen.catalog, sections),
        asked=_asked(chosen),
        folder=_folder(chosen),
        kernel=serves.kernel,
        disk=serves.disk,
        kernel_args=tuple(dict.fromkeys(args)) if serves.disk is None else (),
        kernel_config={
            **{name: value for feature in features for name, value in feature.kernel.items()},
            **product.kernel.config,
        },
    )


def _of_product(product: Product) -> dict[str, Config]:
    """The sections that the product itself writes."""
    site = product.buildroot.primary_site
    return {
        "packages of the product": {symbol_of(name): "y" for name in product.packages},
        "primary_site of the product": {"BR2_PRIMARY_SITE": site} if site else {},
        "buildroot.config of the product": product.buildroot.config,
    }


def _asked(chosen: Chosen) -> dict[str, str]:
    """Symbol -> where the product asks for it."""
    product, source = chosen.product, chosen.source
    asked = {
        symbol_of(name): source.place(("packages", index))
        for index, name in enumerate(product.packages)
    }
    for symbol in product.buildroot.config:
        asked[symbol] = source.place(("buildroot", "config", symbol))
    return asked


def _external(chosen: Chosen, serves: BuildrootBoard) -> Path | None:
    """The vendor's external tree, which must have the defconfig."""
    if serves.external is None:
        return None
    place = shown(chosen.board_path)
    folder = user_path(chosen.board_path.resolve().parent, serves.external, place).resolve()
    if re.search(r"[\s:@]", str(folder)):
        raise UserError(
            f"external: Buildroot takes no blank, ':' or '@' in the path {folder}",
            place=place,
            hint="Move the tree.",
        )
    for name in ("external.desc", f"configs/{serves.defconfig}_defconfig"):
        if not is_file(folder / name):
            raise UserError(f"external: {serves.external} has no {name}", place=place)
    return folder


def _folder(chosen: Chosen) -> Path | None:
    """The board's own files: beside its YAML in the catalogue folder, else shipped."""
    path = chosen.board_path.resolve()
    owner = next((one for one in chosen.catalog.folders if path.is_relative_to(one)), path.parent)
    for folder in (owner / "buildroot-external", data("buildroot-external")):
        if (found := folder / "board" / chosen.board.name).is_dir():
            return found
    return None
