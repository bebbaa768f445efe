"""Compiling with rknn-toolkit2: its recorded answers, and a toolkit that misbehaves."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeimg.cache import Cache
from edgeimg.model.look import FileOperator, look_at
from edgeimg.prepare import compile as compiling
from edgeimg.prepare import compilers
from edgeimg.prepare.compilers import Answer, Row
from edgeimg.prepare.compilers.rknn import read_answer
from edgeimg.prepare.placement import Placement, place_by_steps
from edgeimg.resources import data_root

pytest.importorskip("onnx")

Edgeimg = Callable[..., Any]
RECORDED = Path(__file__).parent / "recorded" / "rknn-2.3.2"
DIGITS = data_root() / "models" / "digits"
COMMAND = ("model", "compile", "--board", "rock-5b", "--accelerator", "rknpu")

# Stands for the toolkit's package; the script that calls it is the real one.
FAKE = """\
import ctypes, os, shutil, sys, time
from pathlib import Path
said, word = Path({recorded!r}), os.environ["FAKE_RKNN"]
class RKNN:
    def __init__(self, verbose):
        assert verbose
    def config(self, **settings):
        print("settings", settings)
        with open(os.environ["FAKE_RKNN_LOG"], "a") as log:
            log.write(f"{{settings}}\\n")
        return 0
    def load_onnx(self, model):
        if word == "raise":
            raise ValueError(
                "Traceback (most recent call last):\\n  File 'x', line 1, in x\\n"
                "ValueError: The If('iff') makes it\\n   dynamic!\\n\\x1b[0m"
            )
        if word == "crash":
            ctypes.string_at(0)
        if word == "hang":
            time.sleep(60)
        return -1 if word == "refuse" else 0
    def build(self, do_quantization):
        assert not do_quantization
        if word != "silent":
            print((said / "digits-float.log").read_text())
        return 0
    def export_rknn(self, path):
        if word != "nothing":
            shutil.copyfile(said / "digits-float.rknn", path)
        return 0
"""


def placed(log: str, model: Path) -> Placement:
    answer = read_answer(RECORDED / "digits-float.rknn", (RECORDED / log).read_text())
    return place_by_steps(look_at(model, "onnx").operators, answer)


def test_the_log_says_what_runs_where() -> None:
    placement = placed("digits-float.log", DIGITS / "digits_float.onnx")
    assert [(one.type, one.accelerated, one.cycles) for one in placement.operators] == [
        ("Conv", True, 576),
        ("Relu", True, None),  # became part of the convolution
        ("Conv", True, 1152),
        ("Relu", True, None),
        ("AveragePool", True, 0),
        ("Conv", True, 470),
        ("Flatten", False, None),
    ]
    assert placement.share == 100 and placement.macs == 148352
    assert (placement.cycles, placement.unassigned) == (2198, 0)
    assert placement.memory == {"dram": 6272 + 20096}
    assert look_at(RECORDED / "digits-float.rknn", "rknn").targets == ("rk3588",)


def test_an_operator_between_others_stays() -> None:
    placement = placed("odd.log", RECORDED / "odd.onnx")
    by_name = {one.name: one for one in placement.operators}
    assert not by_name["er"].accelerated  # Erf
    assert by_name["mm"].accelerated and by_name["mm"].cycles == 888
    assert by_name["c"].cycles == by_name["c_2"].cycles == 2304
    assert placement.share == 100  # of the MACs


def operator(name: str, macs: int = 0) -> FileOperator:
    return FileOperator(name=name, type="Conv", macs=macs, element="float32", custom=False)


def step(name: str, *, on_cpu: bool = False) -> Row:
    return Row(name=name, type="Conv", cycles=1, memory=0, on_cpu=on_cpu)


def test_steps_belong_to_the_operator_whose_name_they_begin_with() -> None:
    model = [operator("before"), operator("a", 10), operator("a1", 20), operator("b", 30)]
    steps = (step("a_0"), step("a_1", on_cpu=True), step("a1"), step("a1-rs", on_cpu=True))
    placement = place_by_steps(model, Answer(file=Path("x"), rows=steps))
    assert [(one.name, one.accelerated) for one in placement.operators] == [
        ("before", False),
        ("a", False),  # a part of it
        ("a1", True),  # its own step; what was added behind it is named below
        ("b", False),  # nothing is said of it, and it has MACs
        ("a1-rs", False),
    ]
    assert "no step" in placement.operators[3].reason


@pytest.fixture
def toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A toolkit that answers with a recording, or misbehaves."""
    package = tmp_path / "fake" / "rknn" / "api.py"
    package.parent.mkdir(parents=True)
    package.write_text(FAKE.format(recorded=str(RECORDED)))
    python = tmp_path / "python"
    # Isolated, as the real one is: only the fake is added.
    python.write_text(
        f"#!/bin/sh\nshift 2\ncode=\"import sys; sys.path.insert(0, '{package.parent.parent}')\n"
        f'$1"\nshift\nexec {sys.executable} -I -c "$code" "$@"\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr(compiling, "tool_python", lambda *_, **__: python)
    monkeypatch.setenv("FAKE_RKNN_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("EDGEIMG_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return lambda word: monkeypatch.setenv("FAKE_RKNN", word)


def test_the_verb_compiles_an_onnx_model_once(
    edgeimg: Edgeimg, toolkit: Callable[[str], None], tmp_path: Path
) -> None:
    toolkit("well")
    # The only one of the board that has a compiler.
    command = (*COMMAND[:4], "--model", "digits-onnx")
    told = edgeimg(*command)
    assert told.status == 0, told.stderr
    assert "100% of MACs on rknpu; 6 operators there, 1 on the CPU" in told.stdout
    assert "compiled: {rknpu: digits-onnx-rknpu.rknn}" in told.stdout
    made = tmp_path / "build/compiled/digits-onnx-rknpu.rknn"
    assert look_at(made, "rknn").targets == ("rk3588",)
    assert (tmp_path / "log").read_text() == "{'target_platform': 'rk3588'}\n"
    again = json.loads(edgeimg(*command, "--output", "json").stdout)
    assert again["models"][0]["cached"] is True
    refused = edgeimg(*command, "--fail-on-cpu-fallback")
    assert refused.status == 2 and "on the CPU: Flatten 'flatten'" in refused.stderr


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("raise", "rknn-toolkit2 does not compile it: load_onnx: The If('iff') makes it dynamic!"),
        ("refuse", "rknn-toolkit2 does not compile it: load_onnx fails with -1"),
        ("crash", "rknn-toolkit2 crashed (signal 11)"),
        ("hang", "rknn-toolkit2 took more than 0 minutes and was ended"),
        ("nothing", "rknn-toolkit2 ended well and wrote no compiled model"),
        ("silent", "rknn-toolkit2's log is not understood"),
    ],
)
def test_a_toolkit_that_misbehaves_is_one_line(
    word: str,
    says: str,
    edgeimg: Edgeimg,
    toolkit: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    toolkit(word)
    monkeypatch.setattr(compilers, "WALL_SECONDS", 1.0 if word == "hang" else 60.0)
    told = edgeimg(*COMMAND, "--model", "digits-onnx")
    assert told.status == 2
    errors = [line for line in told.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and says in errors[0] and "digits_float.onnx" in errors[0]
    assert not (tmp_path / "build").exists()


def test_a_tflite_model_is_refused(edgeimg: Edgeimg, toolkit: Callable[[str], None]) -> None:
    toolkit("well")
    told = edgeimg(*COMMAND, "--model", "digits")
    assert told.status == 2
    assert "rknn-toolkit2 compiles onnx, and this is tflite. Export the model" in told.stderr


def test_how_much_is_installed_is_said_before(
    edgeimg: Edgeimg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The real pip, without an index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("EDGEIMG_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    told = edgeimg(*COMMAND, "--model", "digits-onnx")
    assert told.status == 2
    assert "GiB on the disk" in told.stderr
    assert (
        "rknn-toolkit2 cannot be installed (rknn-toolkit2==2.3.2 onnx<1.19 setuptools<81)"
        in told.stderr
    )


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.skipif(
    os.environ.get("EDGEIMG_TEST_RKNN") != "1",
    reason="installs 5.5 GiB; EDGEIMG_TEST_RKNN=1 runs it, in your own cache",
)
def test_the_real_toolkit(
    edgeimg: Edgeimg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Cache().clear("compiled")
    told = edgeimg(*COMMAND, "--model", "digits-onnx")
    assert told.status == 0, told.stderr
    assert "100% of MACs on rknpu; 6 operators there, 1 on the CPU" in told.stdout
