"""Plan, Inputs -> Tree: the emitted Buildroot project (docs/design.md)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from edgeimg.errors import UserError
from edgeimg.host import packages_for
from edgeimg.manifest.base import Config
from edgeimg.plan.buildroot import ESP_MIB, slot_mib
from edgeimg.plan.plan import BuildrootPlan, Plan
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.contents import (
    BUSYBOX_SUPPORT,
    SUPPORT,
    add_app,
    add_configuration,
    add_features,
    add_models,
    header,
    licenses,
    named_at,
    own_app,
)
from edgeimg.render.environment import kconfig_line
from edgeimg.render.environment import render as render_template
from edgeimg.render.tree import Copy, Text, Tree
from edgeimg.resources import data

SEED = uuid.UUID("0c1f3f0a-7f0b-5d0e-8f7d-4b1f0d3f6a21")
EXTERNAL = "$(BR2_EXTERNAL_EDGEIMG_PATH)"


def render(plan: Plan, inputs: Inputs) -> Tree:
    """The project as a tree of files.

    Raises:
        UserError: the overlay, a feature or the app holds what a project cannot.
        ValueError: text that a format cannot quote; the manifests refuse such text.
    """
    assert plan.buildroot is not None
    tree = Tree()
    plain = data("buildroot-external")
    tree.add("Makefile", Copy(source=plain / "Makefile"))
    tree.copy_folder(plain / "scripts", "scripts")
    for path in ("external.mk", "linux/asked.awk"):
        tree.add(f"external/{path}", Copy(source=plain / path))
    skip = {"own-partitions"} | ({"own-partitions.fragment"} if plan.buildroot.disk else set())
    tree.copy_folder(plain / "board/common", "external/board/common", skip=skip)
    overlay = contents(plan)
    board_files = _add_board(tree, plan, plan.buildroot, overlay)
    for name, folder in plan.buildroot.packages.items():
        tree.copy_folder(folder, f"external/package/{name}")
    _add_package_contents(tree, plan, inputs)
    add_configuration(tree, plan, overlay)
    add_features(tree, plan, overlay)
    if plan.overlay:
        with named_at(plan.overlay_place):
            tree.copy_folder(plan.overlay, overlay, what="overlay", replace=True, exact=True)
    with named_at(plan.overlay_place):
        table = _table(tree, overlay)
    if table:
        path = f"external/board/{plan.board.name}/device_table.txt"
        tree.add(path, Text(content=table))
        board_files["BR2_ROOTFS_DEVICE_TABLE"] = f"system/device_table.txt {_inside(path)}"
    sections = {"this product's files": board_files, **plan.buildroot.config}
    context = _context(plan, plan.buildroot, inputs)
    context["sections"] = _lines(sections, plan.buildroot.release.lists)
    for name in ("README.md", "config.mk"):
        tree.add(name, Text(content=render_template("buildroot", name, context)))
    for name in ("external.desc", "Config.in", "product.inc"):
        text = render_template("buildroot", f"external/{name}", context)
        tree.add(f"external/{name}", Text(content=text))
    for wheel in context["wheels"]:
        text = render_template("buildroot", "external/wheel.hash", {**context, "wheel": wheel})
        name = f"external/package/{wheel['package']}/{wheel['package']}.hash"
        tree.add(name, Text(content=text), replace=True)
    text = render_template("buildroot", "external/configs/defconfig", context)
    tree.add(f"external/configs/{plan.product}_defconfig", Text(content=text))
    return tree


def contents(plan: Plan) -> str:
    """The overlay."""
    return f"external/board/{plan.board.name}/overlay"


def command_line(plan: Plan) -> str:
    """The kernel command line, where the partitions are ours."""
    assert plan.buildroot is not None
    return " ".join(plan.buildroot.kernel_args)


def _inside(path: str) -> str:
    return EXTERNAL + path.removeprefix("external")


def _add_board(tree: Tree, plan: Plan, buildroot: BuildrootPlan, overlay: str) -> Config:
    """The board's files; what must be configured for them."""
    folder = f"external/board/{plan.board.name}"
    config: Config = {
        "BR2_TARGET_GENERIC_HOSTNAME": plan.product,
        "BR2_ROOTFS_OVERLAY": _inside(overlay),
    }
    if buildroot.folder is not None:
        tree.copy_folder(buildroot.folder, folder)
        if f"{folder}/linux.config" in tree.files:
            config["BR2_LINUX_KERNEL_CUSTOM_CONFIG_FILE"] = _inside(f"{folder}/linux.config")
    fragments: dict[str, str] = {}
    if buildroot.disk is None:
        plain = data("buildroot-external") / "board/common/own-partitions"
        tree.copy_folder(plain, overlay)
        text = render_template("buildroot", "external/board/genimage.cfg", _partitions(plan))
        tree.add(f"{folder}/genimage.cfg", Text(content=text))
        config["BR2_ROOTFS_POST_IMAGE_SCRIPT_ARGS"] = f"-c {_inside(f'{folder}/genimage.cfg')}"
        # The kernel is the EFI program; a firmware that passes no arguments starts it with these.
        fragments["command-line"] = f'CONFIG_CMDLINE="{command_line(plan)}"\n'
    if buildroot.kernel_config:
        # `$` is doubled here too, and the kernel's C code sees both: its make includes what Kconfig
        # writes, and would run a `$(shell ...)` there.
        lines = [kconfig_line(*one) for one in sorted(buildroot.kernel_config.items())]
        fragments["product"] = "".join(f"{line}\n" for line in lines)
    paths = [f"{folder}/{name}.fragment" for name in fragments]
    for path, text in zip(paths, fragments.values(), strict=True):
        tree.add(path, Text(content=text))
    if plan.accelerator and plan.accelerator.fragment:
        paths.insert(0, f"external/linux/{plan.accelerator.fragment.name}")
        tree.add(paths[0], Copy(source=plan.accelerator.fragment))
    if paths:
        config["BR2_LINUX_KERNEL_CONFIG_FRAGMENT_FILES"] = " ".join(map(_inside, paths))
    return config


def _add_package_contents(tree: Tree, plan: Plan, inputs: Inputs) -> None:
    """What the two packages of every product are made of."""
    package = "external/package/edge-infer"
    add_app(tree, plan, f"{package}/src")
    for source, name in (SUPPORT | BUSYBOX_SUPPORT).items():
        path = data("debian-image") / source
        executable = bool(path.stat().st_mode & 0o100)
        tree.add(f"{package}/{name}", Copy(source=path, executable=executable))
    models = "external/package/edge-model/root"
    add_models(tree, plan, inputs.compiled, models)
    # Beside what is installed, for `make legal-info`.
    tree.add(f"{models}/LICENSES", Text(content=licenses(plan)))


def _table(tree: Tree, overlay: str) -> str:
    """What version control does not keep of the overlay: empty folders, files for root only.

    Raises:
        UserError: a path that such a table cannot have.
    """
    lines: dict[str, str] = dict.fromkeys(tree.empty, "d 755")
    for path, one in tree.files.items():
        if isinstance(one, Copy) and one.private:
            lines[path] = "f 700" if one.executable else "f 600"
    for path, said in lines.items():
        if " " in path:
            what = "an empty folder" if said.startswith("d") else "a file for its owner only"
            raise UserError(
                f"{path.removeprefix(f'{overlay}/')} is {what} with a blank in its path, which "
                "Buildroot cannot make",
                place="overlay",
                hint="Rename it.",
            )
    return "".join(
        f"{path.removeprefix(overlay)} {said} 0 0 - - - - -\n"
        for path, said in sorted(lines.items())
    )


def _partitions(plan: Plan) -> dict[str, Any]:
    names = ("disk", "esp", "rootfs-a", "rootfs-b", "data")
    assert plan.buildroot is not None
    return {
        "header": header(plan),
        "product": plan.product,
        "efi_loader": plan.architecture.efi_loader,
        "kernel": plan.buildroot.kernel,
        "esp_mib": ESP_MIB,
        "slot_mib": slot_mib(plan.models),
        "data_mib": plan.data_mib,
        "uuids": {name: str(uuid.uuid5(SEED, f"{plan.product} {name}")) for name in names},
    }


def _lines(sections: Mapping[str, Config], lists: Collection[str]) -> dict[str, list[str]]:
    """A defconfig by section: each symbol once, where it is set last; no empty section.

    Of a symbol that holds a list, what every section says stands there.
    """
    last: dict[str, str] = {}
    values: Config = {}
    for section, config in sections.items():
        for symbol, value in config.items():
            if symbol in lists and symbol in values:
                value = f"{values[symbol]} {value}"
            last[symbol], values[symbol] = section, value
    lines = {
        section: [kconfig_line(one, values[one]) for one in config if last[one] == section]
        for section, config in sections.items()
    }
    return {section: found for section, found in lines.items() if found}


def _context(plan: Plan, buildroot: BuildrootPlan, inputs: Inputs) -> dict[str, Any]:
    toolchain = buildroot.release.toolchains[buildroot.toolchain]
    needed = ("buildroot", *([plan.board.architecture] if toolchain.relocated else []))
    return {
        "header": header(plan),
        "product": plan.product,
        "summary": plan.summary,
        "board": plan.board.name,
        "release": buildroot.release.release,
        "defconfig": buildroot.defconfig,
        "vendor": str(buildroot.external or ""),
        "toolchain": toolchain.summary,
        "runtime": f"{plan.runtime.name} {plan.runtime.version}",
        "models": [model.name for model in plan.models],
        "features": [feature.name for feature in plan.features],
        "packages": list(buildroot.packages),
        "variables": _variables(plan, buildroot),
        "wheels": _wheels(plan, buildroot, inputs),
        "own_app": own_app(plan),
        "host_packages": packages_for(needed, data("catalog") / "host.yaml"),
    }


def _variables(plan: Plan, buildroot: BuildrootPlan) -> list[tuple[str, str]]:
    """`config.mk`: what the Makefile and its scripts are told."""
    release = buildroot.release
    return [
        ("PRODUCT", plan.product),
        ("BOARD", plan.board.name),
        ("ARCHITECTURE", plan.board.architecture),
        ("GNU_TRIPLET", plan.architecture.gnu),
        ("RUNTIME", f"{plan.runtime.name} {plan.runtime.version}"),
        ("RELEASE", release.release),
        ("COMMIT", release.commit),
        ("GIT", release.git),
        ("DEFCONFIG", buildroot.defconfig or ""),
        ("VENDOR", str(buildroot.external or "")),
        ("LISTS", " ".join(release.lists)),
        ("TOOLCHAIN", buildroot.toolchain),
        ("RELOCATED", "yes" if release.toolchains[buildroot.toolchain].relocated else ""),
        ("KERNEL", buildroot.kernel),
        ("DISK", buildroot.disk or ""),
    ]


def _wheels(plan: Plan, buildroot: BuildrootPlan, inputs: Inputs) -> list[dict[str, str]]:
    """The wheels of the lock, for the package that they are the source of."""
    name = plan.runtime.name
    folder = buildroot.packages.get(name)
    # Of what the package needs beside the wheel, such as its licence.
    hashes = folder / f"{name}.hash" if folder else None
    return [
        {
            "package": name,
            "prefix": name.upper().replace("-", "_"),
            "version": wheel.version,
            "site": wheel.url.rsplit("/", 1)[0],
            "file": wheel.file,
            "sha256": wheel.sha256,
            "hashes": hashes.read_text("utf-8").strip() if hashes and hashes.exists() else "",
        }
        for wheel in inputs.lock.wheels
    ]
