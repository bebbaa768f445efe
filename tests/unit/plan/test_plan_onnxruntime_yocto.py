"""ONNX Runtime with yocto: its wheel, or a layer that compiles it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.render.bitbake_stub.kit import CATALOG

Edgeimg = Callable[..., Any]
Plan = Callable[..., dict[str, Any]]
LAYER = CATALOG["series"]["wrynose"]["provides"]["libonnxruntime"]["version"]
OF_BOARD = "1.18.0"  # on scarthgap it is the boards that say so
PRODUCT = """\
version: 1
name: demo
board: raspberrypi5
builder: yocto
models: [digits-onnx]
"""

pytestmark = pytest.mark.usefixtures("product")


def test_the_wheel_is_taken_unless_the_layer_is_asked_for(plan: Plan) -> None:
    assert plan()["runtime from"].endswith(".whl")
    assert plan("yocto.runtime_from=wheel") == plan()
    found = plan("yocto.runtime_from=layer")
    assert found["runtime"] == f"onnxruntime {LAYER}"
    assert found["runtime from"] == "libonnxruntime of meta-onnxruntime"


@pytest.mark.parametrize(("series", "version"), [("wrynose", LAYER), ("scarthgap", OF_BOARD)])
def test_without_a_wheel_it_is_the_layers(plan: Plan, series: str, version: str) -> None:
    found = plan("board=qemu-riscv64", f"yocto.series={series}")
    assert found["runtime"] == f"onnxruntime {version}"


def test_the_layers_version_is_enough_to_ask_for_it(plan: Plan) -> None:
    assert "meta-onnxruntime" in plan(f"runtime_version={LAYER}")["runtime from"]


@pytest.mark.parametrize(
    ("board", "series"),
    [("raspberrypi4", "scarthgap"), ("raspberrypi5", "scarthgap"), ("qemu-x86-64", "wrynose")],
)
def test_it_is_had_where_the_layers_recipe_builds(plan: Plan, board: str, series: str) -> None:
    """On scarthgap that is Raspberry Pi and RISC-V alone."""
    words = (f"board={board}", f"yocto.series={series}", "yocto.runtime_from=layer")
    assert "meta-onnxruntime" in plan(*words)["runtime from"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["board=qemu-arm"], "onnxruntime is not to be had for arm (qemu-arm) with yocto."),
        (
            ["board=qemu-riscv64", "yocto.runtime_from=wheel"],
            f"with yocto from a wheel. qemu-riscv64 on wrynose has {LAYER} in a layer.",
        ),
        (
            ["board=qemu-arm64", "yocto.series=scarthgap", "yocto.runtime_from=layer"],
            "nothing says that qemu-arm64 on scarthgap has it. Works with: its wheel.",
        ),
        (
            ["yocto.runtime_from=layer", "runtime_version=1.28.0"],
            f"from a layer. raspberrypi5 on wrynose has {LAYER}.",
        ),
        (
            ["yocto.runtime_from=layer", "provides={libonnxruntime: '1.30.1'}"],
            "onnxruntime 1.30.1: the adapter needs libonnxruntime >=1.11, <1.30",
        ),
        (["yocto.runtime_from=layer", "runtime_version=1.30.0"], "1.30.0 is refused: its library"),
        (
            ["yocto.runtime_from=layer", "models=[digits]", "runtime=litert"],
            "litert is not to be had for arm64 (raspberrypi5) with yocto from a layer.",
        ),
        (["yocto.runtime_from=recipe"], "yocto.runtime_from: 'recipe' is not one of wheel, layer"),
    ],
)
def test_what_does_not_fit_is_told(ask: Edgeimg, settings: list[str], message: str) -> None:
    answer = ask("check", *settings)
    assert answer.status == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_the_layer_is_the_products(edgeimg: Edgeimg) -> None:
    words = ("--set", "yocto.runtime_from=layer", "--project", "out")
    assert edgeimg("generate", *words).status == 0
    product = Path("out/kas/product.yml").read_text()
    assert "meta-onnxruntime:" in product
    assert "meta-python" in Path("out/kas/base.yml").read_text()
    append = Path("out/meta-edgeimg/recipes-ml/onnxruntime-offline/onnxruntime_%.bbappend")
    assert append.is_file()
    include = Path("out/meta-edgeimg/recipes-ml/edge-infer/edge-infer-product.inc").read_text()
    assert 'PACKAGECONFIG ??= "onnxruntime-layer"' in include
    layer = Path("out/meta-edgeimg/conf/layer.conf").read_text()
    assert "meta-onnxruntime" in layer and "bbappend" in layer


def test_offline_a_lock_of_layers_alone_is_made(edgeimg: Edgeimg) -> None:
    """Their commits stand in the catalogue; where a wheel lies, only its index says."""
    words = ("generate", "--offline", "--project", "out", "--set")
    answer = edgeimg(*words, "yocto.runtime_from=wheel")
    assert answer.status == 2
    assert "edgeimg.lock: does not exist. Run `edgeimg lock` once" in answer.stderr
    assert edgeimg(*words, "yocto.runtime_from=layer").status == 0
    assert "meta-onnxruntime" in Path("build/demo-raspberrypi5-yocto.lock").read_text()
    assert edgeimg(*words, "yocto.runtime_from=layer").status == 0


def test_the_command_line_never_touches_the_committed_lock(edgeimg: Edgeimg) -> None:
    words = ("generate", "--offline", "--project", "out", "--set", "yocto.runtime_from=layer")
    product = Path("edgeimg.yaml")
    product.write_text(f"{PRODUCT}yocto: {{runtime_from: layer}}\n")
    assert edgeimg("generate", "--offline", "--project", "out").status == 0
    committed = Path("edgeimg.lock").read_bytes()
    assert edgeimg(*words, "--set", "yocto.series=scarthgap").status == 0
    assert Path("edgeimg.lock").read_bytes() == committed
    assert Path("build/demo-raspberrypi5-yocto.lock").exists()
    assert edgeimg(*words, "--locked", "--set", "yocto.series=scarthgap").status == 0
    # What needs no other lock takes the committed one.
    assert edgeimg(*words, "--locked", "--set", "yocto.rm_work=true").status == 0
