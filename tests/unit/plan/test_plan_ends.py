"""An ONNX model whose ends the app cannot serve is refused by `check`, not by the device."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto, checker, helper, save

from edgeimg.errors import UserErrors
from edgeimg.plan.models import plan_model

MANIFEST = "version: 1\nname: m\nsummary: s\nlicense: MIT\nfile: m.onnx\nsamples: [{file: a.bin}]\n"


def _said(folder: Path, inputs: dict[str, int], outputs: list[str], sample: bytes) -> str:
    """What is wrong with a model of Relu, from `x` or a constant of that name to `y`."""

    def value(name: str, rows: int) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, 4])

    rows = inputs.get("x", 1)
    constant = [] if inputs else [helper.make_tensor("x", TensorProto.FLOAT, [1, 4], [1.0] * 4)]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [value(name, rows) for name in inputs],
        [value(name, rows) for name in outputs],
        constant,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, folder / "m.onnx")
    (folder / "a.bin").write_bytes(sample)
    (folder / "m.yaml").write_text(MANIFEST)
    try:
        plan_model(folder / "m.yaml", None)
    except UserErrors as error:
        return "\n".join(one.message for one in error.errors)
    return ""


@pytest.mark.parametrize(
    ("inputs", "outputs", "sample", "said"),
    [
        ({"x": 1}, ["y"], 16, ""),
        ({}, ["y"], 0, "file: the model has no inputs"),
        ({"x": 1}, [], 16, "file: the model has no outputs"),
        ({"x": 1}, ["y", "x"], 16, "file: output 'x' is an input or another output too"),
        # One cause, one line a tensor: nothing of the sample's length.
        (
            {"x": 0},
            ["y"],
            0,
            "file: input 'x' has the shape 0x4, which holds nothing\n"
            "file: output 'y' has the shape 0x4, which holds nothing",
        ),
    ],
)
def test_ends_that_no_app_serves_are_refused(
    tmp_path: Path, inputs: dict[str, int], outputs: list[str], sample: int, said: str
) -> None:
    assert _said(tmp_path, inputs, outputs, bytes(sample)) == said
