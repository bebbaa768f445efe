"""TensorFlow Lite out of a layer, and the accelerators behind it: what fits where, and why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.catalogue import yocto_boards
from tests.unit.render.bitbake_stub.kit import CATALOG

from edgeimg.manifest.board import YoctoBoardSeries

Edgeimg = Callable[..., Any]
Plan = Callable[..., dict[str, Any]]
VERSIONS = {
    series: one["provides"]["libtensorflow-lite"]["version"]
    for series, one in CATALOG["series"].items()
}
MACHINE_AND_PRODUCT = ("machine.yml", "product.yml")
PRODUCT = """\
version: 1
name: demo
board: raspberrypi5
builder: yocto
models: [digits]
"""

pytestmark = pytest.mark.usefixtures("product")


def _cells(edgeimg: Edgeimg) -> list[dict[str, str]]:
    answer = edgeimg("compat", "--output", "json")
    assert answer.status == 0, answer.stderr
    cells: list[dict[str, str]] = json.loads(answer.stdout)["cells"]
    return cells


def test_every_board_has_it_in_every_series_that_serves_it(edgeimg: Edgeimg) -> None:
    found = {
        (cell["board"], cell["flavour"], cell["runtime_version"])
        for cell in _cells(edgeimg)
        if cell["builder"] == "yocto"
        and cell["runtime"] == "tflite"
        and not cell["accelerator"]
        and cell["verdict"] == "yes"
    }
    assert found == {
        (board, series, VERSIONS[series])
        for board, one in yocto_boards().items()
        for series, serves in one.builders.yocto.series.items()  # type: ignore[union-attr]
        if isinstance(serves, YoctoBoardSeries)
    }


@pytest.mark.parametrize("board", ["qemu-arm", "qemu-riscv64"])
def test_without_a_wheel_it_is_what_is_taken(plan: Plan, board: str) -> None:
    found = plan(f"board={board}")
    assert found["runtime"] == f"tflite {VERSIONS['wrynose']}"
    assert found["runtime from"] == "libtensorflow-lite of meta-tensorflow-lite"


def test_where_there_is_a_wheel_it_is_taken_when_asked_for(edgeimg: Edgeimg) -> None:
    answer = edgeimg("plan", "--output", "json")
    assert json.loads(answer.stdout)["runtime"].startswith("litert ")
    answer = edgeimg("plan", "--output", "json", "--set", "runtime=tflite")
    assert json.loads(answer.stdout)["runtime"] == f"tflite {VERSIONS['wrynose']}"


def test_each_accelerator_is_where_all_of_it_is(edgeimg: Edgeimg) -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for cell in _cells(edgeimg):
        if cell["runtime"] == "tflite" and cell["accelerator"] and cell["verdict"] == "yes":
            flavour = cell["flavour"] if cell["builder"] == "yocto" else ""
            found.setdefault(cell["accelerator"], set()).add((cell["builder"], flavour))
    assert found == {
        "edgetpu-pcie": {("yocto", "scarthgap")},
        "edgetpu-usb": {("yocto", "wrynose"), ("yocto", "scarthgap")},
        "rocket": {("yocto", "wrynose")},
        "teflon": {("buildroot", "")},
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["builder=buildroot", "accelerator=edgetpu-usb"],
            "edgetpu-usb is not to be had with buildroot: no package",
        ),
        (
            ["board=rock-5b", "accelerator=rocket", "yocto.series=scarthgap"],
            "has 6.6.144 (catalog/yocto.yaml:33). Works with: rock-5b on wrynose, rocket 25.3.",
        ),
        (
            ["board=rock-5b", "builder=buildroot", "accelerator=rocket"],
            "Works with: rock-5b on wrynose, rocket 25.3.",
        ),
        (
            ["board=imx8mp-evk", "accelerator=teflon", "accept_licenses=[NXP-EULA]"],
            "Works with: imx8mp-evk with Buildroot 2026.02.3, teflon 25.0.7.",
        ),
        (
            ["accelerator=edgetpu-usb", "runtime=litert"],
            "edgetpu-usb is reached through tflite, not litert",
        ),
        (
            ["accelerator=edgetpu-usb"],
            "digits.yaml: no compiler for edgetpu-usb runs here, and the model's manifest gives",
        ),
        (
            ["accelerator=edgetpu-usb", "models=[digits-float]"],
            "0% of its MACs at most, and not AVERAGE_POOL_2D (float32: it takes int8, uint8)",
        ),
        (
            ["board=rock-5b", "accelerator=rocket", "models=[digits-float]"],
            "and not CONV_2D (float32: it takes int8, uint8), can go to rocket, and 100% are",
        ),
        (
            ["board=rock-5b", "accelerator=rocket"],
            "and not CONV_2D (a scale for each channel: it takes one for all), can go to rocket",
        ),
        (
            ["board=rock-5b", "accelerator=rocket", "models=[digits-onnx]"],
            "is reached through tflite, which executes tflite, and model digits-onnx is onnx. "
            "Give the model as tflite, or take the CPU.",
        ),
        (["runtime=tflite", "runtime_version=2.11.0"], "raspberrypi5 on wrynose has 2.21.0."),
        (
            ["runtime=tflite", "provides={libtensorflow-lite: '2.30'}"],
            "tflite 2.30: the adapter needs libtensorflow-lite >=2.11, <2.22",
        ),
    ],
)
def test_what_does_not_fit_is_told(ask: Edgeimg, settings: list[str], message: str) -> None:
    answer = ask("check", *settings)
    assert answer.status == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_another_builder_that_has_not_all_of_it_is_no_way_out(ask: Edgeimg) -> None:
    """The board's kernel would do with Buildroot, but that has no package of its library."""
    settings = ["accelerator=edgetpu-usb", "provides={libtensorflow-lite: '2.30'}"]
    answer = ask("check", *settings)
    assert answer.status == 2
    assert "Buildroot" not in answer.stderr


def test_a_layer_of_the_runtime_is_not_the_machines(edgeimg: Edgeimg) -> None:
    """kas/machine.yml serves other products on the board, too."""
    assert edgeimg("generate", "--set", "runtime=tflite", "--project", "out").status == 0
    machine, product = (Path("out/kas", name).read_text() for name in MACHINE_AND_PRODUCT)
    assert "meta-raspberrypi:" in machine
    assert "meta-tensorflow-lite:" not in machine
    assert "meta-tensorflow-lite:" in product


@pytest.mark.parametrize(
    ("runtime", "series", "asked"),
    [("tflite", "scarthgap", True), ("tflite", "wrynose", False), ("litert", "scarthgap", False)],
)
def test_what_the_layer_wants_of_the_compiler_is_in_local_conf(
    ask: Edgeimg, runtime: str, series: str, asked: bool
) -> None:
    """Without it BitBake finds nobody who provides libgfortran, which the library depends on."""
    answer = ask("generate --project out", f"runtime={runtime}", f"yocto.series={series}")
    assert answer.status == 0
    text = Path("out/meta-edgeimg/conf/templates/edgeimg/local.conf.sample").read_text()
    assert ('FORTRAN:forcevariable = ",fortran"\n' in text) is asked


def test_compat_does_not_offer_what_takes_nothing_of_the_model(edgeimg: Edgeimg) -> None:
    words = ["--board", "rock-5b", "--model", "digits", "--output", "json"]
    cells = json.loads(edgeimg("compat", *words).stdout)["cells"]
    found = [one for one in cells if (one["accelerator"], one["flavour"]) == ("rocket", "wrynose")]
    assert [one["verdict"] for one in found] == ["no"]
    assert "nothing of it can go to rocket (CONV_2D: a scale for each" in found[0]["reason"]
