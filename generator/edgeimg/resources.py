"""Where the data folders are: in a checkout, an editable install, or a wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def data_root() -> Path:
    """The folder that holds `boards/`, `catalog/`, `templates/` ...

    A wheel carries them as `edgeimg/data`; a checkout has them at its top.
    """
    package = Path(__file__).resolve().parent
    inside = package / "data"
    return inside if inside.is_dir() else package.parents[1]


def host_names() -> list[str]:
    """The host interpreters that a runtime's entry may name: modules of `prepare/hosts`."""
    folder = Path(__file__).resolve().parent / "prepare/hosts"
    return sorted(path.stem for path in folder.glob("[a-z]*.py") if path.stem != "child")


def data(folder: str) -> Path:
    """The shipped folder of that name."""
    return data_root() / folder
