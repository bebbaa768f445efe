"""The matrix: which board, builder, series, runtime and accelerator go together, and why not.

Every cell is decided by the steps that decide a product, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.operators import OperatorLists
from edgeimg.catalog.runtimes import Runtime
from edgeimg.catalog.search import Catalog, Entry
from edgeimg.errors import UserError
from edgeimg.manifest.board import Board
from edgeimg.model.info import ModelInfo
from edgeimg.plan.accelerators import refusal
from edgeimg.plan.coherence import Fact
from edgeimg.plan.coverage import coverage
from edgeimg.plan.memory import least_mib
from edgeimg.plan.stack import Contradiction, Wish, choose_stack
from edgeimg.plan.target import NotServed, Target, targets

# `unsupported`: nothing known contradicts it, but nothing of ours builds it.
Verdict = Literal["yes", "no", "unsupported"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One combination.

    Attributes:
        flavour: Debian's suite, Buildroot's toolchain, Yocto's series; empty where the builder
            does not serve the board, and then `runtime` is empty too.
        accelerator: empty for the CPU.
        runtime_version, release: what would be taken.
        reason: why not; empty for `yes`.
    """

    board: str
    builder: str
    flavour: str
    runtime: str = ""
    runtime_version: str = ""
    accelerator: str = ""
    release: str = ""
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The models that every cell is asked to run, by name, and what there are files of it for."""

    models: Mapping[str, ModelInfo]
    compiled: Mapping[str, Collection[str]]
    lists: OperatorLists

    @property
    def formats(self) -> dict[str, str]:
        return {info.format: name for name, info in self.models.items()}

    def gaps(self, there: Target, wish: Wish, release: str, runtime: Entry[Runtime] | None) -> str:
        """What the runtime's release or the board has not that a model needs; empty: all."""
        if runtime is not None:
            needed = least_mib(runtime.value, there.builder, self.models.values())
            if needed > there.board.memory_mib:
                has = f"{there.board.name} has {there.board.memory_mib} MiB"
                return f"{needed:.0f} MiB of memory are needed at least, and {has}"
        for name, info in self.models.items():
            found = coverage(info, self.lists, wish.runtime or "", release, wish.accelerator)
            if found.fatal:
                return f"model {name}: {found.fatal[0]}"
            # A compiled file tells where it runs.
            if found.placeable == 0 and wish.accelerator not in self.compiled.get(name, ()):
                row = next(one for one in found.rows if one.stays)
                why = f"{row.use.name}: {row.accelerator}"
                return f"model {name}: nothing of it can go to {wish.accelerator} ({why})"
        return ""


def matrix(
    catalog: Catalog,
    boards: Sequence[str],
    models: Mapping[str, ModelInfo],
    own: Mapping[str, Fact] | None = None,
    compiled: Mapping[str, Collection[str]] | None = None,
) -> tuple[Cell, ...]:
    """Every combination of these boards, by board, builder, runtime and accelerator.

    Args:
        boards: names, or paths.
        models: by name; a cell that cannot run one of them says so.
        own: what the product provides itself, by part.
        compiled: by model, the accelerators that its manifest has a compiled file for.

    Raises:
        UserError: an entry of the catalogue that cannot be read.
    """
    runtimes = [catalog.entry("runtime", name, Runtime) for name in catalog.names("runtime")]
    names = catalog.names("accelerator")
    accelerators = [catalog.entry("accelerator", name, Accelerator) for name in names]
    asked = _Asked(models=models, compiled=compiled or {}, lists=OperatorLists(catalog))
    cells: list[Cell] = []
    for name in boards:
        board = catalog.entry("board", name, Board)
        for there in targets(catalog, board, own):
            if isinstance(there, NotServed):
                cells.append(_not_served(there))
                continue
            offered = [one for one in accelerators if one.value.needs in board.value.offers]
            for wish, runtime, accelerator in _wishes(offered, runtimes, asked.formats):
                cells.append(_cell(catalog, there, wish, runtime, accelerator, asked))
    return tuple(cells)


def _not_served(there: NotServed) -> Cell:
    return Cell(
        board=there.board.name,
        builder=there.builder,
        flavour=there.flavour,
        verdict="no",
        reason=f"{there.reason} ({there.place})",
    )


def _wishes(
    offered: Sequence[Entry[Accelerator]],
    runtimes: Sequence[Entry[Runtime]],
    formats: Mapping[str, str],
) -> Iterator[tuple[Wish, Entry[Runtime] | None, Entry[Accelerator] | None]]:
    """Each runtime on the CPU; each accelerator through each runtime that reaches it.

    An accelerator that no runtime of ours reaches stands alone.
    """
    known = {one.value.name: one for one in runtimes}
    for name, runtime in known.items():
        if runtime.value.accelerator is not None:
            continue
        yield Wish(runtime=name, formats=formats), runtime, None
    for entry in offered:
        for name in entry.value.runtimes or ("",):
            wish = Wish(accelerator=entry.value.name, runtime=name or None, formats=formats)
            yield wish, known.get(name), entry


def _cell(
    catalog: Catalog,
    there: Target,
    wish: Wish,
    runtime: Entry[Runtime] | None,
    accelerator: Entry[Accelerator] | None,
    asked: _Asked,
) -> Cell:
    verdict: Verdict = "yes"
    reason = version = release = ""
    try:
        stack = choose_stack(catalog, there, wish)
        version = stack.runtime.version if stack.runtime else ""
        release = stack.release.version if stack.release else ""
        if gaps := asked.gaps(there, wish, version, runtime):
            verdict, reason = "no", gaps
    except Contradiction as error:
        verdict, reason = "no", error.message
    except UserError as error:
        refused = runtime is not None and not runtime.value.supported
        verdict, reason = "unsupported" if refused else "no", error.message
    if accelerator is not None and verdict != "no":
        refused_too = refusal(accelerator.value, there.builder, "")
        if refused_too is not None:
            verdict = "no" if accelerator.value.supported else "unsupported"
            reason = refused_too.message
    return Cell(
        board=there.board.name,
        builder=there.builder,
        flavour=there.flavour,
        runtime=wish.runtime or "",
        runtime_version=version,
        accelerator=wish.accelerator or "",
        release=release,
        verdict=verdict,
        reason=reason,
    )
