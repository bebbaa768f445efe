"""Plan, Inputs -> Tree: the emitted Yocto project (docs/design.md)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from edgeimg.errors import UserError
from edgeimg.host import packages_for
from edgeimg.manifest.base import YoctoConf
from edgeimg.plan.plan import Plan, PlannedRepository, YoctoPlan
from edgeimg.plan.yocto import GOLDEN
from edgeimg.prepare.golden import Golden
from edgeimg.prepare.inputs import Inputs
from edgeimg.prepare.lock import Lock
from edgeimg.render.contents import (
    SUPPORT,
    add_app,
    add_configuration,
    add_feature,
    add_golden,
    add_models,
    header,
    licenses,
    named_at,
    own_app,
)
from edgeimg.render.environment import bitbake_line
from edgeimg.render.environment import render as render_template
from edgeimg.render.tree import Copy, Link, Text, Tree
from edgeimg.resources import data

# The format of 2024, which every kas of this and the last two years reads.
KAS_FORMAT = 19
# What kas passes on to BitBake when it is set, beside what it passes on by itself.
PASSED = (
    "BB_NO_NETWORK",
    "BB_NUMBER_THREADS",
    "BB_PRESSURE_MAX_CPU",
    "BB_PRESSURE_MAX_IO",
    "BB_PRESSURE_MAX_MEMORY",
    "PARALLEL_MAKE",
)
LAYER = "meta-edgeimg"
BASE = ("all products",)
DROP_IN = "accelerator.conf"


def image_name(plan: Plan) -> str:
    """The recipe of the image."""
    return f"{plan.product}-image"


def contents(plan: Plan) -> str:
    """What the recipe of the models installs."""
    return f"{LAYER}/recipes-ml/edge-model/edge-model/root"


def render(plan: Plan, inputs: Inputs) -> Tree:
    """The project as a tree of files.

    Raises:
        UserError: the overlay or the app holds what a project cannot.
        ValueError: text that a format cannot quote; the manifests refuse such text.
    """
    assert plan.yocto is not None
    tree = Tree()
    license_text = data("layers") / LAYER / "COPYING.MIT"
    tree.add(f"{LAYER}/COPYING.MIT", Copy(source=license_text))
    for path, folder in plan.yocto.recipes.items():
        tree.copy_folder(folder, f"{LAYER}/{path}")
    if plan.runtime.wheel is not None:
        tree.copy_folder(data("layers") / LAYER / "classes-recipe", f"{LAYER}/classes-recipe")
    app_license = _add_app(tree, plan)
    md5 = _add_models(tree, plan, inputs)
    context = _context(plan, _at_lock(plan.yocto, inputs.lock), inputs)
    context["app"] = app_license
    context["licenses_md5"] = md5
    context["overlay"], context["overlay_files"] = _add_overlay(tree, plan)
    _add_features(tree, plan)
    _add_goldens(tree, plan, inputs.goldens)
    for path, template in _rendered(plan, plan.yocto).items():
        tree.add(path, Text(content=render_template("yocto", template, context)))
    return tree


def _at_lock(yocto: YoctoPlan, lock: Lock) -> YoctoPlan:
    """The plan with the lock's commits."""
    commits = {one.name: one.commit for one in lock.layers}
    repositories = {
        name: replace(one, commit=commits.get(name, one.commit))
        for name, one in yocto.repositories.items()
    }
    return replace(yocto, repositories=repositories)


def _rendered(plan: Plan, yocto: YoctoPlan) -> dict[str, str]:
    """Path in the project -> template."""
    layer = f"{LAYER}/conf"
    found = {
        name: name
        for name in (
            "README.md",
            "kas.yml",
            "kas.lock.yml",
            "kas/base.yml",
            "kas/machine.yml",
            "kas/product.yml",
            "kas/ci.yml",
            "ci/github.yml",
            "ci/gitlab.yml",
            f"{layer}/layer.conf",
            f"{LAYER}/README.md",
            f"{LAYER}/SECURITY.md",
        )
    }
    for name in ("bblayers.conf.sample", "local.conf.sample", "conf-notes.txt", "conf-summary.txt"):
        found[f"{layer}/templates/edgeimg/{name}"] = f"{layer}/templates/{name}"
    core, ml = f"{LAYER}/recipes-core", f"{LAYER}/recipes-ml"
    found[f"{core}/images/{image_name(plan)}.bb"] = f"{core}/image.bb"
    group = "packagegroup-edgeimg.bb"
    found[f"{core}/packagegroups/{group}"] = f"{core}/{group}"
    for name in ("edge-infer", "edge-model"):
        found[f"{ml}/{name}/{name}-product.inc"] = f"{ml}/{name}-product.inc"
    if _service(plan):
        found[f"{ml}/edge-infer/edge-infer/support/{DROP_IN}"] = f"{ml}/{DROP_IN}"
    if plan.runtime.wheel is not None and plan.runtime.yocto is not None:
        found[f"{ml}/{plan.runtime.yocto.recipe}/wheel.inc"] = f"{ml}/wheel.inc"
    if yocto.release.setup:
        found[f"bitbake-setup/{plan.product}.conf.json"] = "bitbake-setup/product.conf.json"
        found[f"{layer}/fragments/product.conf"] = f"{layer}/fragments/product.conf"
    return found


def _service(plan: Plan) -> Mapping[str, str]:
    """What the accelerator adds to the section [Service] of the models' unit."""
    if plan.accelerator is None or plan.accelerator.entry.yocto is None:
        return {}
    return plan.accelerator.entry.yocto.service


def _add_app(tree: Tree, plan: Plan) -> dict[str, str]:
    """The app's source and what starts it; the app's licence."""
    files = f"{LAYER}/recipes-ml/edge-infer/edge-infer"
    if plan.app_git is None:
        add_app(tree, plan, f"{files}/src")
    for source, name in SUPPORT.items():
        path = data("debian-image") / source
        executable = bool(path.stat().st_mode & 0o100)
        tree.add(f"{files}/support/{name}", Copy(source=path, executable=executable))
    add_configuration(tree, plan, f"{files}/support")
    if plan.app_git is not None:
        scheme, _, rest = plan.app_git.url.partition("://")
        place = f"git://{rest};protocol={scheme};branch={plan.app_git.branch}"
        return {"license": "CLOSED", "git": place, "revision": plan.app_git.revision}
    if own_app(plan):
        return {"license": "CLOSED"}
    return {"license": "Apache-2.0", "md5": _md5((data("app") / "LICENSE").read_bytes())}


def _add_models(tree: Tree, plan: Plan, inputs: Inputs) -> str:
    """The models, and the file that says their licences; its MD5."""
    files = f"{LAYER}/recipes-ml/edge-model/edge-model"
    add_models(tree, plan, inputs.compiled, contents(plan))
    content = licenses(plan)
    tree.add(f"{files}/LICENSES", Text(content=content))
    return _md5(content.encode())


def _md5(content: bytes) -> str:
    # As LIC_FILES_CHKSUM wants it; nothing is protected by it.
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _add_goldens(tree: Tree, plan: Plan, goldens: Iterable[Golden]) -> None:
    models = {model.name: model for model in plan.models}
    for golden in goldens:
        share = f"root/usr/share/edge-infer-golden/{golden.model}/{golden.mode}"
        into = f"{LAYER}/recipes-ml/{GOLDEN}/{GOLDEN}/{share}"
        add_golden(tree, models[golden.model], golden, into)


def _add_overlay(tree: Tree, plan: Plan) -> tuple[bool, bool]:
    """The user's overlay, and a list of what version control or BitBake does not keep of it.

    Returns:
        Whether there is one, and whether it has files.
    """
    if not plan.overlay:
        return False, False
    images = f"{LAYER}/recipes-core/images"
    into = f"{images}/overlay"
    with named_at(plan.overlay_place):
        tree.copy_folder(plan.overlay, into, what="overlay", exact=True)
    lines = [f"folder {path.removeprefix(into)}\n" for path in tree.empty]
    ours = {path: one for path, one in tree.files.items() if path.startswith(f"{into}/")}
    for path, one in ours.items():
        name = path.removeprefix(into)
        # BitBake's checksums do not see modes, and follow links on the machine that builds.
        if isinstance(one, Link):
            with named_at(plan.overlay_place):
                lines.append(_link(name, one.target))
            del tree.files[path]
            continue
        if one.private:
            lines.append(f"private {name}\n")
        if one.executable:
            lines.append(f"executable {name}\n")
    tree.add(f"{images}/overlay.txt", Text(content="".join(sorted(lines))))
    return True, any(path in tree.files for path in ours)


def _link(name: str, target: str) -> str:
    """The line of a link, whose name is read up to the first arrow."""
    line = f"link {name} -> {target}\n"
    if line.partition(" -> ")[2] != f"{target}\n":
        raise UserError(
            f"{name[1:]} is a link with an arrow in its name", place="overlay", hint="Rename it."
        )
    return line


def _summaries(yocto: YoctoPlan) -> dict[str, str]:
    """What each recipe says of itself, and an append in its first line."""
    found: dict[str, str] = {}
    for folder in yocto.recipes.values():
        for recipe in sorted(folder.glob("*.bb")):
            said = re.search(r'^SUMMARY = "(.*)"$', recipe.read_text("utf-8"), re.MULTILINE)
            found[recipe.stem.split("_")[0]] = said[1] if said else ""
        for append in sorted(folder.glob("*.bbappend")):
            found[append.name] = append.read_text("utf-8").splitlines()[0].removeprefix("# ")
    return found


def _add_features(tree: Tree, plan: Plan) -> None:
    """What the features bring, beside the recipe that installs it."""
    assert plan.yocto is not None
    folders = {path.rpartition("/")[2]: path for path in plan.yocto.recipes}
    for feature in plan.features:
        if (recipe := feature.recipe) is not None:
            add_feature(tree, plan, feature, f"{LAYER}/{folders[recipe]}/{recipe}/root")


def _context(plan: Plan, yocto: YoctoPlan, inputs: Inputs) -> dict[str, Any]:
    repositories = yocto.repositories
    own = {name: one for name, one in repositories.items() if name in yocto.own}
    base = {name: one for name, one in repositories.items() if name in yocto.base}
    sections = {name: _lines(conf) for name, conf in yocto.conf.items() if conf}
    hostname: YoctoConf = {"hostname:pn-base-files": plan.product}
    sections["host name"] = _lines(hostname)
    if yocto.local_conf:
        sections["yocto.local_conf of the product"] = list(yocto.local_conf)
    board = f"board {plan.board.name}"
    wheel = next(iter(inputs.lock.wheels), None)
    member = plan.runtime.wheel.member if plan.runtime.wheel else ""
    return {
        "header": header(plan),
        "product": plan.product,
        "summary": plan.summary or f"{plan.product} for {plan.board.summary}",
        "board": plan.board.name,
        "summary_of_board": plan.board.summary,
        "image": image_name(plan),
        # Beside it lies the file with the time of its making, which a pattern would name too.
        "image_link": f"{image_name(plan)}-{yocto.machine}.rootfs",
        "machine": yocto.machine,
        "series": yocto.series,
        "release": yocto.release,
        "runtime": f"{plan.runtime.name} {plan.runtime.version}",
        "accelerator": plan.accelerator.name if plan.accelerator else "",
        "asked": [
            line
            for name, lines in sections.items()
            if name.startswith(("runtime ", "accelerator "))
            for line in lines
        ],
        "service": _service(plan),
        "models": [model.name for model in plan.models],
        "features": [feature.name for feature in plan.features],
        "kas_format": KAS_FORMAT,
        "environment": PASSED,
        "repositories": repositories,
        "base": base,
        "needed": {name: repositories[name] for name in yocto.needed},
        "board_repositories": {
            name: one for name, one in repositories.items() if name not in {*base, *own}
        },
        "own_repositories": own,
        "base_sections": {name: sections[name] for name in BASE if name in sections},
        "board_sections": {name: sections[name] for name in (board,) if name in sections},
        "product_sections": {
            name: lines for name, lines in sections.items() if name not in (*BASE, board)
        },
        "all_sections": sections,
        "maintainer": yocto.maintainer,
        "recipes": _summaries(yocto),
        "depends": yocto.depends,
        "appends": any(list(one.glob("*.bbappend")) for one in yocto.recipes.values()),
        "all_series": yocto.all_series,
        "bblayers": list(_bblayers(repositories)),
        "packageconfig": plan.runtime.yocto.packageconfig if plan.runtime.yocto else "",
        "packages": ["edge-infer", "edge-model", *yocto.packages],
        "recommends": yocto.recommends,
        "image_features": yocto.image_features,
        "artefacts": yocto.artefacts,
        "deploy": yocto.deploy,
        "flash": yocto.flash,
        "wheel": wheel and {**wheel.model_dump(), "member": member},
        "bitbake_setup": _bitbake_setup(plan, yocto),
        "host_packages": packages_for(("yocto",), data("catalog") / "host.yaml"),
    }


def _lines(conf: YoctoConf) -> list[str]:
    return [bitbake_line(name, value) for name, value in conf.items()]


def _bblayers(repositories: Mapping[str, PlannedRepository]) -> list[str]:
    """The layers as bblayers.conf.sample names them, beside oe-core's checkout."""
    return [
        f"{one.folder or f'##OEROOT##/../{name}'}{'' if layer == '.' else f'/{layer}'}"
        for name, one in repositories.items()
        for layer in one.layers
    ]


def _uri(url: str) -> str:
    """A URL also of what is one for git only: BitBake takes no `git@host:path`."""
    if "://" not in url and (found := re.fullmatch(r"([^/:]+):/*(.+)", url)):
        return f"ssh://{found[1]}/{found[2]}"
    return url


def _bitbake_setup(plan: Plan, yocto: YoctoPlan) -> str:
    """A configuration for `bitbake-setup init`."""
    layers = [
        name if layer == "." else f"{name}/{layer}"
        for name, one in yocto.repositories.items()
        for layer in one.layers
    ]
    sources: dict[str, Any] = {}
    for name, one in yocto.repositories.items():
        if one.url:
            remote = {"uri": _uri(one.url), "branch": one.branch, "rev": one.commit}
            sources[name] = {"git-remote": remote}
        else:
            sources[name] = {"local": {"path": str(one.folder)}}
    configuration = {
        "name": plan.product,
        "description": f"{plan.product} for {plan.board.name}",
        "setup-dir-name": plan.product,
        "bb-layers": layers,
        "bb-layers-file-relative": [f"../{LAYER}"],
        "oe-fragments": [f"machine/{yocto.machine}", "edgeimg/product"],
    }
    whole = {
        "description": f"{plan.product} for {plan.board.name}, made by edgeimg",
        "sources": sources,
        "bitbake-setup": {"configurations": [configuration]},
        "version": "1.0",
    }
    return json.dumps(whole, indent=4, ensure_ascii=False)
