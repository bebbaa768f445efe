"""The GPU of a Jetson: taken when it is asked for, and by the layer's own version."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Edgeimg = Callable[..., Any]
Plan = Callable[..., dict[str, Any]]
PRODUCT = """\
version: 1
name: demo
board: jetson-orin
models: [digits-onnx]
"""

pytestmark = pytest.mark.usefixtures("product")


def test_the_cpu_is_the_default(plan: Plan) -> None:
    found = plan()
    assert found["runtime"].startswith("onnxruntime ")
    assert found["accelerator"] == ""


@pytest.mark.parametrize("wish", ["accelerator=cuda", "runtime=tensorrt"])
@pytest.mark.parametrize(("series", "version"), [("wrynose", "10.16.2"), ("scarthgap", "10.3.0")])
def test_either_word_asks_for_both(plan: Plan, wish: str, series: str, version: str) -> None:
    found = plan(wish, f"yocto.series={series}")
    assert found["runtime"] == f"tensorrt {version}"
    assert found["accelerator"] == f"cuda {version}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["runtime=tensorrt", "board=qemu-arm64"], "needs cuda, and qemu-arm64 offers nothing"),
        (["accelerator=cuda", "runtime=onnxruntime"], "reached through tensorrt, not onnxruntime"),
        (
            ["accelerator=cuda", "models=[digits]"],
            "is reached through tensorrt, which executes onnx, and model digits is tflite",
        ),
        (["accelerator=cuda", "runtime_version=10.3.0"], "tensorrt 10.3.0 is not to be had"),
        (
            ["accelerator=cuda", "provides={tensorrt-core: '11.0'}"],
            "tensorrt 11.0: the adapter needs tensorrt-core >=10.3, <11",
        ),
        (
            ["accelerator={name: cuda, release: 10.3.0}"],
            "cuda 10.3.0: its engine needs tensorrt-core ==10.3.*",
        ),
    ],
)
def test_what_does_not_fit_is_refused(ask: Edgeimg, settings: list[str], message: str) -> None:
    answer = ask("check", *settings)
    assert answer.status == 2
    assert message in answer.stderr


def test_the_matrix_says_yes_for_the_gpu_alone(edgeimg: Edgeimg) -> None:
    cells = json.loads(edgeimg("compat", "--board", "jetson-orin", "--output", "json").stdout)
    found = {
        (cell["flavour"], cell["runtime_version"], cell["accelerator"], cell["verdict"])
        for cell in cells["cells"]
        if cell["runtime"] == "tensorrt"
    }
    assert found == {
        ("wrynose", "10.16.2", "cuda", "yes"),
        ("scarthgap", "10.3.0", "cuda", "yes"),
    }
