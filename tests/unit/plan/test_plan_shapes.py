"""Sizes that a model file leaves open are given in the manifest, and held against the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, save
from tests.app.small_models import tflite_detections, tflite_sum

from edgeimg.errors import UserError, UserErrors
from edgeimg.plan.models import plan_model
from edgeimg.plan.plan import PlannedModel
from edgeimg.prepare.hosts import find_host


def plan(folder: Path, more: str = "") -> PlannedModel:
    """Of a model that doubles `x`, any rows of any multiple of 4 numbers, to rows of 4."""
    nodes = [
        helper.make_node("Add", ["x", "x"], ["d"]),
        helper.make_node("Reshape", ["d", "rows"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "m"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["k", 4])],
        [helper.make_tensor("rows", TensorProto.INT64, [2], [-1, 4])],
    )
    opsets = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "m.onnx")
    (folder / "a.bin").write_bytes(np.arange(24, dtype="<f4").tobytes())
    manifest = "version: 1\nname: m\nsummary: s\nlicense: MIT\nfile: m.onnx\n"
    (folder / "m.yaml").write_text(f"{manifest}samples: [{{file: a.bin}}]\n{more}")
    return plan_model(folder / "m.yaml", None)


def refused(folder: Path, more: str = "") -> list[str]:
    with pytest.raises(UserErrors) as refusal:
        plan(folder, more)
    return [f"{error.message}. {error.hint}" for error in refusal.value.errors]


def answer(planned: PlannedModel) -> list[float]:
    host = find_host("onnxruntime", wanted=None)
    ((made,),) = host.run(
        planned.path,
        planned.info.sha256,
        [one.tensor for one in planned.inputs],
        [one.tensor for one in planned.outputs],
        [planned.samples[0].path.read_bytes()],
        "default",
    )
    return list(np.frombuffer(made, "<f4"))


def test_given_sizes_are_those_that_the_model_runs_with(tmp_path: Path) -> None:
    more = "inputs: [{name: x, shape: [3, 8]}]\noutputs: [{name: y, shape: [6, 4]}]\n"
    planned = plan(tmp_path, more)
    assert [one.tensor.shape for one in planned.inputs] == [(3, 8)]
    assert [one.tensor.shape for one in planned.outputs] == [(6, 4)]
    assert answer(planned) == [2.0 * each for each in range(24)]


def test_open_sizes_come_with_the_lines_that_close_them(tmp_path: Path) -> None:
    # The output's open size may be the batch: it is asked for when the input's is known.
    (said,) = refused(tmp_path)
    assert "input 'x' has the shape ?x?." in said
    # What is to be written is YAML, but for the numbers.
    line = 'inputs: [{name: "x", shape: [?, ?]}]'
    assert f"`{line}`" in said
    # The rows that come out of three are not one.
    (said,) = refused(tmp_path, line.replace("?, ?", "3, 8"))
    assert "output 'y' has the shape ?x4." in said
    assert '`outputs: [{name: "y", shape: [?, 4]}]`' in said


def test_a_refused_input_does_not_put_its_batch_on_the_outputs(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["d"]), helper.make_node("Cast", ["d"], ["y"], to=1)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
    )
    opsets = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    (tmp_path / "a.bin").write_bytes(bytes(24))
    (tmp_path / "m.yaml").write_text(
        "version: 1\nname: m\nsummary: s\nlicense: MIT\nfile: m.onnx\nsamples: [{file: a.bin}]\n"
    )
    with pytest.raises(UserErrors) as refusal:
        plan_model(tmp_path / "m.yaml", None)
    assert [error.message for error in refusal.value.errors] == ["file: input 'x' holds float64"]


def test_sizes_that_come_out_otherwise_are_told(tmp_path: Path) -> None:
    more = "inputs: [{name: x, shape: [3, 8]}]\noutputs: [{name: y, shape: [2, 4]}]\n"
    with pytest.raises(UserError, match="output 'y' came out as 6x4, and 2x4 is planned"):
        answer(plan(tmp_path, more))


@pytest.mark.parametrize("shape", [[24], [2, 3, 4], [6, 5]])
def test_sizes_that_the_file_fixes_cannot_be_chosen(tmp_path: Path, shape: list[int]) -> None:
    more = f"inputs: [{{name: x, shape: [3, 8]}}]\noutputs: [{{name: y, shape: {shape}}}]\n"
    said = refused(tmp_path, more)[0]
    written = "x".join(map(str, shape))
    assert said.startswith(f"outputs.0.shape: {written} does not go with the file's ?x4.")


def test_of_a_size_that_is_chosen_the_file_may_not_know_what_comes_out(tmp_path: Path) -> None:
    """litert-torch leaves the outputs the sizes of its example where an input's are open."""
    (tmp_path / "m.tflite").write_bytes(tflite_sum(open_rows=True, stale=True))
    (tmp_path / "a.bin").write_bytes(bytes(32))
    text = "version: 1\nname: m\nsummary: s\nlicense: MIT\nfile: m.tflite\n"
    text += "samples: [{file: a.bin}]\n"
    shapes = "outputs: [{name: sum, shape: [1, 4]}, {name: difference, shape: [1, 4]}]\n"
    (tmp_path / "m.yaml").write_text(text + shapes)
    planned = plan_model(tmp_path / "m.yaml", None)
    assert [one.tensor.shape for one in planned.outputs] == [(1, 4), (1, 4)]


def test_an_output_whose_shape_only_its_operator_knows_is_given_one(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(tflite_detections())
    (tmp_path / "a.bin").write_bytes(bytes(640))
    shapes = {"where": (1, 5, 4), "what": (1, 5), "score": (1, 5), "count": (1,)}
    (tmp_path / "m.yaml").write_text(
        "version: 1\nname: m\nsummary: s\nlicense: MIT\nfile: m.tflite\nsamples: [{file: a.bin}]\n"
        "outputs:\n"
        + "".join(f"  - {{name: {name}, shape: {list(shape)}}}\n" for name, shape in shapes.items())
    )
    planned = plan_model(tmp_path / "m.yaml", None)
    assert {one.tensor.name: one.tensor.shape for one in planned.outputs} == shapes
