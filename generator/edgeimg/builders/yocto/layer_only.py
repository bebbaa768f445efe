"""Plan, Inputs -> Tree: the layer alone, for a build that a vendor has already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeimg.builders.yocto.render import BASE, KAS_FORMAT, LAYER, image_name, render
from edgeimg.errors import UserError
from edgeimg.manifest.load import shown
from edgeimg.plan.plan import Plan, YoctoPlan
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.contents import header
from edgeimg.render.environment import bitbake_line
from edgeimg.render.environment import render as render_template
from edgeimg.render.tree import Text, Tree

ADDING = "ADDING.md"
FRAGMENT = f"{LAYER}/conf/fragments/product.conf"
# Of the layer, what names a machine and a distribution.
LEFT_OUT = f"{LAYER}/conf/templates/"


def render_layer(plan: Plan, inputs: Inputs) -> Tree:
    """The layer, and a text that says what to add to the configuration of the build.

    It holds nothing that sets a machine, a distribution or a kernel.

    Raises:
        UserError: as `render`.
    """
    assert plan.yocto is not None
    whole = render(plan, inputs)
    tree = Tree()
    for path, entry in whole.files.items():
        if path.startswith(f"{LAYER}/") and not path.startswith(LEFT_OUT) and path != FRAGMENT:
            tree.add(path, entry)
    lines = lines_to_add(plan, plan.yocto)
    context = {
        "header": header(plan),
        "product": plan.product,
        "image": image_name(plan),
        "overlay": plan.overlay is not None,
        "lines": lines,
        "depends": plan.yocto.depends,
        "kas_format": KAS_FORMAT,
        "setup": plan.yocto.release.setup,
    }
    tree.add(ADDING, Text(content=render_template("yocto", ADDING, context)))
    if plan.yocto.release.setup:
        text = render_template("yocto", "meta-edgeimg/conf/fragments/layer-only.conf", context)
        tree.add(FRAGMENT, Text(content=text))
    return tree


def of_all_products(yocto: YoctoPlan) -> dict[str, str]:
    """What of these lines is the same for all products: variables that a distribution may set."""
    return {
        name: str(value)
        for section in BASE
        for name, value in yocto.conf.get(section, {}).items()
        if name not in yocto.release.conf
    }


def lines_to_add(plan: Plan, yocto: YoctoPlan) -> list[str]:
    """The lines of local.conf that the product asks for, but for those of the vendor's board."""
    board = f"board {plan.board.name}"
    lines = [
        bitbake_line(name, value)
        for section, conf in yocto.conf.items()
        if section != board
        for name, value in conf.items()
        # What is of the series is about a build folder of our own.
        if name not in yocto.release.conf
    ]
    if yocto.image_features:
        features = " ".join(yocto.image_features)
        lines.append(bitbake_line("EXTRA_IMAGE_FEATURES:append", f" {features}"))
    packages = " ".join(("packagegroup-edgeimg", *yocto.packages))
    lines.append(bitbake_line("IMAGE_INSTALL:append", f" {packages}"))
    return [*lines, *yocto.local_conf]


def check_folder(plan: Plan, folder: Path) -> None:
    """Whether the layer alone can be written there.

    Raises:
        UserError: the plan is not Yocto's; or a whole project is there, which would be undone.
    """
    if plan.yocto is None:
        raise UserError(
            f"the builder {plan.builder} has no layer",
            place="--layer-only",
            hint="It goes with --builder yocto.",
        )
    if (folder / "kas.yml").exists() and (folder / LAYER).exists():
        raise UserError(
            "holds a whole project, which --layer-only would take apart",
            place=shown(folder),
            hint="Name another folder with --project.",
        )


def said(folder: Path, lines: Sequence[str]) -> str:
    """What to add, for a terminal."""
    layer = (folder / LAYER).resolve()
    added = "".join(f"  {line}\n" for line in lines)
    return (
        f'bblayers.conf, or `bitbake-layers add-layer {layer}`:\n  BBLAYERS += "{layer}"\n'
        f"local.conf, or the configuration of your distribution:\n{added}"
        "Leave INIT_MANAGER out where your distribution has systemd: it changes all its images.\n"
        f"For kas and bitbake-setup see {shown(folder / ADDING)}."
    )
