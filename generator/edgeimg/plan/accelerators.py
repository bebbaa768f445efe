"""Which accelerator, and whether everything that it needs is there."""

from __future__ import annotations

from edgeimg.catalog.types import Accelerator
from edgeimg.errors import UserError
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.plan import PlannedAccelerator


def choose_accelerator(chosen: Chosen) -> Accelerator | None:
    """The product's accelerator, which the board and the builder can serve.

    Raises:
        UserError: there is none of that name, or something that it needs is not there.
    """
    product = chosen.product
    if product.accelerator is None:
        return None
    place = chosen.source.place(("accelerator",))
    _, entry = chosen.catalog.load(
        "accelerator", product.accelerator.name, Accelerator, place=place
    )
    if not entry.supported:
        raise UserError(f"accelerator {entry.name} is not supported: {entry.reason}", place=place)
    if entry.needs not in chosen.board.offers:
        offers = ", ".join(chosen.board.offers) or "nothing"
        raise UserError(
            f"accelerator {entry.name} needs {entry.needs}, "
            f"and {chosen.board.name} offers {offers}",
            place=place,
            hint="Take another board, or see `offers` in its YAML.",
        )
    if getattr(entry, chosen.builder, None) is None:
        raise UserError(
            f"accelerator {entry.name} is not to be had with {chosen.builder}", place=place
        )
    if product.runtime and product.runtime not in entry.runtimes:
        raise UserError(
            f"accelerator {entry.name} is reached through {' or '.join(entry.runtimes)}, "
            f"not {product.runtime}",
            place=chosen.source.place(("runtime",)),
        )
    missing = [one for one in entry.accept_licenses if one not in product.accept_licenses]
    if missing:
        raise UserError(
            f"accelerator {entry.name} comes under the licence {missing[0]}",
            place=place,
            hint=f"Read it; then write `accept_licenses: [{missing[0]}]`.",
        )
    return entry


def plan_accelerator(chosen: Chosen, entry: Accelerator) -> PlannedAccelerator:
    """What the builder adds for it.

    Raises:
        UserError: its kernel options are missing in the catalogue's folder.
    """
    assert entry.buildroot is not None
    fragment = None
    if entry.buildroot.fragment is not None:
        fragment = chosen.catalog.file(f"buildroot-external/linux/{entry.buildroot.fragment}")
    return PlannedAccelerator(
        name=entry.name,
        delegate=entry.delegate.library if entry.delegate else None,
        options=entry.delegate.options if entry.delegate else {},
        config=entry.buildroot.config,
        fragment=fragment,
    )
