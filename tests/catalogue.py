"""What the shipped catalogue holds, to try all of it."""

from __future__ import annotations

from edgeimg.catalog.search import Catalog
from edgeimg.manifest.board import Board, BuildrootBoard, YoctoBoard


def _boards() -> dict[str, Board]:
    catalog = Catalog([])
    return {name: catalog.load("board", name, Board)[1] for name in catalog.names("board")}


def buildroot_boards() -> dict[str, Board]:
    """The boards that Buildroot serves, by name."""
    boards = _boards().items()
    return {name: one for name, one in boards if isinstance(one.builders.buildroot, BuildrootBoard)}


def yocto_boards() -> dict[str, Board]:
    """The boards that Yocto serves, by name."""
    boards = _boards().items()
    return {name: one for name, one in boards if isinstance(one.builders.yocto, YoctoBoard)}
