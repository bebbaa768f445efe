"""The adapter for TensorFlow Lite, and delegates. Runs where EDGEIMG_TFLITE names the library."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.app.appkit import DIGITS, build, environment, noise, on_device, on_host, write_config
from tests.app.small_models import tflite_sum

from edgeimg.model.read import read_model
from edgeimg.plan.plan import PlannedInput, PlannedOutput

pytestmark = pytest.mark.skipif(
    "EDGEIMG_TFLITE" not in os.environ, reason="EDGEIMG_TFLITE names no TensorFlow Lite"
)
FRAMES = 20
MODEL = DIGITS / "digits_int8.tflite"


def run(
    work: Path, delegate: dict[str, Any] | None, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """The app with the digits model."""
    info = read_model(MODEL)
    write_config(
        work / "config.json",
        model=MODEL,
        inputs=[PlannedInput(tensor=each, image=None) for each in info.inputs],
        outputs=[
            PlannedOutput(tensor=each, softmax=False, top_k=0, labels=()) for each in info.outputs
        ],
        delegate=delegate,
    )
    folder = build("tflite")
    return subprocess.run(
        [folder / "edge-infer", "--config", work / "config.json", *arguments],
        capture_output=True,
        text=True,
        env=environment(folder),
        check=False,
    )


def plugin(**options: str) -> dict[str, Any]:
    return {"library": str(build("tflite") / "tests/tflite_plugin.so"), "options": options}


@pytest.mark.parametrize("name", ["digits_int8", "digits_float"])
def test_reference_kernels(name: str, tmp_path: Path) -> None:
    model = DIGITS / f"{name}.tflite"
    info = read_model(model)
    random = np.random.default_rng(5)
    tensors = (info.inputs, info.outputs)
    frames = [noise(info.inputs, random) for _ in range(FRAMES)]
    device = on_device(build("tflite"), tmp_path, model, tensors, frames, "reference")
    host = on_host(model, tensors, frames, "reference", "tflite")
    if name == "digits_int8":
        assert device == host
    else:
        made, wanted = (
            np.frombuffer(b"".join(output for (output,) in each), "<f4") for each in (device, host)
        )
        assert np.allclose(made, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["reference", "default"])
@pytest.mark.parametrize("rows", [None, 1, 5], ids=["closed", "open-1", "open-5"])
def test_two_inputs(rows: int | None, mode: str, tmp_path: Path) -> None:
    model = tmp_path / "sum.tflite"
    model.write_bytes(tflite_sum(open_rows=rows is not None))
    info = read_model(model)
    inputs, outputs = (
        [
            replace(each, shape=tuple(rows or 3 if size < 0 else size for size in each.shape))
            for each in side
        ]
        for side in (info.inputs, info.outputs)
    )
    random = np.random.default_rng(6)
    frame = noise(inputs, random)
    device = on_device(build("tflite"), tmp_path, model, (inputs, outputs), [frame], mode)
    values = np.frombuffer(frame, "<f4")
    matrix, row = values[:-4].reshape(-1, 4), values[-4:]
    assert device == [[(matrix + row).tobytes(), (matrix - row).tobytes()]]


def test_delegate_takes_a_node(tmp_path: Path) -> None:
    info = read_model(MODEL)
    tensors = (info.inputs, info.outputs)
    random = np.random.default_rng(7)
    frames = [noise(info.inputs, random) for _ in range(4)]
    answers = {}
    for name, delegate in (
        ("cpu", None),
        ("same", plugin(mode="one")),
        ("inverted", plugin(mode="one", invert="yes")),
    ):
        work = tmp_path / name
        work.mkdir()
        answers[name] = on_device(
            build("tflite"), work, MODEL, tensors, frames, "default", delegate
        )
    assert answers["cpu"] == answers["same"]
    assert answers["cpu"] != answers["inverted"]


def test_placement_is_told(tmp_path: Path) -> None:
    delegate = plugin(mode="one")
    done = run(tmp_path, delegate, "--benchmark", "--iterations", "2", "--warm-up", "0")
    assert done.returncode == 0, done.stderr
    nodes = len(read_nodes())
    assert json.loads(done.stdout)["delegate"] == {
        "library": delegate["library"],
        "taken": 1,
        "nodes": nodes,
    }
    told = f"edge-infer: delegate {delegate['library']}: takes 1 of {nodes} nodes\n"
    assert done.stderr == told
    done = run(tmp_path, None, "--benchmark", "--iterations", "2", "--warm-up", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["delegate"] is None


def test_a_compiled_model_is_for_the_delegate_alone(tmp_path: Path) -> None:
    delegate = {**plugin(mode="one"), "model": str(tmp_path / "compiled.tflite")}
    done = run(tmp_path, delegate, "--benchmark", "--iterations", "1")
    assert done.returncode == 2
    assert "compiled.tflite" in done.stderr  # which is not there
    done = run(tmp_path, delegate, "--benchmark", "--iterations", "1", "--kernels", "reference")
    assert done.returncode == 0, done.stderr
    (tmp_path / "compiled.tflite").write_bytes(MODEL.read_bytes())
    assert run(tmp_path, delegate, "--benchmark", "--iterations", "1").returncode == 0


def read_nodes() -> list[Any]:
    """The operators of the model's graph."""
    import tflite

    graph = tflite.Model.GetRootAs(MODEL.read_bytes()).Subgraphs(0)
    assert graph is not None
    return [graph.Operators(index) for index in range(graph.OperatorsLength())]


def test_reference_is_the_cpu(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        plugin(mode="create"),
        *("--kernels", "reference", "--benchmark", "--iterations", "1", "--warm-up", "0"),
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["delegate"] is None
    assert done.stderr == (
        "edge-infer: kernels reference: everything on the CPU, without the delegate\n"
    )


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("create", "cannot start: no such device"),
        ("prepare", "cannot take the model: TensorFlow Lite: the plug-in does not like the graph"),
        ("opaque", "has no Prepare function, as opaque delegates"),
        ("none", "takes none of the model's {nodes} nodes"),
    ],
)
def test_delegate_fails(mode: str, message: str, tmp_path: Path) -> None:
    delegate = plugin(mode=mode)
    done = run(tmp_path, delegate, "--benchmark")
    assert (done.returncode, done.stdout) == (2, "")
    told = message.format(nodes=len(read_nodes()))
    assert done.stderr == f"edge-infer: delegate {delegate['library']}: {told}\n"


def test_delegate_fails_while_it_runs(tmp_path: Path) -> None:
    done = run(tmp_path, plugin(mode="invoke"), "--benchmark")
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.splitlines()[-1]
    assert last == ("edge-infer: cannot run the model: TensorFlow Lite: the plug-in's kernel fails")


def test_delegate_does_not_load(tmp_path: Path) -> None:
    missing = {"library": "/does/not/exist.so"}
    done = run(tmp_path, missing, "--benchmark")
    assert done.returncode == 2
    assert done.stderr.startswith("edge-infer: delegate: /does/not/exist.so: cannot open")
    assert done.stderr.count("\n") == 1
    done = run(tmp_path, {"library": "libc.so.6", "options": None}, "--benchmark")
    assert done.returncode == 2
    assert done.stderr == (
        "edge-infer: delegate libc.so.6: has no tflite_plugin_create_delegate: not a plug-in\n"
    )
