"""The runtime and the accelerator of a product: what fits, and what the image gets of it."""

from __future__ import annotations

from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.search import Catalog
from edgeimg.errors import UserError, UserErrors
from edgeimg.manifest.load import Source
from edgeimg.manifest.product import Product
from edgeimg.plan.accelerators import check_licenses, refusal
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.coherence import Fact
from edgeimg.plan.plan import PlannedAccelerator, PlannedModel, PlannedRuntime
from edgeimg.plan.stack import Contradiction, Stack, Wish, choose_stack, nearest
from edgeimg.plan.target import Target, target


def own_facts(product: Product, source: Source) -> dict[str, Fact]:
    """The versions that the product says that it brings itself, by part."""
    return {
        part: Fact(
            part=part, version=version, who=product.name, place=source.place(("provides", part))
        )
        for part, version in product.provides.items()
    }


def choose(
    chosen: Chosen, flavour: str, models: tuple[PlannedModel, ...]
) -> tuple[PlannedRuntime, PlannedAccelerator | None]:
    """The runtime and the accelerator, in releases that fit each other and the board."""
    product, source = chosen.product, chosen.source
    own = own_facts(product, source)
    there = target(chosen.catalog, chosen.entry, chosen.builder, flavour, own)
    wanted = product.accelerator
    wish = Wish(
        formats={model.info.format: model.name for model in models},
        runtime=product.runtime,
        runtime_version=product.runtime_version,
        accelerator=wanted.name if wanted else None,
        release=wanted.release if wanted else None,
        library_from=product.yocto.runtime_from,
        source=source,
    )
    stack = _coherent(chosen, there, wish)
    if stack.accelerator is not None:
        entry = stack.accelerator.value
        refused = refusal(entry, chosen.builder, wish.place("accelerator", "name"))
        if refused is not None:
            raise refused
        check_licenses(product, source, entry)
    assert stack.runtime is not None
    least = wanted.min_placement if wanted else 0.0
    return stack.runtime, _planned(chosen.catalog, stack, least)


def _coherent(chosen: Chosen, there: Target, wish: Wish) -> Stack:
    try:
        return choose_stack(chosen.catalog, there, wish)
    except Contradiction as error:
        hint = nearest(chosen.catalog, chosen.entry, there, wish)
        both: list[UserError] = [Contradiction(error.clashes, place=error.place, hint=hint)]
        if wish.accelerator:
            entry = chosen.catalog.entry("accelerator", wish.accelerator, Accelerator).value
            refused = refusal(entry, chosen.builder, error.place)
            both += [refused] if refused else []
        raise UserErrors(both) from None


def _planned(catalog: Catalog, stack: Stack, min_placement: float) -> PlannedAccelerator | None:
    """What the builder adds for it."""
    if stack.accelerator is None:
        return None
    entry = stack.accelerator.value
    fragment = None
    if entry.buildroot is not None and entry.buildroot.fragment is not None:
        fragment = catalog.file(
            f"buildroot-external/linux/{entry.buildroot.fragment}",
            place=stack.accelerator.place("buildroot", "fragment"),
        )
    return PlannedAccelerator(
        entry=entry,
        release=stack.release,
        min_placement=min_placement,
        fragment=fragment,
    )
