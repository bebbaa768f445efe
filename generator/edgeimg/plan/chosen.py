"""What the steps of `resolve` look at together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeimg.catalog.search import Catalog, Entry
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import Source
from edgeimg.manifest.product import Product


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What the product names.

    Attributes:
        product, source: the product, and where it was read, for the places of errors.
        catalog: where entries are looked for.
        entry: the board, with the places of its values.
        builder: the builder's name.
    """

    product: Product
    source: Source
    catalog: Catalog
    entry: Entry[Board]
    builder: str

    @property
    def board(self) -> Board:
        return self.entry.value

    @property
    def board_path(self) -> Path:
        return self.entry.path
