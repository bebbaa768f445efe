"""What every builder puts into the image, and into the project beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from edgeimg.errors import UserError
from edgeimg.manifest.product import Option
from edgeimg.plan.plan import Plan, PlannedFeature, PlannedModel
from edgeimg.plan.policy import policy_for
from edgeimg.prepare.compile import Compiled
from edgeimg.prepare.golden import Golden
from edgeimg.render.app_config import app_config_text
from edgeimg.render.environment import shell_value
from edgeimg.render.tree import Copy, Data, Text, Tree
from edgeimg.resources import data

# Parts of the app that only its own tests need.
APP_TESTS = ("tests/", "fuzz/")
# What starts the app, with any builder: path in `debian-image/` -> name in a package.
SUPPORT = {
    "root/usr/lib/edgeimg/features": "features",
    "root/usr/lib/edgeimg/lines.awk": "lines.awk",
    "root/usr/lib/edgeimg/verify": "verify",
    "features/systemd/root/usr/lib/edgeimg/service": "service.systemd",
    "features/systemd/root/usr/lib/systemd/system-generators/edgeimg": "generator",
    "features/systemd/root/usr/lib/systemd/system/edge-infer@.service": "edge-infer@.service",
    "features/systemd/root/usr/lib/systemd/system/edgeimg-features.service": (
        "edgeimg-features.service"
    ),
    "features/systemd/root/usr/lib/systemd/system/multi-user.target.d/edgeimg.conf": (
        "multi-user.conf"
    ),
}
# The same for busybox's init.
BUSYBOX_SUPPORT = {
    "root/usr/lib/edgeimg/first": "first",
    "root/usr/lib/edgeimg/service": "service",
}


def header(plan: Plan) -> str:
    """The one line that every rendered file begins with."""
    return f"Made by edgeimg from {', '.join(plan.manifests)}."


def own_app(plan: Plan) -> bool:
    """Whether the app's source is not the shipped one."""
    return plan.app_source != data("app")


@contextmanager
def named_at(place: str) -> Iterator[None]:
    """What is wrong in a folder that the product names is said at the product's line."""
    try:
        yield
    except UserError as error:
        message = f"{error.place}: {error.message}"
        raise UserError(message, hint=error.hint, place=place) from None


def add_app(tree: Tree, plan: Plan, into: str) -> None:
    """The app's source; of the shipped one without what only its tests need."""
    shipped = not own_app(plan)
    whole = Tree()
    with named_at(plan.app_place):
        whole.copy_folder(plan.app_source, into, what="app", skip=(".git", ".cache", "build"))
    for path, entry in whole.files.items():
        if not (shipped and path.removeprefix(f"{into}/").startswith(APP_TESTS)):
            tree.add(path, entry)


def add_configuration(tree: Tree, plan: Plan, root: str) -> None:
    """What the guest's side of `verify` reads."""
    modes = " ".join(plan.runtime.kernel_modes)
    path = f"{root}/etc/edgeimg/verify.conf"
    tree.add(path, Text(content=f"KERNELS={shell_value(modes)}\n"), replace=True)


def add_features(tree: Tree, plan: Plan, root: str) -> None:
    """The features' files, their options, and the texts they are given."""
    for feature in plan.features:
        add_feature(tree, plan, feature, root)


def add_feature(tree: Tree, plan: Plan, feature: PlannedFeature, root: str) -> None:
    """Those of one feature."""
    if feature.folder is not None:
        what = f"feature {feature.name}"
        tree.copy_folder(feature.folder, root, what=what, replace=True)
    if feature.options:
        path = f"{root}/etc/edgeimg/{feature.name}.conf"
        tree.add(path, Text(content=_configuration(plan, feature)), replace=True)
    for name, content in sorted(feature.texts.items()):
        tree.add(f"{root}/etc/edgeimg/{name}", Text(content=content), replace=True)


def _configuration(plan: Plan, feature: PlannedFeature) -> str:
    """Shell assignments, one an option, for the feature's own scripts."""
    lines = [f"# {header(plan)}"]
    for name, value in sorted(feature.options.items()):
        lines.append(f"{name.upper().replace('-', '_')}={shell_value(_text(value))}")
    return "\n".join(lines) + "\n"


def _text(value: Option) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) if isinstance(value, tuple) else str(value)


def add_golden(tree: Tree, model: PlannedModel, golden: Golden, into: str) -> None:
    """Expected outputs and how far they may be off, as the app's --selftest reads them."""
    rules = [policy_for(golden.mode, one, model.tolerance) for one in model.outputs]
    tolerance = {
        "outputs": [
            {"lsb": one.lsb, "absolute": one.absolute, "relative": one.relative} for one in rules
        ]
    }
    tree.add(f"{into}/tolerance.json", Text(content=f"{json.dumps(tolerance, indent=2)}\n"))
    for sample in golden.samples:
        for index, output in enumerate(sample.outputs):
            tree.add(f"{into}/{sample.name}.{index}.bin", Data(content=output))


def licenses(plan: Plan) -> str:
    """What the models' manifests say of their licences, a line each."""
    return "".join(f"{one.name}: {one.license or 'not said'}\n" for one in plan.models)


def add_models(tree: Tree, plan: Plan, compiled_to: Mapping[str, Compiled], root: str) -> None:
    """Models, what they were compiled to, labels, samples, and the app's configuration of each."""
    for model in plan.models:
        compiled, path = compiled_to.get(model.name), ""
        if compiled is not None and plan.accelerator is not None:
            path = model.image_compiled(plan.accelerator.name, compiled.file.suffix)
            tree.add(f"{root}{path}", Copy(source=compiled.file, sha256=compiled.sha256))
        config = app_config_text(model, plan.threads, plan.accelerator, path)
        tree.add(f"{root}/etc/edge-infer/{model.name}.json", Text(content=config))
        source = Copy(source=model.path, sha256=model.info.sha256)
        tree.add(f"{root}{model.image_file}", source)
        for index, output in enumerate(model.outputs):
            if output.labels:
                lines = "".join(f"{label}\n" for label in output.labels)
                tree.add(f"{root}{model.image_labels(index)}", Text(content=lines))
        for sample in model.samples:
            path = f"{root}{model.image_samples}/{sample.name}"
            tree.add(path, Copy(source=sample.path, sha256=sample.sha256))
