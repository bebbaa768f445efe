"""What the shipped catalogue holds, to try all of it."""

from __future__ import annotations

from edgeimg.catalog.search import Catalog
from edgeimg.manifest.board import Board, BuildrootBoard


def buildroot_boards() -> dict[str, Board]:
    """The boards that Buildroot serves, by name."""
    catalog = Catalog([])
    boards = {name: catalog.load("board", name, Board)[1] for name in catalog.names("board")}
    return {
        name: board
        for name, board in sorted(boards.items())
        if isinstance(board.builders.buildroot, BuildrootBoard)
    }
