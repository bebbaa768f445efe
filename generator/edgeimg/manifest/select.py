"""Which product is meant: the file, and what the command line says over it."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeimg.errors import UserError
from edgeimg.manifest.load import Location, Source, parse, read_source, read_value, user_path
from edgeimg.manifest.product import Product
from edgeimg.manifest.starter import name_of

FILE_NAME = "edgeimg.yaml"
DEFAULT_MODEL = "digits"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The product, where it was read, and what was assumed for want of a file.

    Attributes:
        own: whether board and builder are those of the file.
        changed: whether the command line says other models or settings.
    """

    product: Product
    source: Source
    note: str
    own: bool
    changed: bool

    @property
    def folder(self) -> Path:
        """The folder that the product's relative paths start from."""
        return self.source.path.resolve().parent

    @property
    def slug(self) -> str:
        """Names the project folder: product, board, and the builder if one is named."""
        parts = [self.product.name, Path(self.product.board).stem, self.product.builder]
        return "-".join(part for part in parts if part)

    @property
    def project(self) -> Path:
        """Where the project is emitted when nobody says otherwise."""
        return self.folder / "build" / self.slug

    @property
    def locks(self) -> tuple[Path, ...]:
        """Where a lock is looked for; the last is the one that is made.

        It lies beside the product, with its stem: `edgeimg.lock` for `edgeimg.yaml`. What the
        command line changes is never written there, but into build/.
        """
        beside = self.folder / f"{self.source.path.stem}.lock"
        spare = self.folder / "build" / f"{self.slug}.lock"
        if not self.own:
            return (spare,)
        return (beside, spare) if self.changed else (beside,)


def select(
    *,
    file: Path | None = None,
    board: str | None = None,
    models: Sequence[str] = (),
    builder: str | None = None,
    settings: Sequence[str] = (),
) -> Selection:
    """Finds the product file here or above, and lays the options over it.

    Raises:
        UserError, UserErrors: no file and no board, a bad setting, a bad file.
    """
    path = file or find_product()
    if path is not None:
        source, note = read_source(path), ""
    else:
        source, note = _without_file(board, models)
    own = (source.data.get("board"), source.data.get("builder")) if path is not None else None
    data = copy.deepcopy(source.data)
    given: dict[Location, str] = dict(source.given)
    if board is not None:
        data["board"] = _from_here(board, "--board")
        given[("board",)] = "--board"
    if models:
        data["models"] = [_from_here(model, "--model") for model in models]
        given[("models",)] = "--model"
    if builder is not None:
        data["builder"] = builder
        given[("builder",)] = "--builder"
    for setting in settings:
        given[_set(data, setting)] = f"--set {_short(setting)}"
    source = replace(source, data=data, given=given)
    return Selection(
        product=parse(source, Product),
        source=source,
        note=note,
        own=own is not None and own == (data["board"], data.get("builder")),
        changed=bool(models or settings),
    )


def find_product() -> Path | None:
    """The product file here, or in a folder above."""
    start = Path.cwd()
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def _without_file(board: str | None, models: Sequence[str]) -> tuple[Source, str]:
    if board is None:
        raise UserError(
            f"no {FILE_NAME} here or above",
            hint="Name a board with --board, or write one with `edgeimg init`.",
        )
    names = list(models) or [DEFAULT_MODEL]
    data = {
        "version": 1,
        "name": name_of(Path(names[0]).stem) or "product",
        "board": board,
        "models": names,
        "features": {"read-only-root": {}},
    }
    what = "" if models else f", with the shipped example model '{DEFAULT_MODEL}'"
    source = Source(path=Path.cwd() / FILE_NAME, data=data, places={}, given={(): "command line"})
    return source, f"No {FILE_NAME} here: going on without one{what}."


def _from_here(name: str, place: str) -> str:
    """A path on the command line is relative to here, not to the product."""
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        return name
    return os.path.realpath(user_path(Path.cwd(), name, place))


def _short(setting: str) -> str:
    return setting if len(setting) <= 60 else f"{setting[:57]}..."


def _set(data: dict[str, Any], setting: str) -> Location:
    key, equals, text = setting.partition("=")
    parts = tuple(key.split("."))
    if not equals or not all(parts):
        raise UserError("is not key=value", place=f"--set {_short(setting)}", hint="Try threads=2.")
    value = read_value(text, place=f"--set {_short(setting)}")
    inner = data
    for part in parts[:-1]:
        inner = inner.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UserError(f"{part} is not a mapping", place=f"--set {_short(setting)}")
    inner[parts[-1]] = value
    return parts
