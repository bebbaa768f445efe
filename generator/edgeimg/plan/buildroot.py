"""What the buildroot builder configures."""

from __future__ import annotations

from pathlib import Path

from edgeimg.catalog.types import BuildrootRelease
from edgeimg.errors import UserError, did_you_mean
from edgeimg.manifest.base import Config
from edgeimg.manifest.board import BuildrootBoard
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.plan import BuildrootPlan, PlannedAccelerator, PlannedFeature, PlannedRuntime
from edgeimg.resources import data

# Where the partitions are ours: the boot partition, and each of two root file systems.
ESP_MIB = 64
SLOT_MIB = 96


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


def plan_buildroot(
    chosen: Chosen,
    serves: BuildrootBoard,
    board_path: Path,
    release: BuildrootRelease,
    toolchain: str,
    runtime: PlannedRuntime,
    accelerator: PlannedAccelerator | None,
    features: tuple[PlannedFeature, ...],
) -> BuildrootPlan:
    """Our symbols by section, in the order in which they count.

    Raises:
        UserError: the product sets what upstream's scripts for the board decide.
    """
    product, source, board = chosen.product, chosen.source, chosen.board
    own_layout = serves.disk is None
    if product.kernel.args and not own_layout:
        raise UserError(
            f"kernel.args: the command line of {board.name} is made by upstream's scripts",
            place=source.place(("kernel", "args")),
            hint="Change its file in the boot partition with a script of your own, "
            "BR2_ROOTFS_POST_IMAGE_SCRIPT in buildroot.config.",
        )
    known = release.toolchains[toolchain].config
    packages: Config = {_symbol(name): "y" for name in product.packages}
    asked = {
        _symbol(name): source.place(("packages", index))
        for index, name in enumerate(product.packages)
    }
    for symbol in product.buildroot.config:
        asked[symbol] = source.place(("buildroot", "config", symbol))
    config: dict[str, Config] = {
        f"board {board.name}": serves.config,
        f"toolchain {toolchain}": {**known.get("all", {}), **known.get(board.architecture, {})},
        "every product": release.config,
        "partitions": release.layout if own_layout else {},
        f"runtime {runtime.name}": runtime.config,
    }
    if accelerator is not None:
        config[f"accelerator {accelerator.name}"] = accelerator.config
    for feature in features:
        config[f"feature {feature.name}"] = feature.config
    config["packages of the product"] = packages
    if product.buildroot.primary_site:
        config["primary_site of the product"] = {"BR2_PRIMARY_SITE": product.buildroot.primary_site}
    config["buildroot.config of the product"] = product.buildroot.config
    args = [f"console={board.console}", *serves.kernel_args, *product.kernel.args]
    return BuildrootPlan(
        release=release,
        toolchain=toolchain,
        defconfig=serves.defconfig,
        config=_last_wins(config),
        asked=asked,
        folder=_folder(chosen, board_path),
        kernel=serves.kernel,
        disk=serves.disk,
        kernel_args=tuple(dict.fromkeys(args)) if own_layout else (),
        kernel_config=product.kernel.config,
    )


def _last_wins(config: dict[str, Config]) -> dict[str, Config]:
    """Each symbol once, in the last section that sets it; no empty section."""
    owner = {symbol: section for section, symbols in config.items() for symbol in symbols}
    left = {
        section: {one: value for one, value in symbols.items() if owner[one] == section}
        for section, symbols in config.items()
    }
    return {section: symbols for section, symbols in left.items() if symbols}


def _symbol(package: str) -> str:
    """The symbol of a Buildroot package, as Buildroot's own rule makes it."""
    return "BR2_PACKAGE_" + package.upper().replace("-", "_").replace(".", "_")


def _folder(chosen: Chosen, board_path: Path) -> Path | None:
    """The board's own files: beside its YAML in the catalogue folder, else shipped."""
    name = chosen.board.name
    owner = next(
        (one for one in chosen.catalog.folders if board_path.resolve().is_relative_to(one)),
        board_path.resolve().parent,
    )
    for folder in (owner / "buildroot-external", data("buildroot-external")):
        if (found := folder / "board" / name).is_dir():
            return found
    return None
