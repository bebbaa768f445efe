"""The app that runs the models: the shipped one, a folder of the user's, or a repository."""

from __future__ import annotations

from pathlib import Path

from edgeimg.catalog.runtimes import Runtime
from edgeimg.errors import UserError, did_you_mean
from edgeimg.manifest.board import BuildrootBoard, DebianBoard, YoctoBoard
from edgeimg.manifest.load import Source, is_file, user_path
from edgeimg.manifest.product import Product
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.plan import PlannedRuntime
from edgeimg.resources import data, host_names


def find_app(product: Product, base: Path, source: Source, errors: list[UserError]) -> Path:
    """The folder of its source."""
    if product.app is None or product.app.source is None:
        return data("app")
    path = user_path(base, product.app.source, source.place(("app", "source")))
    if not is_file(path / "CMakeLists.txt"):
        errors.append(
            UserError(
                f"app.source: {product.app.source} has no CMakeLists.txt",
                place=source.place(("app", "source")),
                hint="The app is built with CMake and installs bin/edge-infer.",
            )
        )
    return path


def check_code(chosen: Chosen, runtime: PlannedRuntime, app: Path) -> None:
    """What runs the models, here and on the device, must be there.

    An app of the user's own answers for itself; ours has a file for each runtime.
    """
    entry = chosen.catalog.entry("runtime", runtime.name, Runtime)
    if runtime.host not in host_names():
        raise UserError(
            f"host: no host interpreter '{runtime.host}'",
            place=entry.place("host"),
            hint=did_you_mean(runtime.host, host_names()),
        )
    file = f"src/runtime/{runtime.adapter}.cc"
    if chosen.product.app is None and not is_file(app / file):
        raise UserError(
            f"adapter: the app has no {file}",
            place=entry.place("adapter"),
            hint="Name one that it has, or build with a copy of the app that has it: `app:`.",
        )


def check_git(
    product: Product, source: Source, serves: DebianBoard | BuildrootBoard | YoctoBoard
) -> None:
    """A repository is for a builder that fetches sources itself."""
    if product.app and product.app.git and not isinstance(serves, YoctoBoard):
        raise UserError(
            "app.git: only yocto fetches the app",
            place=source.place(("app", "git", "")),
            hint="Clone it, and write `app: {source: ...}`.",
        )
