"""Where operators run, as a page for a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeimg.prepare.placement import PlacedOperator, Placement
from edgeimg.render.page import page


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stretch of a bar: `good` is the accelerator's; percent of the whole width."""

    label: str
    good: bool
    percent: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the table; the bars are percent of the largest of all operators."""

    operator: PlacedOperator
    macs_percent: float
    cycles_percent: float


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One model on the page.

    Attributes:
        report: what `--output json` says of it.
        verdict, state: one sentence, and whether that is `good`, `bad` or not known (`dim`).
        bars: (what is measured, its parts).
        memory: (kind, bytes, percent of the limit or None), without what is not used.
    """

    report: Mapping[str, Any]
    verdict: str
    state: str
    bars: tuple[tuple[str, tuple[Part, ...]], ...]
    memory: tuple[tuple[str, int, float | None], ...]
    lines: tuple[Line, ...]
    cycles: int | None
    unassigned: int


def placement_page(title: str, reports: Sequence[Mapping[str, Any]]) -> str:
    """The page of models as `model compile --output json` has them in `models`."""
    return page("placement", title, models=[_shown(one) for one in reports])


def _shown(report: Mapping[str, Any]) -> Shown:
    if report["placement"] is None:
        return Shown(
            report=report,
            verdict=f"Not known: {report['unknown']}.",
            state="dim",
            bars=(),
            memory=(),
            lines=(),
            cycles=None,
            unassigned=0,
        )
    placement = Placement.from_json(report["placement"])
    name = str(report["accelerator"])
    left = len(placement.on_cpu)
    count = len(placement.operators)
    verdict = f"All {count} operators run on {name}."
    if left:
        verdict = (
            f"{left} of {count} operators run on the CPU; {name} has {placement.percent} of "
            f"the {placement.measure}."
        )
    most_macs = max((one.macs for one in placement.operators), default=0)
    most_cycles = max((one.cycles or 0 for one in placement.operators), default=0)
    limit = report["memory_kib"]
    return Shown(
        report=report,
        verdict=verdict,
        state="bad" if report["error"] else "good",
        bars=_bars(placement, name),
        memory=tuple(
            (kind, used, _percent(used, limit << 10) if limit and kind == "sram" else None)
            for kind, used in sorted(placement.memory.items(), reverse=True)
            if used
        ),
        lines=tuple(
            Line(
                operator=one,
                macs_percent=_percent(one.macs, most_macs),
                cycles_percent=_percent(one.cycles or 0, most_cycles),
            )
            for one in placement.operators
        ),
        cycles=placement.cycles,
        unassigned=placement.unassigned,
    )


def _bars(placement: Placement, name: str) -> tuple[tuple[str, tuple[Part, ...]], ...]:
    """The share of the accelerator and of the CPU, in MACs and in operators."""
    there = len(placement.operators) - len(placement.on_cpu)
    shares = [("operators", _percent(there, len(placement.operators)))]
    if placement.macs:
        shares.insert(0, ("MACs", placement.share))
    return tuple((what, _parts(name, share)) for what, share in shares)


def _parts(name: str, share: float) -> tuple[Part, ...]:
    both = (
        Part(label=f"{name} {share:.4g}%", good=True, percent=share),
        Part(label=f"CPU {100 - share:.4g}%", good=False, percent=100 - share),
    )
    return tuple(one for one in both if one.percent > 0)


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else 0.0
