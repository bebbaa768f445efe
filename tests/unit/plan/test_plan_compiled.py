"""`compiled:` in a model's manifest: the file must be for its accelerator, and of this model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.model.test_look import hef, rknn, tidl

from edgeimg.resources import data_root

Edgeimg = Callable[..., Any]
DIGITS = data_root() / "models" / "digits"
RECORDED = Path(__file__).parents[1] / "prepare" / "recorded"
MANIFEST = """\
version: 1
name: mine
summary: A test
license: Apache-2.0
file: model.tflite
samples: [{{file: sample.bin}}]
compiled:
  {accelerator}: {file}
"""


def edgetpu(left: str = "") -> bytes:
    """The digits model as the Edge TPU's compiler would leave it: one custom operator.

    Args:
        left: the type of an operator that stays as it was.
    """
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    import flatbuffers

    model = schema.ModelT.InitFromPackedBuf((DIGITS / "digits_int8.tflite").read_bytes(), 0)
    graph = model.subgraphs[0]
    kept = [
        one
        for one in graph.operators
        if left
        and model.operatorCodes[one.opcodeIndex].builtinCode
        == getattr(schema.BuiltinOperator, left)
    ]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "edgetpu-custom-op"
    code.version = 1
    model.operatorCodes.append(code)
    custom = schema.OperatorT()
    custom.opcodeIndex = len(model.operatorCodes) - 1
    custom.inputs = list(graph.inputs)
    custom.outputs = list(kept[0].inputs[:1]) if kept else list(graph.outputs)
    graph.operators = [custom, *kept]
    builder = flatbuffers.Builder(16384)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.fixture
def check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg: Edgeimg
) -> Callable[[str, bytes], Any]:
    """`edgeimg check` of a model with such a compiled file."""
    shutil.copy(DIGITS / "digits_int8.tflite", tmp_path / "model.tflite")
    (tmp_path / "sample.bin").write_bytes(bytes(64))
    monkeypatch.chdir(tmp_path)

    def run(accelerator: str, data: bytes) -> Any:
        (tmp_path / "made.bin").write_bytes(data)
        text = MANIFEST.format(accelerator=accelerator, file="made.bin")
        (tmp_path / "mine.yaml").write_text(text)
        return edgeimg("check", "--board", "qemu-arm64", "--model", "./mine.yaml")

    return run


def short(value: object) -> str:
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(
    ("accelerator", "data"),
    [
        ("hailo8l", hef(3)),
        ("hailo8", hef(3)),  # slower, but it runs
        ("rknpu", rknn(["rk3588"])),
        ("tidl", tidl(4)),
        ("cuda", b"ftrt" + bytes(40)),
        ("edgetpu-usb", edgetpu()),
        ("ethos-u65", (RECORDED / "vela-3.12.0-digits-int8/model_vela.tflite").read_bytes()),
    ],
    ids=short,
)
def test_the_right_file_is_taken(
    accelerator: str, data: bytes, check: Callable[[str, bytes], Any]
) -> None:
    answer = check(accelerator, data)
    assert answer.status == 0, answer.stderr


def test_the_plan_shows_it(check: Callable[[str, bytes], Any], edgeimg: Edgeimg) -> None:
    check("hailo8l", hef(3))
    told = edgeimg("plan", "--board", "qemu-arm64", "--model", "./mine.yaml")
    assert "mine for hailo8l: made.bin (hailo8l)" in told.stdout


@pytest.mark.parametrize(
    ("accelerator", "data", "says"),
    [
        ("hailo8l", hef(1), "made.bin was compiled for hailo8p, and hailo8l runs what is for"),
        ("hailo8", hef(103), "made.bin was compiled for hailo15h"),
        ("hailo8", rknn(["rk3588"]), "made.bin: not a Hailo executable"),
        ("rknpu", rknn(["rk3566"]), "was compiled for rk3566, and rknpu runs what is for rk3588"),
        ("tidl", tidl(0), "was compiled for tda4vm"),
        ("cuda", hef(3), "made.bin: not a TensorRT plan, but a Hailo executable"),
        (
            "edgetpu-usb",
            (DIGITS / "digits_int8.tflite").read_bytes(),
            "is not compiled for edgetpu-usb: it holds no custom operator (edgetpu-custom-op)",
        ),
        (
            "edgetpu-usb",
            (RECORDED / "vela-3.12.0-digits-int8/model_vela.tflite").read_bytes(),
            "was compiled for ethos-u65-256, and edgetpu-usb runs",
        ),
        (
            "ethos-u65",
            (RECORDED / "vela-3.12.0-mixed/model_vela.tflite").read_bytes(),
            "is of another model: its inputs are int8 1x8x8x4, and the model's int8 1x8x8x1",
        ),
        ("vx-npu", b"x", "no compiled file is known for vx-npu"),
        ("hailo9", b"x", "no accelerator 'hailo9'"),
    ],
    ids=short,
)
def test_the_wrong_file_is_one_line_with_its_place(
    accelerator: str, data: bytes, says: str, check: Callable[[str, bytes], Any]
) -> None:
    answer = check(accelerator, data)
    assert answer.status == 2
    errors = [line for line in answer.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert f"mine.yaml:8:{5 + len(accelerator)}: compiled.{accelerator}: " in errors[0]
    assert says in errors[0]


def test_an_edge_tpu_file_has_a_placement_too(
    check: Callable[[str, bytes], Any], edgeimg: Edgeimg, tmp_path: Path
) -> None:
    assert check("edgetpu-usb", edgetpu(left="RESHAPE")).status == 0
    command = ["model", "compile", "--board", "raspberrypi5", "--accelerator", "edgetpu-usb"]
    told = edgeimg(*command, "--model", "./mine.yaml", "--output", "json")
    assert told.status == 0, told.stderr
    placement = json.loads(told.stdout)["models"][0]["placement"]
    assert (placement["share"], placement["on_cpu"], placement["on_accelerator"]) == (100, 1, 4)
    assert [one["type"] for one in placement["operators"] if not one["accelerated"]] == ["RESHAPE"]
    assert edgeimg(*command, "--model", "./mine.yaml", "--fail-on-cpu-fallback").status == 2


def test_a_file_that_does_not_tell_is_taken_and_says_so(
    check: Callable[[str, bytes], Any], edgeimg: Edgeimg
) -> None:
    assert check("hailo8l", hef(3)).status == 0
    command = ["model", "compile", "--board", "raspberrypi5", "--accelerator", "hailo8l"]
    told = edgeimg(*command, "--model", "./mine.yaml")
    assert told.status == 0
    assert "compiled for hailo8l, version 3.30.0" in told.stdout
    assert "not known: the file does not say where each operator runs" in told.stdout
