"""What the steps of `resolve` look at together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeimg.catalog.search import Catalog
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import Source
from edgeimg.manifest.product import Product


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What the product names.

    Attributes:
        product, source: the product, and where it was read, for the places of errors.
        catalog: where entries are looked for.
        board, board_path: the board and its file.
        builder: the builder's name.
    """

    product: Product
    source: Source
    catalog: Catalog
    board: Board
    board_path: Path
    builder: str
