"""Sums over a graph that both file formats need."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any, TypeVar

from edgeimg.model.info import OperatorUse

T = TypeVar("T", bound=Hashable)

CHUNK = 1 << 20  # elements that are compared at a time

TYPE_BITS: Mapping[str, int] = {
    "bfloat16": 16,
    "bool": 8,
    "complex128": 128,
    "complex64": 64,
    "float16": 16,
    "float32": 32,
    "float64": 64,
    "int16": 16,
    "int2": 2,
    "int32": 32,
    "int4": 4,
    "int64": 64,
    "int8": 8,
    "uint16": 16,
    "uint2": 2,
    "uint32": 32,
    "uint4": 4,
    "uint64": 64,
    "uint8": 8,
}
"""Bits of an element; a type that is not here (string, resource ...) counts 0."""


def elements(shape: Iterable[int]) -> int:
    """How many elements a shape has; a dynamic dimension counts as 1."""
    return prod(1 if size < 0 else size for size in shape)


def tensor_bytes(kind: str, shape: Iterable[int]) -> int:
    """Bytes of a tensor, densely packed."""
    bits = TYPE_BITS.get(kind, 8 if kind.startswith("float8") else 0)
    return (elements(shape) * bits + 7) // 8


def shared(inputs: Iterable[T], outputs: Sequence[T]) -> list[T]:
    """The outputs that are an input, or an earlier output, too."""
    known = set(inputs)
    return [one for at, one in enumerate(outputs) if one in known or one in outputs[:at]]


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Elements of the constants: all, by type, and those that are zero."""

    count: int
    types: Mapping[str, int]
    zeros: int


def count_parameters(constants: Iterable[tuple[str, int, int | None]]) -> Parameters:
    """Of constants as (type, elements, how many are not zero if that is known)."""
    types: dict[str, int] = {}
    zeros = 0
    for kind, count, nonzero in constants:
        if count:
            types[kind] = types.get(kind, 0) + count
            zeros += 0 if nonzero is None else max(0, count - nonzero)
    return Parameters(count=sum(types.values()), types=types, zeros=zeros)


def count_nonzero(data: Any, kind: str, count: int | None, zero: int = 0) -> int | None:
    """How many elements of a constant's bytes are not zero; None where that is not known.

    Args:
        data: bytes, or what is seen as bytes.
        count: how many elements there must be; None for any number.
        zero: the integer that stands for zero.
    """
    import numpy as np

    if kind in ("int4", "uint4"):
        pairs = np.frombuffer(data, np.uint8)
        values = np.stack([pairs & 15, pairs >> 4], axis=1).reshape(-1)[:count]
        zero &= 15
    elif kind in ("float16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64"):
        size = np.dtype(kind).itemsize
        values = np.frombuffer(data, f"<{np.dtype(kind).str[1:]}", len(data) // size)
    else:
        return None
    if count is not None and len(values) != count:
        return None
    return count_others(values, zero)


def count_others(values: Any, zero: int) -> int:
    """How many elements of a flat array are not `zero`; takes little memory beside it."""
    parts = (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
    return sum(int((part != zero).sum()) for part in parts)


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of a graph, with the keys of the tensors it reads and makes.

    `activations` are the (type, shape) of those that are not constants; `per_channel` is whether
    a constant has more than one scale.
    """

    name: str
    version: int
    macs: int
    reads: tuple[Hashable, ...]
    makes: tuple[Hashable, ...]
    activations: tuple[tuple[str, tuple[int, ...]], ...] = ()
    per_channel: bool = False


def count_operators(operators: Iterable[Operator]) -> tuple[OperatorUse, ...]:
    """The operators by name, version and what they work on, sorted."""
    found: dict[tuple[str, int, tuple[str, ...], bool, int, bool], tuple[int, int]] = {}
    for operator in operators:
        key = (operator.name, operator.version, *_worked_on(operator), operator.per_channel)
        count, macs = found.get(key, (0, 0))
        found[key] = (count + 1, macs + operator.macs)
    return tuple(
        OperatorUse(
            name=name,
            version=version,
            count=count,
            macs=macs,
            types=types,
            fixed=fixed,
            batch=batch,
            per_channel=per_channel,
        )
        for (name, version, types, fixed, batch, per_channel), (count, macs) in sorted(
            found.items()
        )
    )


def _worked_on(operator: Operator) -> tuple[tuple[str, ...], bool, int]:
    """(types, fixed, batch) as `OperatorUse` has them."""
    shapes = [shape for _, shape in operator.activations]
    types = tuple(sorted({kind for kind, _ in operator.activations}))
    fixed = all(size >= 0 for shape in shapes for size in shape[1:])
    # Of what comes first and what comes out: weights that are computed have no batch.
    ends = shapes[:1] + shapes[-1:]
    return types, fixed, max((elements(shape[:-3]) for shape in ends), default=1)


def peak_live_bytes(
    sizes: Mapping[Hashable, int],
    operators: Sequence[Operator],
    inputs: Iterable[Hashable],
    outputs: Iterable[Hashable],
) -> int:
    """The largest sum of activations alive while one operator runs.

    A tensor lives from the operator that makes it to the last one that reads it;
    an input from the start, an output to the end.

    Args:
        sizes: bytes of each activation; a tensor that is not here (a constant) counts 0.
        operators: in the order in which they run.
    """
    if not operators:
        return sum(sizes.get(key, 0) for key in {*inputs, *outputs})
    first: dict[Hashable, int] = dict.fromkeys(inputs, 0)
    last: dict[Hashable, int] = dict.fromkeys(first, 0)
    for step, operator in enumerate(operators):
        for key in (*operator.makes, *operator.reads):
            first.setdefault(key, step)
            last[key] = step
    last.update(dict.fromkeys(outputs, len(operators) - 1))
    change = [0] * (len(operators) + 1)
    for key, step in first.items():
        size = sizes.get(key, 0)
        change[step] += size
        change[last[key] + 1] -= size
    return max(accumulate(change))
