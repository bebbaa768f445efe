"""Where each operator of a compiled model runs: recorded answers of compilers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgeimg.errors import UserError
from edgeimg.model.look import FileOperator, look_at
from edgeimg.prepare.compile import judge
from edgeimg.prepare.compilers import Answer, Row
from edgeimg.prepare.compilers.vela import read_answer
from edgeimg.prepare.placement import PlacedOperator, Placement, place
from edgeimg.resources import data_root

RECORDED = Path(__file__).parent / "recorded"
DIGITS = data_root() / "models" / "digits"
SOURCES = {
    "digits-int8": DIGITS / "digits_int8.tflite",
    "digits-float": DIGITS / "digits_float.tflite",
    "mixed": RECORDED / "mixed.tflite",
}


def answer(recording: str, tmp_path: Path) -> Answer:
    shutil.copytree(RECORDED / recording, tmp_path, dirs_exist_ok=True)
    return read_answer(tmp_path, (tmp_path / "stdout").read_text())


def placed(recording: str, tmp_path: Path) -> Placement:
    said = answer(recording, tmp_path)
    model = SOURCES[recording.split("-", 2)[2]]
    original = look_at(model, "tflite").operators
    return place(original, look_at(said.file, "tflite").operators, said)


@pytest.mark.parametrize(("version", "cycles"), [("3.12.0", 5470), ("5.2.0", 6326)])
def test_all_of_an_int8_model_is_placed(version: str, cycles: int, tmp_path: Path) -> None:
    placement = placed(f"vela-{version}-digits-int8", tmp_path)
    assert placement.share == 100 and placement.measure == "MACs"
    assert placement.on_cpu == ()
    assert placement.cycles == cycles
    assert sum(one.cycles or 0 for one in placement.operators) == pytest.approx(cycles, abs=2)
    by_name = {one.name: one for one in placement.operators}
    # The reshape vanished into the convolution before it, whose cycles are its own.
    assert by_name["scores"].cycles is None
    assert (by_name["conv3"].cycles or 0) > 2000
    assert by_name["conv2"].macs == 138240
    assert by_name["conv2"].memory == {"3.12.0": 5984, "5.2.0": 5968}[version]
    assert 6000 < placement.memory["sram"] < 7000


@pytest.mark.parametrize("version", ["3.12.0", "5.2.0"])
def test_nothing_of_a_float_model_is_placed(version: str, tmp_path: Path) -> None:
    placement = placed(f"vela-{version}-digits-float", tmp_path)
    assert placement.share == 0
    assert len(placement.on_cpu) == 5
    assert placement.on_cpu[0].name == "conv2"  # the one with the most MACs
    assert placement.cycles is None
    assert all(one.element == "float32" for one in placement.operators)
    assert "quantization" in placement.on_cpu[0].reason or "Float32" in placement.on_cpu[-1].reason


@pytest.mark.parametrize(
    ("version", "reason"), [("3.12.0", "a CPU only op"), ("5.2.0", "Unsupported reverse mask.")]
)
def test_an_operator_between_others_stays(version: str, reason: str, tmp_path: Path) -> None:
    placement = placed(f"vela-{version}-mixed", tmp_path)
    assert [(one.type, one.accelerated) for one in placement.operators] == [
        ("CONV_2D", True),
        ("REVERSE_V2", False),
        ("CONV_2D", True),
    ]
    assert placement.on_cpu[0].reason == reason
    assert placement.share == 100  # of the MACs: turning has none
    again = Placement.from_json(json.loads(json.dumps(placement.to_json())))
    assert again == placement


def operator(kind: str, name: str, macs: int = 0, custom: bool = False) -> FileOperator:
    return FileOperator(name=name, type=kind, macs=macs, element="int8", custom=custom)


def test_a_custom_operator_of_the_models_own_stays_on_the_cpu() -> None:
    model = [operator("CONV_2D", "a", 10), operator("Mine", "b", custom=True)]
    compiled = [operator("npu-op", "a", custom=True), operator("Mine", "b", custom=True)]
    placement = place(model, compiled)
    assert [one.accelerated for one in placement.operators] == [True, False]
    assert placement.cycles is None


def test_what_is_gone_without_any_custom_operator_is_not_accelerated() -> None:
    model = [operator("CONV_2D", "a", 10), operator("RELU", "b")]
    assert place(model, [operator("CONV_2D", "b", 10)]).share == 0


def test_what_the_compiler_renamed_or_added_runs_on_the_cpu() -> None:
    model = [operator("CONV_2D", "a", 10), operator("CONV_2D", "b", 20)]
    compiled = [
        operator("npu-op", "x", custom=True),
        operator("CONV_2D", "b_1", 20),
        operator("QUANTIZE", "q"),
    ]
    placement = place(model, compiled)
    assert [(one.name, one.accelerated) for one in placement.operators] == [
        ("a", True),
        ("b", False),
        ("q", False),
    ]
    assert placement.share == pytest.approx(100 / 3)


def test_nearly_all_does_not_read_as_all() -> None:
    model = [operator("CONV_2D", "a", 10**9), operator("CONV_2D", "b", 1)]
    custom = operator("npu-op", "a", custom=True)
    assert place(model, [custom, operator("CONV_2D", "b", 1)]).percent == "99.99%"
    assert place(model, [custom]).percent == "100%"


def test_without_macs_operators_count() -> None:
    custom = operator("npu-op", "a", custom=True)
    model = [operator("ADD", "a"), operator("MUL", "b")]
    placement = place(model, [custom, operator("MUL", "b")])
    assert (placement.measure, placement.share) == ("operators", 50)


def test_steps_are_added_up_where_they_came_from() -> None:
    rows = (
        Row(name="a", type="CONV_2D", cycles=5, memory=10),
        Row(name="soft_sub1", type="SOFTMAX", cycles=1, memory=20),
        Row(name="soft_mul2", type="SOFTMAX", cycles=2, memory=5),
        Row(name="made up", type="Softmax", cycles=4, memory=3),
        Row(name="unheard of", type="N/A", cycles=99, memory=99),
    )
    model = [operator("CONV_2D", "a", 10), operator("SOFTMAX", "soft")]
    compiled = [operator("npu-op", "soft", custom=True)]
    placement = place(model, compiled, Answer(file=Path("x"), rows=rows, cycles=111))
    assert [(one.cycles, one.memory) for one in placement.operators] == [(5, 10), (7, 20)]
    assert placement.unassigned == 99


def test_a_report_of_an_unknown_version_is_one_line(tmp_path: Path) -> None:
    shutil.copytree(RECORDED / "vela-5.2.0-digits-int8", tmp_path, dirs_exist_ok=True)
    rows = tmp_path / "model_per-layer.csv"
    rows.write_text(rows.read_text().replace("Op Cycles", "Cycles of it"))
    with pytest.raises(UserError, match="report is not understood"):
        read_answer(tmp_path, "")


def test_shapes_in_integers_do_not_hide_that_a_model_computes_in_float() -> None:
    def left(kind: str, element: str, macs: int) -> PlacedOperator:
        return PlacedOperator(name=kind, type=kind, element=element, macs=macs, accelerated=False)

    operators = (left("FULLY_CONNECTED", "float32", 10), left("SHAPE", "int32", 0))
    compiled: Any = SimpleNamespace(model="m", placement=Placement(operators=operators))
    npu = SimpleNamespace(name="npu", memory_kib=None)
    asked: Any = SimpleNamespace(entry=npu, min_placement=100.0)
    refusal = judge(compiled, asked, no_fallback=False)
    assert refusal is not None
    assert "on the CPU: all 2 operators. They compute in float" in str(refusal)
