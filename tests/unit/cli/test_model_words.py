"""What the verbs on model files say of unusual ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper, save
from tests.app.small_models import tflite_sum
from tests.one_operator import one_operator

from edgeimg.cli import model_coverage
from edgeimg.plan.coverage import Coverage

Edgeimg = Callable[..., Any]
MANIFEST = "version: 1\nname: m\nsummary: s\nlicense: MIT\nsamples: [{file: a.bin}]\n"


def relus(path: Path, opset: int) -> Path:
    """Two operators that differ in the batch alone, with an open size, stamped with an opset."""
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["x"], ["a"]),
            helper.make_node("Relu", ["z"], ["b"]),
        ],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "n", 4]),
            helper.make_tensor_value_info("z", TensorProto.FLOAT, [2, 3, 1, 1, 4]),
        ],
        [
            helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, "n", 4]),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, [2, 3, 1, 1, 4]),
        ],
    )
    opsets = [helper.make_opsetid("", opset)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_rows_that_look_the_same_are_one(edgeimg: Edgeimg, tmp_path: Path) -> None:
    path = relus(tmp_path / "m.onnx", 17)
    shown = edgeimg("model", "inspect", path)
    (row,) = [line for line in shown.stdout.splitlines() if line.startswith("Relu")]
    assert row.split() == ["Relu", "17", "float32", "2", "0"]
    assert "Sizes are open in the file (?): each counts as 1" in shown.stdout
    covered = edgeimg("model", "coverage", path, "--runtime", "onnxruntime-1.28.0")
    (row,) = [line for line in covered.stdout.splitlines() if line.startswith("Relu")]
    assert row.split() == ["Relu", "17", "float32", "2", "0", "ok"]


def test_an_opset_before_the_promised_ones_is_told(edgeimg: Edgeimg, tmp_path: Path) -> None:
    path = relus(tmp_path / "m.onnx", 6)
    covered = edgeimg("model", "coverage", path, "--runtime", "onnxruntime-1.28.0")
    assert "note: opset 6 of ai.onnx is old: onnxruntime 1.28.0 promises 7 to" in covered.stdout
    assert covered.status == 0


def test_run_names_the_operator_that_the_runtime_has_not(edgeimg: Edgeimg, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(one_operator("MadeAtHome"))
    (tmp_path / "a.bin").write_bytes(bytes(16))
    (tmp_path / "m.yaml").write_text(f"{MANIFEST}file: m.tflite\n")
    answer = edgeimg("model", "run", tmp_path / "m.yaml")
    assert "MadeAtHome is a custom operator, and litert 2.1.6 has none" in answer.stderr
    assert answer.status == 2


def test_which_of_several_signatures_is_run_is_told(edgeimg: Edgeimg, tmp_path: Path) -> None:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(tflite_sum(open_rows=False))
    second = schema.SignatureDefT()
    second.signatureKey, second.inputs, second.outputs = "other", [], []
    model.signatureDefs.append(second)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    (tmp_path / "m.tflite").write_bytes(bytes(builder.Output()))
    (tmp_path / "a.bin").write_bytes(bytes(64))
    (tmp_path / "m.yaml").write_text(f"{MANIFEST}file: m.tflite\n")
    answer = edgeimg("check", "--board", "qemu-arm64", "--model", tmp_path / "m.yaml")
    assert "of its signatures (serving_default, other) the first is run" in answer.stderr
    assert answer.status == 0


def test_a_share_is_not_rounded_up(capsys: pytest.CaptureFixture[str]) -> None:
    found = Coverage(known=True, rows=(), gaps=(), reference=True, placeable=99.96)
    model_coverage._print("", found, "npu")
    assert "99.9% of the MACs may go to npu" in capsys.readouterr().out
