"""Progress of long work: frozen events, passed through a callback.

Only `edgeimg.cli` draws them: bars on a terminal, lines in a pipe, NDJSON.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of the work begins."""

    name: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`done` of `total` things of the step `name` are finished."""

    name: str
    done: int
    total: int
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Log:
    """One line of a driven program's output, or of the guest's console."""

    line: str


Event = Step | Progress | Log
Report = Callable[[Event], None]


def silent(event: Event) -> None:
    """A report that goes nowhere."""
