"""Entries in a catalogue folder of the user: used, and a mistake is said at its place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from tests.conftest import Answer

from edgeimg.catalog.operators import Element
from edgeimg.model.graph import TYPE_BITS
from edgeimg.resources import data

PRODUCT = """version: 1
name: shop
board: qemu-arm64
models: [digits]
catalogs: [own]
features: {beacon: {}}
"""
FEATURE = """version: 1
name: beacon
summary: Says where it is
options:
  text: {type: text, default: here, description: What it says.}
  level: {type: choice, choices: [low, high], default: low, description: How loud.}
  times: {type: whole, default: 2, description: How often.}
  keys: {type: files, default: [], description: Who may ask.}
needs: [network]
debian: {files: beacon}
buildroot: {files: beacon}
"""
NPU = """version: 1
name: acme-npu
summary: Acme's NPU
homepage: https://acme.example
source: here
checked: never
needs: usb
runtimes: [tflite]
delegate: {library: /usr/lib/libacme.so}
buildroot: {config: {BR2_PACKAGE_ACME: y}}
"""
TAKES = """version: 1
accelerators: [acme-npu]
format: tflite
source: here
checked: never
types: [int8]
operators: {CONV_2D: {}, AVERAGE_POOL_2D: {}, RESHAPE: {}, FULLY_CONNECTED: {}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The folder, with a feature, an accelerator and its operators."""
    folder = tmp_path / "own"
    for name, text in {
        "catalog/features/beacon.yaml": FEATURE,
        "catalog/accelerators/acme-npu.yaml": NPU,
        "catalog/operators/acme-npu.yaml": TAKES,
        "debian-image/features/beacon/root/etc/beacon": "here\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_feature_of_ones_own(own: Path, ask: Callable[..., Answer]) -> None:
    assert "beacon, network" in ask("plan").stdout
    (own / "name.pub").write_text("a line\n")
    assert ask("check", "features.beacon.keys=[own/name.pub]").status == 0
    (own / "name.pub").write_text("# nothing\n")
    assert "keys: is empty" in ask("check", "features.beacon.keys=[own/name.pub]").stderr


def test_no_option_is_written_over_another_file(own: Path, ask: Callable[..., Answer]) -> None:
    path = own / "catalog/features/beacon.yaml"
    said = f"error: own/{path.relative_to(own)}"
    path.write_text(FEATURE.replace("  keys:", "  image:"))
    assert f"{said}:8: options.image: /etc/edgeimg/image is edgeimg's" in ask("check").stderr
    path.write_text(FEATURE.replace("  keys:", "  authorized_keys:"))
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
    answer = ask("check", f"features.ssh.authorized_keys=[{line}]")
    clash = "options.authorized_keys: /etc/edgeimg/authorized_keys is feature beacon's"
    assert clash in answer.stderr
    path.rename(path.with_name("verify.yaml")).write_text(FEATURE.replace("beacon\n", "verify\n"))
    answer = ask("check", "features={verify: {}}")
    assert "verify.yaml:2: name: /etc/edgeimg/verify.conf is edgeimg's" in answer.stderr


def test_a_word_is_one(own: Path, ask: Callable[..., Answer]) -> None:
    option = "names: {type: words, default: [], description: Some names.}"
    path = own / "catalog/features/beacon.yaml"
    path.write_text(FEATURE.replace("  keys:", f"  {option}\n  keys:"))
    assert ask("check", "features.beacon.names=[a, b]").status == 0
    answer = ask("check", "features.beacon.names=[a b]")
    assert "features.beacon.names: 'a b' is not one word. Some names." in answer.stderr


def test_an_entry_may_be_a_link(own: Path, ask: Callable[..., Answer]) -> None:
    feature = own / "catalog/features/beacon.yaml"
    feature.rename(own.parent / "shared.yaml")
    feature.symlink_to("../../../shared.yaml")
    answer = ask("check")
    assert answer.status == 0, answer.stderr


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (
            "default: low",
            "default: middle",
            ":6:10: options.level: default: 'middle' is not one of",
        ),
        ("choices: [low, high], ", "", ":6:10: options.level: choices: is missing; it goes with"),
        (
            "default: 2",
            "default: two",
            ":7:10: options.times: default: 'two' is none of type whole",
        ),
        ("needs: [network]", "needs: [netwerk]", ":9: no feature 'netwerk'. Perhaps you meant"),
        ("debian: {files: beacon", "debian: {files: beacn", ":10: debian.files: there is no "),
    ],
)
def test_a_mistake_in_a_feature_is_said_there(
    own: Path, ask: Callable[..., Answer], was: str, now: str, said: str
) -> None:
    file = own / "catalog/features/beacon.yaml"
    assert was in FEATURE
    file.write_text(FEATURE.replace(was, now))
    answer = ask("check")
    assert answer.status == 2
    assert answer.stderr.startswith(f"error: own/catalog/features/beacon.yaml{said}")


def test_an_accelerator_of_ones_own(own: Path, ask: Callable[..., Answer]) -> None:
    answer = ask("check", "board=raspberrypi5", "accelerator=acme-npu", "builder=buildroot")
    assert answer.status == 0, answer.stderr
    assert "with tflite 2.11.0 on acme-npu" in answer.stdout
    for file, was, now, said in (
        ("accelerators", "[tflite]", "[tflit]", ":8: no runtime 'tflit'. Perhaps you meant"),
        ("operators", "[int8]", "[int9]", ":6:9: types.0: 'int9' is not one of"),
    ):
        path = own / f"catalog/{file}/acme-npu.yaml"
        text = path.read_text()
        path.write_text(text.replace(was, now))
        answer = ask("check", "board=raspberrypi5", "accelerator=acme-npu", "builder=buildroot")
        path.write_text(text)
        assert answer.status == 2
        assert answer.stderr.startswith(f"error: own/catalog/{file}/acme-npu.yaml{said}")


def test_the_words_about_a_model_know_it_too(
    own: Path, ask: Callable[..., Answer], edgeimg: Callable[..., Answer]
) -> None:
    npu = own / "catalog/accelerators/acme-npu.yaml"
    npu.write_text(f"{NPU}precompiled: {{format: tidl, targets: [am62a]}}\n")
    folder = own / "models/digits"
    shutil.copytree(data("models") / "digits", folder)
    (folder / "acme.bin").write_bytes(bytes.fromhex("0101232004000000"))
    with (folder / "digits.yaml").open("a") as manifest:
        manifest.write("compiled: {acme-npu: acme.bin}\n")
    file = folder / "digits_int8.tflite"
    for words in (
        ("compat", "--board", "qemu-arm64", "--model", "digits"),
        ("model", "run", "digits"),
        ("model", "coverage", file, "--accelerator", "acme-npu"),
    ):
        answer = edgeimg(*words)
        assert answer.status == 0, answer.stderr
    (own / "boards").mkdir()
    board = (data("boards") / "qemu-arm64.yaml").read_text()
    board = board.replace("name: qemu-arm64", "name: mine\noffers: [usb]")
    (own / "boards/mine.yaml").write_text(board)
    (own / "catalog/operators/acme-npu.yaml").write_text(TAKES.replace("int8", "float32"))
    for model, verdict in (("digits", "yes"), (file, "no")):
        words = ("--board", "mine", "--board", "mine", "--model", model, "--output", "json")
        cells = json.loads(edgeimg("compat", *words).stdout)["cells"]
        (cell,) = (
            one for one in cells if (one["flavour"], one["accelerator"]) == ("bootlin", "acme-npu")
        )
        assert cell["verdict"] == verdict
    answer = edgeimg("model", "quantize", "digits")
    assert "is quantized already" in answer.stderr


def test_a_list_of_ones_own_wins_by_what_it_is_of(
    own: Path, ask: Callable[..., Answer], edgeimg: Callable[..., Answer]
) -> None:
    path = own / "catalog/operators/zz.yaml"
    file = data("models") / "digits/digits_int8.tflite"
    words = ("--runtime", "tflite-2.16.2", "--accelerator", "ethos-u65", "--output", "json")
    place = "own/catalog/operators/zz.yaml"
    path.write_text(TAKES.replace("acme-npu", "ethos-u65").replace("CONV_2D: {}, ", ""))
    said = edgeimg("model", "coverage", file, *words).stdout
    assert json.loads(said)["tflite 2.16.2"]["placeable"] == 0
    head = "version: 1\nruntime: litert\nrelease: 2.1.6\nformat: tflite\n"
    path.write_text(f"{head}source: here\nchecked: never\noperators: {{ABS: {{last: 1}}}}\n")
    answer = ask("check")
    assert f"CONV_2D is not among the operators of litert 2.1.6 ({place})" in answer.stderr


def test_an_operator_that_no_runtime_has(own: Path, ask: Callable[..., Answer]) -> None:
    words = ("board=raspberrypi5", "accelerator=acme-npu", "builder=buildroot")
    assert "note:" not in ask("check", *words).stderr
    path = own / "catalog/operators/acme-npu.yaml"
    path.write_text(TAKES.replace("CONV_2D: {},", "CONV_2D: {}, CONV2D: {},"))
    answer = ask("check", *words)
    assert answer.status == 0
    place = "own/catalog/operators/acme-npu.yaml:7: operators.CONV2D"
    assert f"note: {place}: no runtime's list has it" in answer.stderr


def test_a_fragment_and_a_recipe_that_are_not_there(own: Path, ask: Callable[..., Answer]) -> None:
    words = ("board=raspberrypi5", "accelerator=acme-npu", "features={}")
    path = own / "catalog/accelerators/acme-npu.yaml"
    fragment = "fragment: acme.fragment}"
    text = NPU.replace("y}}", "y}, " + fragment) + "yocto: {recipe: acme-linux}\n"
    path.write_text(text)
    answer = ask("check", *words, "builder=buildroot")
    assert answer.stderr.startswith(
        "error: own/catalog/accelerators/acme-npu.yaml:10: no catalogue"
    )
    assert "a file buildroot-external/linux/acme.fragment. Write it" in answer.stderr
    fragments = own / "buildroot-external/linux"
    fragments.mkdir(parents=True)
    (fragments / "acme.fragment").write_text("CONFIG_ACME=y\n")
    assert ask("check", *words, "builder=buildroot").status == 0
    answer = ask("check", *words, "builder=yocto")
    assert "error: yocto: no recipe acme-linux in layers/meta-edgeimg" in answer.stderr
    (own / "layers/meta-edgeimg/recipes-kernel/acme-linux").mkdir(parents=True)
    assert ask("check", *words, "builder=yocto").status == 0


def test_a_runtime_whose_adapter_the_app_has_not(own: Path, ask: Callable[..., Answer]) -> None:
    shipped = Path(__file__).parents[3] / "catalog/runtimes/litert.yaml"
    file = own / "catalog/runtimes/litert.yaml"
    file.parent.mkdir()
    file.write_text(shipped.read_text().replace("adapter: litert", "adapter: litter"))
    answer = ask("check")
    assert answer.status == 2
    assert "adapter: the app has no src/runtime/litter.cc" in answer.stderr
    assert answer.stderr.startswith("error: own/catalog/runtimes/litert.yaml:")
    Path("app").mkdir()
    Path("app/CMakeLists.txt").write_text("")
    assert ask("check", "app.source=app").status == 0


def test_a_runtime_whose_host_interpreter_is_not_there(
    own: Path, ask: Callable[..., Answer]
) -> None:
    shipped = Path(__file__).parents[3] / "catalog/runtimes/litert.yaml"
    file = own / "catalog/runtimes/litert.yaml"
    file.parent.mkdir()
    file.write_text(shipped.read_text().replace("host: litert", "host: litertt"))
    answer = ask("check")
    assert answer.status == 2
    assert answer.stderr == (
        "error: own/catalog/runtimes/litert.yaml:9: host: no host interpreter 'litertt'. "
        "Perhaps you meant 'litert'?\n"
    )


def test_every_type_that_a_model_can_have_may_be_named() -> None:
    assert set(TYPE_BITS) <= set(get_args(Element))
