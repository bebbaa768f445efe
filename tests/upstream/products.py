"""A product for the real Buildroot, with what this machine's sources ask for laid over it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml


def product(board: str, model: str) -> str:
    """The YAML of a product that is built with this machine's cross compiler.

    BUILDROOT_PRODUCT names a YAML file with keys that are laid over it.
    """
    keys: dict[str, Any] = {
        "version": 1,
        "name": "upstream",
        "board": board,
        "models": [model],
        "builder": "buildroot",
        "buildroot": {"toolchain": "debian"},
        "features": {"read-only-root": {}},
    }
    if given := os.environ.get("BUILDROOT_PRODUCT"):
        keys = _over(keys, yaml.safe_load(Path(given).read_text()))
    return yaml.safe_dump(keys)


def _over(below: Any, above: Any) -> Any:
    """`above` laid over `below`, mappings key by key."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _over(below.get(key), value) for key, value in above.items()}}
