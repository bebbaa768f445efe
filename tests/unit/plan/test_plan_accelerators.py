"""Accelerators: what is refused, and that adding one is data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.runtimes import Runtime
from edgeimg.catalog.search import Catalog

Edgeimg = Callable[..., Any]
PRODUCT = """\
version: 1
name: demo
board: imx8mp-evk
models: [digits]
builder: buildroot
accelerator: {name}
"""
ENTRY = """\
version: 1
name: testpu
summary: A unit that only this test knows
homepage: https://example.org
source: this test
checked: now
needs: {needs}
runtimes: [tflite]
delegate: {{library: /usr/lib/libtestpu.so, options: {{device: usb}}}}
accept_licenses: {licenses}
buildroot:
  config: {{BR2_PACKAGE_TESTPU: y}}
  fragment: testpu.fragment
"""


@pytest.fixture
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the product and, into a catalogue of its own, the entry `testpu`."""

    def write(name: str = "testpu", needs: str = "usb", licenses: str = "[]") -> None:
        (tmp_path / "edgeimg.yaml").write_text(
            PRODUCT.format(name=name) + "catalogs: [mine]\n", encoding="utf-8"
        )
        folder = tmp_path / "mine"
        for path, text in {
            "catalog/accelerators/testpu.yaml": ENTRY.format(needs=needs, licenses=licenses),
            "buildroot-external/linux/testpu.fragment": "CONFIG_USB=y\n",
        }.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)

    return write


def test_an_entry_of_ones_own_is_planned(edgeimg: Edgeimg, product: Callable[..., None]) -> None:
    product()
    plan = json.loads(edgeimg("plan", "--output", "json").stdout)
    assert plan["accelerator"] == "testpu"
    assert plan["runtime"].startswith("tflite")  # the only one that it is reached through
    assert "BR2_PACKAGE_TESTPU" in plan["symbols"]


def test_the_board_must_offer_what_it_needs(edgeimg: Edgeimg, product: Callable[..., None]) -> None:
    product(needs="thunderbolt")
    answer = edgeimg("check")
    assert answer.status == 2
    assert "needs thunderbolt, and imx8mp-evk offers usb, pcie, vx-npu" in answer.stderr


def test_a_licence_must_be_accepted_by_name(edgeimg: Edgeimg, product: Callable[..., None]) -> None:
    product(licenses="[Test EULA]")
    answer = edgeimg("check")
    assert answer.status == 2
    assert "comes under the licence Test EULA" in answer.stderr
    assert edgeimg("check", "--set", "accept_licenses=[Test EULA]").status == 0


def test_what_an_image_lacks_for_want_of_a_licence_is_told(edgeimg: Edgeimg) -> None:
    check = ("check", "--board", "raspberrypi5")
    told = "note: the image comes without Wi-Fi and Bluetooth: the licence synaptics-killswitch is"
    assert told in edgeimg(*check).stderr
    accepted = edgeimg(*check, "--set", "accept_licenses=[synaptics-killswitch]")
    assert accepted.status == 0
    assert "licence" not in accepted.stderr


def test_another_runtime_is_refused(edgeimg: Edgeimg, product: Callable[..., None]) -> None:
    product()
    answer = edgeimg("check", "--set", "runtime=litert")
    assert answer.status == 2
    assert "is reached through tflite, not litert" in answer.stderr


def test_a_builder_that_has_it_not_is_refused(
    edgeimg: Edgeimg, product: Callable[..., None]
) -> None:
    product()
    answer = edgeimg("check", "--board", "qemu-arm64", "--builder", "debian")
    assert answer.status == 2
    assert "qemu-arm64 offers nothing" in answer.stderr


def test_what_is_not_supported_says_why(edgeimg: Edgeimg, product: Callable[..., None]) -> None:
    product(name="vx-npu")
    answer = edgeimg("check")
    assert answer.status == 2
    assert "vx-npu is not supported: " in answer.stderr


@pytest.mark.parametrize("name", Catalog().names("accelerator"))
def test_every_entry_has_a_reason_or_all_of_it(name: str) -> None:
    _, entry = Catalog().load("accelerator", name, Accelerator)
    if entry.supported:
        assert entry.runtimes and (entry.buildroot or entry.yocto)
        # What has no delegate is reached by an adapter of its own.
        runtimes = [Catalog().load("runtime", one, Runtime)[1] for one in entry.runtimes]
        assert entry.delegate or any(one.accelerator == name for one in runtimes)
    else:
        assert entry.reason and entry.buildroot is None and entry.yocto is None


OPERATORS = """\
version: 1
accelerators: [testpu]
format: tflite
source: this test
checked: now
types: [int8]
operators:
  FULLY_CONNECTED: {}
"""


def test_a_model_that_it_can_hardly_take_is_refused(
    edgeimg: Edgeimg, product: Callable[..., None], tmp_path: Path
) -> None:
    product()
    lists = tmp_path / "mine/catalog/operators"
    lists.mkdir()
    (lists / "testpu.yaml").write_text(OPERATORS)
    answer = edgeimg("check")
    assert answer.status == 2
    assert "0% of its MACs at most, and not AVERAGE_POOL_2D (it has none), CONV_2D" in answer.stderr
    assert "can go to testpu, and 100% are asked for" in answer.stderr
    less = edgeimg("check", "--set", "accelerator={name: testpu, min_placement: 0}")
    assert less.status == 0
