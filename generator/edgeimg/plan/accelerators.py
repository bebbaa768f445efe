"""An accelerator of the catalogue, and whether everything that it needs is there."""

from __future__ import annotations

from collections.abc import Sequence

from edgeimg.catalog.accelerators import Accelerator, AcceleratorRelease
from edgeimg.catalog.search import Catalog, Entry
from edgeimg.errors import UserError, UserErrors
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import Source
from edgeimg.manifest.product import Product
from edgeimg.plan.plan import PlannedAccelerator, PlannedModel


def find_accelerator(catalog: Catalog, name: str, board: Board, place: str) -> Entry[Accelerator]:
    """The accelerator of that name, which the board has room for.

    Raises:
        UserError: there is none of that name, or the board does not offer what it needs.
    """
    entry = catalog.entry("accelerator", name, Accelerator, place=place)
    if entry.value.needs not in board.offers:
        offers = ", ".join(board.offers) or "nothing"
        raise UserError(
            f"accelerator {name} needs {entry.value.needs}, and {board.name} offers {offers}",
            place=place,
            hint="Take another board, or see `offers` in its YAML.",
        )
    return entry


def check_release(accelerator: Accelerator, version: str, place: str) -> None:
    """Raises UserError for a release that the catalogue has not."""
    known = [one.version for one in accelerator.releases]
    if version not in known:
        raise UserError(
            f"accelerator {accelerator.name} has no release {version}",
            place=place,
            hint=f"Releases of the catalogue: {', '.join(known)}." if known else "Leave it out.",
        )


def refusal(entry: Accelerator, builder: str, place: str) -> UserError | None:
    """Why an image cannot have it, though all versions may fit."""
    if not entry.supported:
        return UserError(f"accelerator {entry.name} is not supported: {entry.reason}", place=place)
    if getattr(entry, builder, None) is None:
        why = next((why for name, why in entry.unsupported.items() if name == builder), "")
        return UserError(
            f"accelerator {entry.name} is not to be had with {builder}{why and f': {why}'}",
            place=place,
            hint="" if why else f"Its catalogue entry has no `{builder}`.",
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


def wants_compiled(entry: Accelerator, release: AcceleratorRelease | None) -> bool:
    """Whether a model goes into the image in no other form than compiled for it."""
    return bool(release and release.compiler) or bool(entry.precompiled and entry.delegate)


def check_files(accelerator: PlannedAccelerator, models: Sequence[PlannedModel]) -> None:
    """Raises UserErrors for models that must be compiled, and can be by nobody."""
    release = accelerator.release
    if (release and release.compiler) or not wants_compiled(accelerator.entry, release):
        return
    missing = [
        no_compiled(accelerator.name, str(model.manifest))
        for model in models
        if all(one.accelerator != accelerator.name for one in model.compiled)
    ]
    if missing:
        raise UserErrors(missing)


def no_compiled(accelerator: str, place: str) -> UserError:
    """A model for an accelerator, without a compiler and without a compiled file."""
    return UserError(
        f"no compiler for {accelerator} runs here, and the model's manifest gives no file",
        place=place,
        hint=f"Compile it with the vendor's tools and write `compiled: {{{accelerator}: FILE}}`.",
    )
