"""One output of the guest against its golden: a pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeimg.plan.policy import Policy
from edgeimg.prepare.golden import Values, read_values, top_index


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far one output is from its golden.

    Attributes:
        exact: whether all bytes are equal.
        worst: the largest difference: LSB for integers, absolute for floats; infinite
            when it has no number (lengths differ, a NaN against a number).
        allowed: what it may be.
        top_1: index of the largest value, on the host and in the guest.
        reason: why it is wrong; empty when it is right.
    """

    exact: bool
    worst: float
    allowed: float
    top_1: tuple[int | None, int | None]
    reason: str

    @property
    def passed(self) -> bool:
        return not self.reason


def compare_output(golden: bytes, guest: bytes, policy: Policy) -> Comparison:
    """Compare the raw bytes of one output.

    Raises:
        ValueError: the golden itself is not of the policy's type.
    """
    wanted = read_values(golden, policy.type)
    allowed = _allowed(wanted, policy)
    best = top_index(wanted)
    if golden == guest:
        return Comparison(exact=True, worst=0.0, allowed=allowed, top_1=(best, best), reason="")
    if len(golden) != len(guest):
        return Comparison(
            exact=False,
            worst=math.inf,
            allowed=allowed,
            top_1=(best, None),
            reason=f"{len(guest)} bytes instead of {len(golden)}",
        )
    found = read_values(guest, policy.type)
    top_1 = (best, top_index(found))
    worst, place = _worst(wanted, found)
    reason = _reason(wanted, found, policy, allowed, worst, place, top_1)
    return Comparison(exact=False, worst=worst, allowed=allowed, top_1=top_1, reason=reason)


def lead(values: Values) -> float:
    """How far the largest number is above the second; 0 when there are not two."""
    first = second = -math.inf
    for value in values:
        if value > first:
            first, second = value, first
        elif value > second:
            second = value
    return first - second if second > -math.inf else 0.0


def _allowed(wanted: Values, policy: Policy) -> float:
    if policy.rule != "float":
        return float(policy.lsb)
    largest = max((abs(value) for value in wanted if math.isfinite(value)), default=0.0)
    return policy.absolute + policy.relative * largest


def _worst(wanted: Values, found: Values) -> tuple[float, int]:
    """The largest difference and its index. Only equal infinities and two NaNs differ by 0."""
    worst, place = 0.0, 0
    for index, (a, b) in enumerate(zip(wanted, found, strict=True)):
        if a == b or (a != a and b != b):
            continue
        difference = float(abs(a - b))
        if difference != difference:
            difference = math.inf
        if difference > worst:
            worst, place = difference, index
    return worst, place


def _reason(
    wanted: Values,
    found: Values,
    policy: Policy,
    allowed: float,
    worst: float,
    place: int,
    top_1: Sequence[int | None],
) -> str:
    a, b = wanted[place], found[place]
    if (a != a) != (b != b):
        return f"value {place} is {b}, on the host {a}"
    if policy.rule == "equal":
        count = sum(x != y for x, y in zip(wanted, found, strict=True))
        return f"{count} of {len(wanted)} values differ, value {place} by {worst:g}"
    if worst > allowed:
        unit = " LSB" if policy.rule == "lsb" else ""
        return f"value {place} is {b:g}, on the host {a:g}: off by {worst:.3g}{unit}, " + (
            f"allowed are {allowed:.3g}"
        )
    if policy.top_1 and top_1[0] != top_1[1] and lead(wanted) > allowed:
        return (
            f"value {top_1[1]} is the largest, on the host {top_1[0]}, "
            f"which leads by {lead(wanted):.3g}"
        )
    return ""
