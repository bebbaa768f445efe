"""Where each operator of a model runs: on the accelerator, or on the CPU.

The compiled file is the witness: an operator that is still in it as it was runs on the CPU,
all others became part of the accelerator's. What the compiler reports adds cycles and memory.
Of a file that does not list its operators, the compiler's own table of steps is the witness.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from edgeimg.model.look import FileOperator
from edgeimg.prepare.compilers import Answer, Row

UNTOLD = "no step of the compiler's has its name"


@dataclass(frozen=True, kw_only=True)
class PlacedOperator:
    """One operator of the model.

    Attributes:
        name: of the first tensor that it makes.
        type: `CONV_2D`.
        element: element type of that tensor.
        macs: multiply-accumulates, counted from the model file.
        accelerated: whether it runs on the accelerator.
        cycles: the compiler's estimate; None on the CPU, or when it does not say.
        memory: bytes of the accelerator's fast memory while it runs; None as with `cycles`.
        reason: the compiler's, why it stays on the CPU; may be empty.
    """

    name: str
    type: str
    element: str
    macs: int
    accelerated: bool
    cycles: int | None = None
    memory: int | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """All operators of a model, in its order.

    Attributes:
        cycles: of one inference on the accelerator, the compiler's estimate.
        memory: bytes in use, by kind: `sram`, `dram`, `flash`.
    """

    operators: tuple[PlacedOperator, ...]
    cycles: int | None = None
    memory: Mapping[str, int] = field(default_factory=dict)

    @property
    def on_cpu(self) -> tuple[PlacedOperator, ...]:
        """Those on the CPU, the one with the most MACs first."""
        left = [one for one in self.operators if not one.accelerated]
        return tuple(sorted(left, key=lambda one: -one.macs))

    @property
    def macs(self) -> int:
        return sum(one.macs for one in self.operators)

    @property
    def measure(self) -> str:
        """What `share` is a share of: `MACs`, or `operators` for a model without any MAC."""
        return "MACs" if self.macs else "operators"

    @property
    def share(self) -> float:
        """Percent of the model that runs on the accelerator."""
        weights = [(one.macs if self.macs else 1, one.accelerated) for one in self.operators]
        total = sum(weight for weight, _ in weights)
        return 100.0 * sum(weight for weight, on in weights if on) / total if total else 0.0

    @property
    def percent(self) -> str:
        """`share` for people, rounded down: what is not all does not read 100."""
        return f"{math.floor(self.share * 100) / 100:g}%"

    @property
    def unassigned(self) -> int:
        """Cycles of steps that belong to no single operator; under 1% is rounding, and 0."""
        total = self.cycles or 0
        rest = total - sum(one.cycles or 0 for one in self.operators)
        return rest if rest * 100 > total else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "share": round(self.share, 4),
            "measure": self.measure,
            "macs": self.macs,
            "on_accelerator": len(self.operators) - len(self.on_cpu),
            "on_cpu": len(self.on_cpu),
            "cycles": self.cycles,
            "cycles_unassigned": self.unassigned,
            "memory": dict(self.memory),
            "operators": [asdict(one) for one in self.operators],
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Placement:
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError: it is not what `to_json` made.
        """
        return cls(
            operators=tuple(PlacedOperator(**one) for one in said["operators"]),
            cycles=said["cycles"],
            memory=dict(said["memory"]),
        )


def place(
    model: Sequence[FileOperator], compiled: Sequence[FileOperator], answer: Answer | None = None
) -> Placement:
    """The placement of a model's operators.

    Args:
        model: the operators of the model file.
        compiled: those of the compiled file.
        answer: what the compiler said; None for a file that was compiled elsewhere.
    """
    # A custom operator that the model has not itself is the accelerator's.
    own = {one.type for one in model}
    kept = [one for one in compiled if one.type in own or not one.custom]
    left = Counter((one.type, one.name) for one in kept)
    reasons = answer.reasons if answer else {}
    placed = []
    for operator in model:
        # Without any of the accelerator's, what is gone was fused or left out for the CPU.
        stays = left[operator.type, operator.name] > 0 or len(kept) == len(compiled)
        left[operator.type, operator.name] -= stays
        placed.append(_placed(operator, accelerated=not stays, reasons=reasons))
    placed = _renamed(placed, kept, left, reasons)
    if answer is None:
        return Placement(operators=tuple(placed))
    return Placement(
        operators=tuple(_with_rows(placed, answer.rows)),
        cycles=answer.cycles,
        memory=answer.memory,
    )


def place_by_steps(model: Sequence[FileOperator], answer: Answer) -> Placement:
    """The placement of a model's operators as the compiler's steps tell it.

    The step of an operator's own name decides, else all that were made from it. One without
    any became part of the one before it, or, at the begin, of the one after; if it has MACs,
    nothing proves that, and it counts as on the CPU. Steps on the CPU that the compiler added
    are listed last.
    """
    steps = _by_operator(model, answer.rows)
    places: list[bool | None] = []
    for index, operator in enumerate(model):
        made = steps.get(index, [])
        own = [row for row in made if row.name == operator.name] or made
        last = places[-1] if places else None
        places.append(not any(row.on_cpu for row in own) if own else last)
    first = next((one for one in places if one is not None), False)
    placed = []
    for index, (operator, on) in enumerate(zip(model, places, strict=True)):
        untold = operator.macs > 0 and index not in steps
        on = not untold and (first if on is None else on)
        one = _placed(operator, accelerated=on, reasons={operator.name: UNTOLD} if untold else {})
        cycles = sum(row.cycles for row in steps.get(index, []))
        placed.append(replace(one, cycles=cycles) if on and index in steps else one)
    matched = {id(row) for index in steps for row in steps[index] if not placed[index].accelerated}
    added = [
        FileOperator(name=row.name, type=row.type, macs=0, element="", custom=False)
        for row in answer.rows
        if row.on_cpu and id(row) not in matched
    ]
    placed += [_placed(one, accelerated=False, reasons={}) for one in added]
    return Placement(operators=tuple(placed), cycles=answer.cycles, memory=answer.memory)


def _by_operator(model: Sequence[FileOperator], rows: Sequence[Row]) -> dict[int, list[Row]]:
    """The steps that were made from each operator: the longest name that a step begins with."""
    names = {operator.name: index for index, operator in enumerate(model) if operator.name}
    found: dict[int, list[Row]] = {}
    for row in rows:
        ends = range(len(row.name), 0, -1)
        index = next((names[row.name[:end]] for end in ends if row.name[:end] in names), None)
        # `conv1` is no part of `conv10`.
        if index is not None and not row.name[len(model[index].name) :][:1].isalnum():
            found.setdefault(index, []).append(row)
    return found


def _placed(
    operator: FileOperator, *, accelerated: bool, reasons: Mapping[str, str]
) -> PlacedOperator:
    return PlacedOperator(
        name=operator.name,
        type=operator.type,
        element=operator.element,
        macs=operator.macs,
        accelerated=accelerated,
        reason="" if accelerated else reasons.get(operator.name, ""),
    )


def _renamed(
    placed: list[PlacedOperator],
    compiled: Sequence[FileOperator],
    left: Counter[tuple[str, str]],
    reasons: Mapping[str, str],
) -> list[PlacedOperator]:
    """Operators of the compiled file under a name that the model has not.

    The compiler renamed what an operator of the same kind and size makes, or it added one;
    that runs on the CPU too and is listed last.
    """
    found = list(placed)
    for operator in compiled:
        key = (operator.type, operator.name)
        if left[key] <= 0:
            continue
        left[key] -= 1
        same = (
            index
            for index, one in enumerate(found)
            if one.accelerated and (one.type, one.macs) == (operator.type, operator.macs)
        )
        index = next(same, None)
        if index is None:
            found.append(_placed(operator, accelerated=False, reasons=reasons))
        else:
            found[index] = replace(found[index], accelerated=False)
    return found


def _with_rows(placed: list[PlacedOperator], rows: Sequence[Row]) -> list[PlacedOperator]:
    """Adds up the compiler's steps on the operators that they were made from."""
    cycles: Counter[int] = Counter()
    memory: dict[int, int] = {}
    last = -1
    for row in rows:
        index = _source(placed, row, last)
        if index is None:
            continue
        cycles[index] += row.cycles
        memory[index] = max(memory.get(index, 0), row.memory)
        last = max(last, index)
    return [
        replace(one, cycles=cycles[index], memory=memory[index]) if index in memory else one
        for index, one in enumerate(placed)
    ]


def _source(placed: Sequence[PlacedOperator], row: Row, last: int) -> int | None:
    """The operator that a step was made from.

    Its name is that of the operator's tensor, perhaps with more behind it. An operator that
    vanished into the one before it (a reshape) gave that its name: then the kind tells. A name
    that the compiler made up belongs to the next operator of its kind, or the one before.
    """
    named = [
        (len(one.name), -index)
        for index, one in enumerate(placed)
        if one.accelerated and one.name and row.name.startswith(one.name)
    ]
    if not named:
        around = [*range(max(last, 0), len(placed)), *range(last - 1, -1, -1)]
        return next((at for at in around if _alike(placed[at], row)), None)
    index = -max(named)[1]
    for before in range(index, last, -1):
        if _alike(placed[before], row):
            return before
    return index


def _alike(operator: PlacedOperator, row: Row) -> bool:
    """Whether a step may be made from that operator: `CONV_2D`, perhaps spelt `Conv2D`."""
    one, other = (name.replace("_", "").lower() for name in (operator.type, row.type))
    return operator.accelerated and one == other
