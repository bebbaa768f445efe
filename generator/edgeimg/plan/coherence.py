"""Whether one set of versions satisfies all that its parts ask of each other.

A need asks for a part; a fact says that a part is there, in a version. Something of which
there are several releases is a slot, and one release of each slot is taken. There are a
few releases of a few things: all combinations are tried, in the order of preference, and
no solver library is needed to be complete. Where none will do, the answer is the smallest
set of contradictions that rules all of them out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from packaging.specifiers import SpecifierSet
from packaging.version import Version

# Beyond so many contradictions at once nobody reads on; then any set will do.
MOST = 3


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A part that is there.

    Attributes:
        version: empty for what has none, such as a bus or a feature of the CPU.
        who: what has it, for people: `raspberrypi5 on wrynose`.
        place: `file:line` that says so.
    """

    part: str
    version: str
    who: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a release asks for.

    Attributes:
        of: the release, `hailo8 4.17.1`.
        by: which of its parts, `the driver`.
        versions: a specifier; empty: any.
        place: `file:line` that says so.
    """

    of: str
    by: str
    part: str
    versions: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A release that may be taken: what it asks for, and what it gives to others."""

    needs: tuple[Need, ...] = ()
    gives: tuple[Fact, ...] = ()

    def without(self, parts: Sequence[str]) -> Candidate:
        """The same, asking nothing of these parts."""
        kept = tuple(need for need in self.needs if need.part not in parts)
        return Candidate(needs=kept, gives=self.gives)


@dataclass(frozen=True, kw_only=True)
class Clash:
    """A need, and the fact that contradicts it; None: no fact speaks of that part."""

    need: Need
    fact: Fact | None
    who: str

    def __str__(self) -> str:
        need, fact = self.need, self.fact
        wanted = f"{need.of}: {need.by} needs {need.part}"
        wanted += f" {need.versions.replace(',', ', ')}" if need.versions else ""
        wanted += f" ({need.place})"
        if fact is None:
            return f"{wanted}, and nothing says that {self.who} has it"
        return f"{wanted}, {fact.who} has {fact.version or 'one without a version'} ({fact.place})"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`chosen`: the index of the release taken, for each slot; else the `clashes`."""

    chosen: tuple[int, ...] = ()
    clashes: tuple[Clash, ...] = ()

    @property
    def fits(self) -> bool:
        return not self.clashes


def solve(slots: Sequence[Sequence[Candidate]], facts: Mapping[str, Fact], who: str) -> Answer:
    """The first combination, one candidate of each slot, in which every need is met.

    Args:
        slots: candidates of each, the wanted one first; none of them empty.
        facts: by part.
        who: the board with its builder, for what nothing is known of.
    """
    ruled_out: list[tuple[Clash, ...]] = []
    for chosen in itertools.product(*(range(len(slot)) for slot in slots)):
        taken = [slot[index] for slot, index in zip(slots, chosen, strict=True)]
        there = {**facts, **{fact.part: fact for one in taken for fact in one.gives}}
        clashes = tuple(
            Clash(need=need, fact=there.get(need.part), who=who)
            for one in taken
            for need in one.needs
            if not _met(need, there.get(need.part))
        )
        if not clashes:
            return Answer(chosen=chosen)
        ruled_out.append(clashes)
    return Answer(clashes=_smallest(ruled_out))


def _met(need: Need, fact: Fact | None) -> bool:
    if fact is None:
        return False
    if not need.versions:
        return True
    return bool(fact.version) and _allows(need.versions, fact.version)


@cache
def _allows(versions: str, version: str) -> bool:
    return Version(version) in SpecifierSet(versions)


def _smallest(ruled_out: Sequence[Iterable[Clash]]) -> tuple[Clash, ...]:
    """The fewest clashes of which every combination has one."""
    sets = [set(clashes) for clashes in ruled_out]
    every = list(dict.fromkeys(clash for clashes in ruled_out for clash in clashes))
    for size in range(1, min(MOST, len(every)) + 1):
        for some in itertools.combinations(every, size):
            if all(clashes & set(some) for clashes in sets):
                return some
    return tuple(dict.fromkeys(next(iter(clashes)) for clashes in ruled_out))
