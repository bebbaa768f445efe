"""Finding boards, models and catalogue entries by name.

A folder of one's own (`catalogs:`, then `EDGEIMG_PATH`) has the same shape as
the shipped data and wins by name: `boards/`, `models/`, `catalog/runtimes/`,
`catalog/features/`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edgeimg.errors import UserError, did_you_mean
from edgeimg.manifest.base import Manifest
from edgeimg.manifest.load import load, shown
from edgeimg.resources import data_root

T = TypeVar("T", bound=Manifest)

PATTERNS = {
    "board": ("boards/{name}.yaml",),
    "model": ("models/{name}.yaml", "models/*/{name}.yaml"),
    "runtime": ("catalog/runtimes/{name}.yaml",),
    "feature": ("catalog/features/{name}.yaml",),
}


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """An entry of an earlier folder hides one of a later folder."""

    kind: str
    name: str
    used: Path
    hidden: Path


class Catalog:
    """The folders that entries are looked for in, the first one wins.

    Raises:
        UserError: a folder that is named does not exist.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        named = [*folders]
        named += [Path(part) for part in os.environ.get("EDGEIMG_PATH", "").split(":") if part]
        for folder in named:
            if not folder.is_dir():
                raise UserError(
                    "a catalogue folder that does not exist",
                    place=shown(folder),
                    hint="See `catalogs:` and EDGEIMG_PATH.",
                )
        self.folders = (*[folder.resolve() for folder in named], data_root())

    def names(self, kind: str) -> list[str]:
        """Names of all entries of that kind, sorted."""
        found = {path.stem for path in self._all(kind, "*")}
        return sorted(found)

    def find(self, kind: str, name: str, *, place: str = "", base: Path | None = None) -> Path:
        """Path of the entry `name`, which may also be a path relative to `base`.

        Raises:
            UserError: there is none; the hint names the nearest.
        """
        if "/" in name or name.endswith((".yaml", ".yml")):
            path = (base or Path.cwd()) / Path(name).expanduser()
            if not path.is_file():
                raise UserError(
                    f"{kind} {name} does not exist", place=place, hint="Check the path."
                )
            return path
        found = self._all(kind, name) if name.replace("-", "").isalnum() else []
        if not found:
            raise UserError(
                f"no {kind} '{name}'", place=place, hint=did_you_mean(name, self.names(kind))
            )
        return found[0]

    def load(self, kind: str, name: str, of: type[T], *, place: str = "") -> tuple[Path, T]:
        """Finds and loads an entry; its own name must be that of its file."""
        path = self.find(kind, name, place=place)
        return path, load(path, of)

    def shadow(self, kind: str, name: str) -> Shadow | None:
        """What the entry in use hides, if it hides one."""
        found = self._all(kind, name)
        if len(found) < 2:
            return None
        return Shadow(kind=kind, name=name, used=found[0], hidden=found[1])

    def file(self, relative: str) -> Path:
        """A single file such as `catalog/debian.yaml`, of the first folder that has it."""
        return next(path for folder in self.folders if (path := folder / relative).is_file())

    def folder_of(self, path: Path) -> Path:
        """The catalogue folder that an entry's file belongs to."""
        return next(folder for folder in self.folders if path.resolve().is_relative_to(folder))

    def _all(self, kind: str, name: str) -> list[Path]:
        found: list[Path] = []
        for folder in self.folders:
            for pattern in PATTERNS[kind]:
                found += sorted(folder.glob(pattern.format(name=name)))
        return found
