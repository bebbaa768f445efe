"""The golden policy, at its edges."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.verify.kit import floats, output

from edgeimg.errors import UserError
from edgeimg.manifest.model import Tolerance
from edgeimg.plan.policy import Policy, policy_for
from edgeimg.verify.compare import compare_output, lead

INT8 = st.lists(st.integers(-128, 127), min_size=1, max_size=20)
FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1)


def int8(*values: int) -> bytes:
    return struct.pack(f"{len(values)}b", *values)


@pytest.mark.parametrize(
    ("mode", "kind", "quantized", "rule"),
    [
        ("reference", "int8", True, "equal"),
        ("reference", "int64", False, "equal"),
        ("reference", "float32", False, "float"),
        ("default", "int8", True, "lsb"),
        ("default", "uint8", True, "lsb"),
        ("default", "int64", False, "equal"),
        ("default", "bool", False, "equal"),
        ("default", "float16", False, "float"),
    ],
)
def test_rule_follows_from_mode_and_type(mode: str, kind: str, quantized: bool, rule: str) -> None:
    assert policy_for(mode, output(kind, quantized=quantized), Tolerance()).rule == rule


def test_a_type_that_cannot_be_compared_is_the_users_error() -> None:
    with pytest.raises(UserError, match="scores: tensors of type string cannot be compared"):
        policy_for("default", output("string"), Tolerance())


@given(INT8, st.integers(0, 20))
def test_lsb_allows_exactly_its_steps(values: list[int], steps: int) -> None:
    policy = Policy(rule="lsb", type="int8", lsb=steps)
    moved = [min(127, value + steps) for value in values]
    assert compare_output(int8(*values), int8(*moved), policy).passed
    if values[0] + steps + 1 <= 127:
        moved[0] = values[0] + steps + 1
        comparison = compare_output(int8(*values), int8(*moved), policy)
        assert not comparison.passed
        assert comparison.worst == steps + 1
        assert "allowed are" in comparison.reason


@given(INT8, st.integers(0, 7), st.data())
def test_one_flipped_bit_is_never_equal(values: list[int], bit: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    golden = int8(*values)
    guest = bytearray(golden)
    guest[place] ^= 1 << bit
    comparison = compare_output(golden, bytes(guest), Policy(rule="equal", type="int8"))
    assert not comparison.passed
    assert comparison.reason.startswith(f"1 of {len(values)} values differ, value {place} by ")


@given(FLOATS)
def test_a_float_output_is_right_against_itself(values: list[float]) -> None:
    policy = Policy(rule="float", type="float32", absolute=0.0, relative=0.0, top_1=True)
    comparison = compare_output(floats(*values), floats(*values), policy)
    assert comparison.passed
    assert comparison.exact


def test_float_tolerance_grows_with_the_largest_golden_value() -> None:
    policy = Policy(rule="float", type="float32", absolute=1e-5, relative=1e-2)
    golden = floats(100.0, 0.0)
    assert compare_output(golden, floats(100.0, 0.9), policy).passed
    wrong = compare_output(golden, floats(100.0, 1.1), policy)
    assert not wrong.passed
    assert wrong.allowed == pytest.approx(1.00001)
    assert wrong.worst == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("golden", "guest", "passed"),
    [
        (math.nan, math.nan, True),
        (math.nan, 1.0, False),
        (1.0, math.nan, False),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (1.0, math.inf, False),
        (0.0, -0.0, True),
    ],
)
def test_nan_and_infinity(golden: float, guest: float, passed: bool) -> None:
    policy = Policy(rule="float", type="float32", absolute=1.0, relative=1.0)
    # A second NaN pattern, so that equal bytes are not what decides.
    other = struct.pack("<I", 0x7FC00001) if guest != guest else floats(guest)
    comparison = compare_output(floats(golden, 2.0), other + floats(2.0), policy)
    assert comparison.passed is passed
    if not passed:
        assert comparison.worst == math.inf


def test_a_nan_names_its_place() -> None:
    policy = Policy(rule="float", type="float32", absolute=1e-5, relative=1e-4)
    comparison = compare_output(floats(1, 2), floats(1, math.nan), policy)
    assert comparison.reason == "value 1 is nan, on the host 2.0"


def test_a_wrong_length_is_a_reason_of_its_own() -> None:
    comparison = compare_output(int8(1, 2, 3), int8(1, 2), Policy(rule="lsb", type="int8", lsb=3))
    assert comparison.reason == "2 bytes instead of 3"
    assert comparison.top_1 == (2, None)


def test_half_an_element_too_many_is_no_crash() -> None:
    comparison = compare_output(
        floats(1.0), floats(1.0) + b"\0", Policy(rule="float", type="float32")
    )
    assert comparison.reason == "5 bytes instead of 4"


def test_top_1_may_flip_within_the_tolerance_only() -> None:
    policy = Policy(rule="lsb", type="int8", lsb=3, top_1=True)
    near = compare_output(int8(50, 52), int8(52, 51), policy)
    assert near.passed
    assert near.top_1 == (1, 0)
    far = compare_output(int8(50, 54), int8(53, 52), policy)
    assert far.reason == "value 0 is the largest, on the host 1, which leads by 4"


def test_top_1_is_asked_of_ranked_outputs_only() -> None:
    assert policy_for("default", output(), Tolerance()).top_1
    assert not policy_for("default", output(top_k=0), Tolerance()).top_1
    assert not policy_for("default", output(), Tolerance(top_1=False)).top_1


def test_equal_values_lead_by_nothing() -> None:
    assert lead([5, 5, 1]) == 0
    assert lead([7]) == 0
    assert lead([]) == 0
    assert lead([math.nan, 3.0, 1.0]) == 2.0


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_int64_is_compared_without_rounding(values: list[int]) -> None:
    golden = struct.pack(f"<{len(values)}q", *values)
    values[0] = values[0] + 1 if values[0] < 2**63 - 1 else values[0] - 1
    guest = struct.pack(f"<{len(values)}q", *values)
    comparison = compare_output(golden, guest, Policy(rule="equal", type="int64"))
    assert comparison.worst == 1
    assert not comparison.passed
