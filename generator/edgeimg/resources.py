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


def data(folder: str) -> Path:
    """The shipped folder of that name."""
    return data_root() / folder
