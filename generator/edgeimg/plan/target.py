"""A board with a builder: what is there for a runtime or an accelerator to ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgeimg.catalog.builders import BuildrootRelease, DebianDistribution, YoctoCatalog
from edgeimg.catalog.search import Catalog, Entry
from edgeimg.manifest.base import Provides
from edgeimg.manifest.board import Board, Unsupported
from edgeimg.plan.coherence import Fact


@dataclass(frozen=True, kw_only=True)
class Target:
    """A board, served by a builder.

    Attributes:
        flavour: Debian's suite, Buildroot's toolchain, Yocto's series.
        who: all three, for people.
        facts: by part.
    """

    board: Board
    builder: str
    flavour: str
    who: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, kw_only=True)
class NotServed:
    """A builder, or one of its flavours, that does not serve the board, and why."""

    board: Board
    builder: str
    flavour: str
    reason: str
    place: str


def target(
    catalog: Catalog,
    board: Entry[Board],
    builder: str,
    flavour: str,
    own: Mapping[str, Fact] | None = None,
) -> Target:
    """What the board has with the builder, which must serve it.

    Args:
        own: what the product says that it brings itself.
    """
    one = board.value
    facts: dict[str, Fact] = {}
    for words, key in ((one.cpu_features, "cpu_features"), (one.offers, "offers")):
        for index, word in enumerate(words):
            facts[word] = Fact(part=word, version="", who=one.name, place=board.place(key, index))
    place = board.place("architecture")
    facts[one.architecture] = Fact(part=one.architecture, version="", who=one.name, place=place)
    who = f"{one.name} {_with(catalog, builder, flavour)}"
    for entry, where, glibc, provides in (
        *_of_builder(catalog, builder, flavour),
        _of_board(board, builder, flavour),
    ):
        if glibc:
            place = entry.place(*where, "glibc")
            facts["glibc"] = Fact(part="glibc", version=glibc, who=who, place=place)
        for part, found in provides.items():
            place = entry.place(*where, "provides", part)
            facts[part] = Fact(part=part, version=found.version, who=who, place=place)
    return Target(
        board=one, builder=builder, flavour=flavour, who=who, facts={**facts, **(own or {})}
    )


def targets(
    catalog: Catalog, board: Entry[Board], own: Mapping[str, Fact] | None = None
) -> Iterator[Target | NotServed]:
    """The board with every builder and series; Buildroot with its default toolchain."""
    for builder in type(board.value.builders).model_fields:
        serves = getattr(board.value.builders, builder)
        flavours = _flavours(catalog, builder)
        if isinstance(serves, Unsupported):
            place = board.place("builders", builder)
            yield NotServed(
                board=board.value,
                builder=builder,
                flavour="",
                reason=serves.unsupported,
                place=place,
            )
            continue
        series = getattr(serves, "series", None)
        for flavour in flavours:
            refused = Unsupported(unsupported="nobody has tried it")
            found = series.get(flavour, refused) if series is not None else None
            if isinstance(found, Unsupported):
                yield NotServed(
                    board=board.value,
                    builder=builder,
                    flavour=flavour,
                    reason=found.unsupported,
                    place=board.place("builders", builder, "series", flavour),
                )
            else:
                yield target(catalog, board, builder, flavour, own)


# A file, where in it something is described, its C library, and what else it provides.
_Provider = tuple[Entry[Any], tuple[str, ...], str, Provides]


def _debian(catalog: Catalog) -> Entry[DebianDistribution]:
    return catalog.read(catalog.file("catalog/debian.yaml"), DebianDistribution)


def _buildroot(catalog: Catalog) -> Entry[BuildrootRelease]:
    return catalog.read(catalog.file("catalog/buildroot.yaml"), BuildrootRelease)


def _yocto(catalog: Catalog) -> Entry[YoctoCatalog]:
    return catalog.read(catalog.file("catalog/yocto.yaml"), YoctoCatalog)


def _with(catalog: Catalog, builder: str, flavour: str) -> str:
    if builder == "debian":
        return f"with Debian {flavour}"
    if builder == "buildroot":
        return f"with Buildroot {_buildroot(catalog).value.release}"
    return f"on {flavour}"


def _flavours(catalog: Catalog, builder: str) -> tuple[str, ...]:
    if builder == "debian":
        return (_debian(catalog).value.suite,)
    if builder == "buildroot":
        return (next(iter(_buildroot(catalog).value.toolchains)),)
    return tuple(_yocto(catalog).value.series)


def _of_builder(catalog: Catalog, builder: str, flavour: str) -> tuple[_Provider, ...]:
    if builder == "debian":
        suite = _debian(catalog)
        return ((suite, (), suite.value.glibc, suite.value.provides),)
    if builder == "buildroot":
        release = _buildroot(catalog)
        glibc = release.value.toolchains[flavour].glibc
        return (
            (release, (), "", release.value.provides),
            (release, ("toolchains", flavour), glibc, {}),
        )
    yocto = _yocto(catalog)
    series = yocto.value.series[flavour]
    return ((yocto, ("series", flavour), series.glibc, series.provides),)


def _of_board(board: Entry[Board], builder: str, flavour: str) -> _Provider:
    where: tuple[str, ...] = ("builders", builder)
    serves = getattr(board.value.builders, builder)
    if hasattr(serves, "series"):
        where, serves = (*where, "series", flavour), serves.series[flavour]
    return board, where, "", serves.provides
