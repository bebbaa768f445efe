"""What is compiled for which accelerator: the part of a plan that `model compile` needs.

It asks less than `resolve`: compiling is the host's work, and possible for an accelerator
that no image can use yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeimg.catalog.accelerators import Accelerator, AcceleratorRelease
from edgeimg.catalog.search import Catalog
from edgeimg.errors import UserError, UserErrors
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import Source
from edgeimg.manifest.product import AcceleratorChoice, Product
from edgeimg.plan.accelerators import check_release, find_accelerator
from edgeimg.plan.plan import PlannedModel
from edgeimg.plan.resolve import catalog_folders, plan_models


@dataclass(frozen=True, kw_only=True)
class Compiling:
    """What is compiled.

    Attributes:
        board: the board, by name.
        entry: the accelerator.
        place: where it was named.
        release: which of its releases; None when it has none with a compiler.
        min_placement: percent of a model that must run on it.
    """

    board: str
    entry: Accelerator
    place: str
    release: AcceleratorRelease | None
    min_placement: float
    models: tuple[PlannedModel, ...]


def plan_compiling(
    product: Product, source: Source, accelerator: str | None, cache_dir: Path | None
) -> Compiling:
    """Decides what is compiled for what.

    Args:
        product, source: the product, and the file that it was read from.
        accelerator: the one that the command line names; None takes the product's, else the
            only one with a compiler that the board offers.
        cache_dir: where what was read of model files is kept.

    Raises:
        UserErrors, UserError: what does not exist or does not fit, with places.
    """
    base = source.path.resolve().parent
    catalog = Catalog(catalog_folders(product, source))
    place = source.place(("board",))
    board = catalog.entry("board", product.board, Board, place=place, base=base).value
    choice = product.accelerator
    place = source.place(("accelerator",))
    if accelerator is not None:
        place = "--accelerator"
        if choice is None or choice.name != accelerator:
            choice = AcceleratorChoice(name=accelerator)
    if choice is None:
        choice = AcceleratorChoice(name=_only_one(catalog, board))
        place = ""
    entry = find_accelerator(catalog, choice.name, board, place).value
    errors: list[UserError] = []
    models = plan_models(product, source, catalog, cache_dir, errors)
    if errors:
        raise UserErrors(errors)
    return Compiling(
        board=board.name,
        entry=entry,
        place=place,
        release=_release(entry, choice.release, source.place(("accelerator", "release"))),
        min_placement=choice.min_placement,
        models=models,
    )


def _only_one(catalog: Catalog, board: Board) -> str:
    """The accelerator that is meant when none is named."""
    entries = [
        catalog.load("accelerator", name, Accelerator)[1] for name in catalog.names("accelerator")
    ]
    offered = [one for one in entries if one.needs in board.offers]
    found = [one.name for one in offered if any(each.compiler for each in one.releases)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"{board.name} offers {len(found)} accelerators that models are compiled for",
            hint=f"Name one with --accelerator: {', '.join(found)}.",
        )
    names = ", ".join(one.name for one in offered)
    raise UserError(
        f"{board.name} offers no accelerator that models are compiled for here",
        hint=f"For {names} a model is compiled by the vendor's tools: name it with --accelerator "
        "to look at that file."
        if names
        else "Take another board; see `offers` in its YAML.",
    )


def _release(entry: Accelerator, wanted: str | None, place: str) -> AcceleratorRelease | None:
    """The release that is asked for, else the first with a compiler."""
    if wanted is not None:
        check_release(entry, wanted, place)
        return next(one for one in entry.releases if one.version == wanted)
    return next((one for one in entry.releases if one.compiler), None)
