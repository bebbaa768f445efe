"""The runtime and the accelerator's release that go together on a board."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgeimg.catalog.accelerators import Accelerator, AcceleratorRelease
from edgeimg.catalog.runtimes import Runtime
from edgeimg.catalog.search import Catalog, Entry
from edgeimg.errors import UserError
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import Source
from edgeimg.plan.accelerators import check_release, find_accelerator, refusal
from edgeimg.plan.coherence import Candidate, Clash, solve
from edgeimg.plan.plan import PlannedRuntime
from edgeimg.plan.runtimes import RuntimeCandidate, needs, runtime_candidates
from edgeimg.plan.target import Target, targets


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for; None takes what fits.

    Attributes:
        formats: of the models, and the name of one that has it.
        library_from: the runtime's library, with yocto: `wheel` or `layer`.
        source: the product, for the places of errors.
    """

    formats: Mapping[str, str] = field(default_factory=dict)
    runtime: str | None = None
    runtime_version: str | None = None
    accelerator: str | None = None
    release: str | None = None
    library_from: str | None = None
    source: Source | None = None

    def place(self, *keys: str) -> str:
        return self.source.place(keys) if self.source else ""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What was chosen; `runtime` is None for an accelerator that no runtime of ours reaches."""

    runtime: PlannedRuntime | None
    accelerator: Entry[Accelerator] | None = None
    release: AcceleratorRelease | None = None


class Contradiction(UserError):
    """No set of versions satisfies all that is asked for."""

    def __init__(self, clashes: Sequence[Clash], *, place: str, hint: str = "") -> None:
        super().__init__("; ".join(map(str, clashes)), place=place, hint=hint)
        self.clashes = tuple(clashes)


def choose_stack(catalog: Catalog, target: Target, wish: Wish) -> Stack:
    """The first runtime and release that fit each other, the models and the board.

    Whether they are supported is not asked here.

    Raises:
        Contradiction: some asks for what another does not give.
        UserError: something that is asked for does not exist or cannot be had.
    """
    wish = _with_accelerator(catalog, wish)
    accelerator = None
    if wish.accelerator:
        place = wish.place("accelerator", "name")
        accelerator = find_accelerator(catalog, wish.accelerator, target.board, place)
    releases = _releases(accelerator, wish) if accelerator else ()
    through = accelerator.value.runtimes if accelerator else ()
    if accelerator is not None:
        for index, name in enumerate(through):
            catalog.find("runtime", name, place=accelerator.place("runtimes", index))
    runtimes: tuple[RuntimeCandidate, ...] = ()
    refusal: UserError | None = None
    if accelerator is None or through:
        try:
            runtimes = _runtimes(catalog, target, wish, through)
        except UserError as error:
            refusal = error
    # Without a runtime, what the accelerator asks of the rest is still worth telling.
    slots = [
        [one.candidate for one in runtimes],
        [one.without(through if refusal else ()) for _, one in releases],
    ]
    answer = solve([slot for slot in slots if slot], target.facts, target.who)
    if not answer.fits:
        key = ("accelerator", "name") if accelerator else ("runtime",)
        if wish.library_from and not accelerator:
            key = ("yocto", "runtime_from")
        raise Contradiction(answer.clashes, place=wish.place(*key))
    if refusal is not None:
        raise refusal
    chosen = list(answer.chosen)
    return Stack(
        runtime=runtimes[chosen.pop(0)].planned if runtimes else None,
        accelerator=accelerator,
        release=releases[chosen.pop(0)][0] if releases else None,
    )


def _with_accelerator(catalog: Catalog, wish: Wish) -> Wish:
    """The wish with the accelerator that the runtime asked for cannot do without."""
    if wish.runtime is None or wish.accelerator is not None:
        return wish
    runtime = catalog.entry("runtime", wish.runtime, Runtime, place=wish.place("runtime")).value
    return replace(wish, accelerator=runtime.accelerator)


def _releases(
    entry: Entry[Accelerator], wish: Wish
) -> tuple[tuple[AcceleratorRelease | None, Candidate], ...]:
    accelerator = entry.value
    if wish.release:
        check_release(accelerator, wish.release, wish.place("accelerator", "release"))
    found = tuple(
        (
            one,
            Candidate(
                needs=needs(
                    entry, one.requires, ("releases", index), f"{accelerator.name} {one.version}"
                )
            ),
        )
        for index, one in enumerate(accelerator.releases)
        if wish.release in (None, one.version)
    )
    return found or ((None, Candidate()),)


def _runtimes(
    catalog: Catalog, target: Target, wish: Wish, through: Sequence[str]
) -> tuple[RuntimeCandidate, ...]:
    """What executes the models, of the runtime asked for or of all; the first one first."""
    place = wish.place("runtime") if wish.runtime else wish.place("models")
    if wish.accelerator and not wish.runtime:
        place = wish.place("accelerator", "name")
    version = wish.runtime_version
    library_from = wish.library_from
    where = wish.place("runtime_version") if version else place
    if library_from and not version:
        where = wish.place("yocto", "runtime_from")
    if wish.runtime:
        entry = catalog.entry("runtime", wish.runtime, Runtime, place=place)
        _executes(entry.value, wish, place)
        if through and wish.runtime not in through:
            raise UserError(
                f"accelerator {wish.accelerator} is reached through {' or '.join(through)}, "
                f"not {wish.runtime}",
                place=place,
            )
        return runtime_candidates(entry, target, version, where, library_from)
    found: list[RuntimeCandidate] = []
    refusal: UserError | None = None
    for name in through or catalog.names("runtime"):
        entry = catalog.entry("runtime", name, Runtime)
        if not set(wish.formats) <= set(entry.value.formats) or not (
            through or (entry.value.supported and entry.value.accelerator is None)
        ):
            continue
        try:
            found += runtime_candidates(entry, target, version, where, library_from)
        except UserError as error:
            refusal = refusal or error
    if not found:
        raise refusal or _no_runtime(catalog, wish, through, place)
    return tuple(found)


def _no_runtime(catalog: Catalog, wish: Wish, through: Sequence[str], place: str) -> UserError:
    """Why none of those that there are executes the models."""
    entries = [catalog.entry("runtime", name, Runtime).value for name in through]
    taken = list(dict.fromkeys(kind for one in entries for kind in one.formats))
    for kind, model in wish.formats.items():
        if through and kind not in taken:
            return UserError(
                f"accelerator {wish.accelerator} is reached through {' or '.join(through)}, "
                f"which executes {', '.join(taken)}, and model {model} is {kind}",
                place=place,
                hint=f"Give the model as {' or '.join(taken)}, or take the CPU.",
            )
    return UserError(
        f"no runtime executes all of {', '.join(sorted(wish.formats))}",
        place=place,
        hint="One runtime serves all models of a product: make two products.",
    )


def _executes(runtime: Runtime, wish: Wish, place: str) -> None:
    for kind, model in wish.formats.items():
        if kind in runtime.formats:
            continue
        raise UserError(
            f"runtime {runtime.name} executes {', '.join(runtime.formats)}, "
            f"and model {model} is {kind}",
            place=place,
            hint="One runtime serves all models of a product.",
        )


def nearest(catalog: Catalog, board: Entry[Board], target: Target, wish: Wish) -> str:
    """What works in place of a wish that does not: the change that changes least."""
    for what, other, changed in _changes(catalog, board, target, wish):
        try:
            stack = choose_stack(catalog, other, changed)
        except UserError:
            continue
        release = stack.release
        accelerator = stack.accelerator.value if stack.accelerator else None
        if accelerator and accelerator.supported and refusal(accelerator, other.builder, ""):
            continue  # another builder's
        if release is not None and release.version != wish.release:
            what = [*what, f"{wish.accelerator} {release.version}"]
        if wish.runtime_version and stack.runtime is not None:
            what = [*what, f"{stack.runtime.name} {stack.runtime.version}"]
        supported = accelerator is None or accelerator.supported
        return f"{'Works with' if supported else 'Fits'}: {', '.join(dict.fromkeys(what))}."
    return ""


def _changes(
    catalog: Catalog, board: Entry[Board], target: Target, wish: Wish
) -> Iterator[tuple[list[str], Target, Wish]]:
    """Other releases; another runtime; its wheel; another series or builder; the CPU alone."""
    loose = replace(wish, release=None, runtime_version=None)
    yield [], target, replace(wish, release=None)
    yield [], target, loose
    yield [], target, replace(loose, runtime=None)
    if wish.library_from == "layer":
        yield ["its wheel"], target, replace(loose, library_from=None)
    others = [one for one in targets(catalog, board) if isinstance(one, Target)]
    for own in (True, False):
        for other in others:
            if (other.builder == target.builder) == own and other.who != target.who:
                yield [other.who], other, replace(loose, runtime=None)
    if wish.accelerator:
        yield ["the CPU"], target, replace(loose, accelerator=None, runtime=None)
