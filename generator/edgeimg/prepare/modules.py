"""Modules that the catalogue names: a folder of them each for hosts and for compilers."""

from __future__ import annotations

import importlib
from typing import Any

from edgeimg.errors import UserError


def load_module(package: str, name: str, what: str) -> Any:
    """The module `name` of a package.

    Args:
        what: what such a module is, for the error.

    Raises:
        UserError: there is no such module.
    """
    path = f"{package}.{name}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as missing:
        if missing.name != path:
            raise
        raise UserError(f"no {what} '{name}'", hint=f"Add {path}.") from None
