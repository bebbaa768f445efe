"""Which packages of the external tree a configuration selects: ours, or a catalogue's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from edgeimg.catalog.search import Catalog
from edgeimg.manifest.base import Config


def symbol_of(package: str) -> str:
    """The symbol of a Buildroot package, as Buildroot's own rule makes it."""
    return "BR2_PACKAGE_" + package.upper().replace("-", "_").replace(".", "_")


def choose_packages(catalog: Catalog, sections: Mapping[str, Config]) -> dict[str, Path]:
    """The packages that the configuration sets, and those that they select: name -> folder.

    Symbols of Buildroot's own packages are none of ours.
    """
    known = _known(catalog)
    wanted = [
        symbol
        for config in sections.values()
        for symbol, value in config.items()
        if value in ("y", True)
    ]
    found: dict[str, Path] = {}
    while wanted:
        folder = known.get(wanted.pop())
        if folder is not None and folder.name not in found:
            found[folder.name] = folder
            text = (folder / "Config.in").read_text(encoding="utf-8")
            wanted += re.findall(r"^\tselect (BR2_PACKAGE_\w+)", text, re.MULTILINE)
    return dict(sorted(found.items()))


def _known(catalog: Catalog) -> dict[str, Path]:
    """By symbol; a folder that comes first in the catalogue wins."""
    known: dict[str, Path] = {}
    for folder in catalog.folders:
        for config in sorted(folder.glob("buildroot-external/package/*/Config.in")):
            known.setdefault(symbol_of(config.parent.name), config.parent)
    return known
