"""What an accelerator adds to the image, and whether everything that it needs is there."""

from __future__ import annotations

from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.search import Catalog
from edgeimg.errors import UserError
from edgeimg.manifest.load import Source
from edgeimg.manifest.product import Product
from edgeimg.plan.plan import PlannedAccelerator
from edgeimg.plan.stack import Stack


def refusal(entry: Accelerator, builder: str, place: str) -> UserError | None:
    """Why an image cannot have it, though all versions may fit."""
    if not entry.supported:
        return UserError(f"accelerator {entry.name} is not supported: {entry.reason}", place=place)
    if getattr(entry, builder, None) is None:
        return UserError(
            f"accelerator {entry.name} is not to be had with {builder}",
            place=place,
            hint=f"Its catalogue entry has no `{builder}`.",
        )
    return None


def check_licenses(product: Product, source: Source, entry: Accelerator) -> None:
    """Raises UserError for a licence that nobody has accepted."""
    missing = [one for one in entry.accept_licenses if one not in product.accept_licenses]
    if missing:
        raise UserError(
            f"accelerator {entry.name} comes under the licence {missing[0]}",
            place=source.place(("accelerator", "name")),
            hint=f"Read it; then write `accept_licenses: [{missing[0]}]`.",
        )


def plan_accelerator(
    catalog: Catalog, stack: Stack, min_placement: float
) -> PlannedAccelerator | None:
    """What the builder adds for it."""
    if stack.accelerator is None:
        return None
    entry = stack.accelerator.value
    fragment = None
    if entry.buildroot is not None and entry.buildroot.fragment is not None:
        fragment = catalog.file(f"buildroot-external/linux/{entry.buildroot.fragment}")
    return PlannedAccelerator(
        entry=entry,
        release=stack.release,
        min_placement=min_placement,
        fragment=fragment,
    )
