"""Finding boards, models and catalogue entries by name.

A folder of one's own (`catalogs:`, then `EDGEIMG_PATH`) has the same shape as
the shipped data and wins by name: `boards/`, `models/`, `catalog/runtimes/`,
`catalog/features/`, `catalog/accelerators/`, `catalog/operators/`, `catalog/flashers/`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from edgeimg.errors import UserError, did_you_mean
from edgeimg.manifest.base import Manifest
from edgeimg.manifest.load import (
    Source,
    is_file,
    is_folder,
    parse,
    read_source,
    shown,
    user_path,
)
from edgeimg.model.content import KINDS
from edgeimg.resources import data_root

T = TypeVar("T", bound=Manifest)

PATTERNS = {
    "board": ("boards/{name}.yaml",),
    "model": ("models/{name}.yaml", "models/*/{name}.yaml"),
    "runtime": ("catalog/runtimes/{name}.yaml",),
    "feature": ("catalog/features/{name}.yaml",),
    "accelerator": ("catalog/accelerators/{name}.yaml",),
    "flasher": ("catalog/flashers/{name}.yaml",),
    "operators": ("catalog/operators/{name}.yaml",),
}


@dataclass(frozen=True, kw_only=True)
class Entry(Generic[T]):
    """A file of the catalogue, and where each of its values stands."""

    value: T
    source: Source

    @property
    def path(self) -> Path:
        return self.source.path

    def place(self, *location: str | int) -> str:
        """`file:line` of a value; what is shipped is named as it is in the sources.

        Without a location: the file.
        """
        line = self.source.place(location).split(":")[-2:-1] if location else []
        path, shipped = self.path.resolve(), data_root()
        name = path.relative_to(shipped) if path.is_relative_to(shipped) else shown(path)
        return ":".join([str(name), *line])


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """An entry of an earlier folder hides one of a later folder."""

    kind: str
    name: str
    used: Path
    hidden: Path


def same_name(path: Path, name: str, entry: object) -> None:
    """An entry that is found by its name must bear it.

    Raises:
        UserError: its own name is another one.
    """
    own = getattr(entry, "name", name)
    if own != name and _is_name(name):
        raise UserError(
            f"name: '{own}' in a file that is found as '{name}'",
            place=shown(path),
            hint="Give the file and the entry one name.",
        )


def _no_manifest(name: str, place: str) -> UserError:
    return UserError(
        f"{_short(name)} is a file; a model is named by its manifest",
        place=place,
        hint="Write one (docs/manifest.md), or see the file: `edgeimg model inspect`.",
    )


def _is_name(word: str) -> bool:
    return len(word) <= 64 and re.fullmatch(r"[A-Za-z0-9-]+", word) is not None


def _short(word: str) -> str:
    return word if len(word) <= 120 else f"{word[:117]}..."


class Catalog:
    """The folders that entries are looked for in, the first one wins.

    Raises:
        UserError: a folder that is named does not exist.
    """

    def __init__(self, folders: Sequence[tuple[str, Path]] = ()) -> None:
        """`folders` are (place where it is named, folder)."""
        named = [*folders]
        words = os.environ.get("EDGEIMG_PATH", "").split(":")
        named += [("EDGEIMG_PATH", Path(part)) for part in words if part]
        for place, folder in named:
            if not is_folder(folder):
                raise UserError(
                    f"there is no catalogue folder {_short(shown(folder))}",
                    place=place,
                    hint="See `catalogs:` and EDGEIMG_PATH.",
                )
        self.folders = (*[folder.resolve() for _, folder in named], data_root())
        self._read: dict[Path, Entry[Any]] = {}

    def names(self, kind: str) -> list[str]:
        """Names of all entries of that kind, sorted."""
        found = {path.stem for path in self._all(kind, "*")}
        return sorted(found)

    def files(self, kind: str) -> list[Path]:
        """Every entry of that kind that none of the same name hides; the first folder's first."""
        found: dict[str, Path] = {}
        for path in self._all(kind, "*"):
            found.setdefault(path.stem, path)
        return list(found.values())

    def find(self, kind: str, name: str, *, place: str = "", base: Path | None = None) -> Path:
        """Path of the entry `name`, which may also be a path relative to `base`.

        Raises:
            UserError: there is none; the hint names the nearest.
        """
        if "/" in name or name.endswith((".yaml", ".yml")):
            path = user_path(base or Path.cwd(), name, place)
            if not is_file(path):
                raise UserError(
                    f"{kind} {_short(name)} does not exist", place=place, hint="Check the path."
                )
            if kind == "model" and path.suffix.lower() in KINDS:
                raise _no_manifest(name, place)
            return path
        found = self._all(kind, name) if _is_name(name) else []
        if not found and kind == "model" and is_file((base or Path.cwd()) / name):
            raise _no_manifest(name, place)
        if not found:
            raise UserError(
                f"no {kind} '{_short(name)}'",
                place=place,
                hint=did_you_mean(name, self.names(kind)),
            )
        return found[0]

    def load(self, kind: str, name: str, of: type[T], *, place: str = "") -> tuple[Path, T]:
        """Finds and loads an entry; its own name must be that of its file."""
        entry = self.entry(kind, name, of, place=place)
        return entry.path, entry.value

    def entry(
        self, kind: str, name: str, of: type[T], *, place: str = "", base: Path | None = None
    ) -> Entry[T]:
        """The same, with the places of its values."""
        path = self.find(kind, name, place=place, base=base)
        entry = self.read(path, of)
        same_name(path, name, entry.value)
        return entry

    def read(self, path: Path, of: type[T]) -> Entry[T]:
        """A file of the catalogue, read once."""
        if path not in self._read:
            source = read_source(path)
            self._read[path] = Entry(value=parse(source, of), source=source)
        return self._read[path]

    def shadow(self, kind: str, name: str) -> Shadow | None:
        """What the entry or `file` in use hides, if it hides one."""
        if kind == "file":
            found = [path for folder in self.folders if is_file(path := folder / name)]
        else:
            found = self._all(kind, name) if _is_name(name) else []
        if len(found) < 2:
            return None
        return Shadow(kind=kind, name=name, used=found[0], hidden=found[1])

    def file(self, relative: str, *, place: str = "") -> Path:
        """A single file such as `catalog/debian.yaml`, of the first folder that has it.

        Raises:
            UserError: none has.
        """
        for folder in self.folders:
            if is_file(path := folder / relative):
                return path
        raise UserError(
            f"no catalogue folder has a file {relative}",
            place=place,
            hint="Write it, or correct its name.",
        )

    def folder_of(self, path: Path) -> Path:
        """The catalogue folder that an entry was found in; the file may be a link out of it."""
        return next(folder for folder in self.folders if path.is_relative_to(folder))

    def _all(self, kind: str, name: str) -> list[Path]:
        found: list[Path] = []
        for folder in self.folders:
            for pattern in PATTERNS[kind]:
                found += sorted(folder.glob(pattern.format(name=name)))
        return found
