"""What the steps of `resolve` look at together."""

from __future__ import annotations

from dataclasses import dataclass

from edgeimg.catalog.search import Catalog
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import Source
from edgeimg.manifest.product import Product


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The product, where it was read (for the places of errors), the catalogue, the board."""

    product: Product
    source: Source
    catalog: Catalog
    board: Board
