"""The GPU of a Jetson: taken when it is asked for, and by the layer's own version."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Edgeimg = Callable[..., Any]
PRODUCT = """\
version: 1
name: demo
board: jetson-orin
models: [digits-onnx]
"""


@pytest.fixture(autouse=True)
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def _plan(edgeimg: Edgeimg, *settings: str) -> tuple[str, str]:
    words = [word for one in settings for word in ("--set", one)]
    answer = edgeimg("plan", "--output", "json", *words)
    assert answer.status == 0, answer.stderr
    plan = json.loads(answer.stdout)
    return plan["runtime"], plan["accelerator"]


def test_the_cpu_is_the_default(edgeimg: Edgeimg) -> None:
    runtime, accelerator = _plan(edgeimg)
    assert runtime.startswith("onnxruntime ")
    assert accelerator == ""


@pytest.mark.parametrize("wish", ["accelerator=cuda", "runtime=tensorrt"])
@pytest.mark.parametrize(("series", "version"), [("wrynose", "10.16.2"), ("scarthgap", "10.3.0")])
def test_either_word_asks_for_both(edgeimg: Edgeimg, wish: str, series: str, version: str) -> None:
    found = _plan(edgeimg, wish, f"yocto.series={series}")
    assert found == (f"tensorrt {version}", f"cuda {version}")


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
def test_what_does_not_fit_is_refused(edgeimg: Edgeimg, settings: list[str], message: str) -> None:
    answer = edgeimg("check", *(word for one in settings for word in ("--set", one)))
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
