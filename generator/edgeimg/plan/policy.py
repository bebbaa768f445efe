"""How close to the golden outputs is right.

| kernels | output | rule |
|---|---|---|
| reference | integer | every byte equal |
| default | quantized integer | each value within `lsb` steps |
| default | integer without quantization | every byte equal: an index is not nearly right |
| both | float | each value within `absolute + relative * max |golden|` |

On top of the last three, the largest value of a ranked output (`top_k`) must be the
same one where its lead over the second exceeds what a value may be off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeimg.errors import UserError
from edgeimg.manifest.model import Tolerance
from edgeimg.plan.plan import PlannedOutput

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("bool", "int16", "int32", "int64", "int8", "uint16", "uint32", "uint64", "uint8")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rule for one output in one kernel mode.

    Attributes:
        rule: `equal` (bytes), `lsb` (steps of an integer) or `float`.
        type: of the tensor's elements.
        lsb: allowed steps, for the rule `lsb`.
        absolute, relative: for the rule `float`.
        top_1: whether the largest value must be the same one.
    """

    rule: Literal["equal", "lsb", "float"]
    type: str
    lsb: int = 0
    absolute: float = 0.0
    relative: float = 0.0
    top_1: bool = False

    def describe(self) -> str:
        """The rule in a few words."""
        if self.rule == "equal":
            return "equal"
        if self.rule == "lsb":
            return f"within {self.lsb} LSB"
        return f"within {self.absolute:g} + {self.relative:g} max"


def policy_for(mode: str, output: PlannedOutput, tolerance: Tolerance) -> Policy:
    """The policy of one output.

    Args:
        mode: `reference` or `default` kernels.

    Raises:
        UserError: outputs of that type cannot be compared.
    """
    kind = output.tensor.type
    top_1 = tolerance.top_1 and output.top_k > 0
    if kind in FLOATS:
        return Policy(
            rule="float",
            type=kind,
            absolute=tolerance.absolute,
            relative=tolerance.relative,
            top_1=top_1,
        )
    if kind not in INTEGERS:
        raise UserError(f"output {output.tensor.name}: tensors of type {kind} cannot be compared")
    if mode == "reference" or output.tensor.quantization is None:
        return Policy(rule="equal", type=kind)
    return Policy(rule="lsb", type=kind, lsb=tolerance.lsb, top_1=top_1)
