"""The app and the host's interpreter give the same bytes, on models made for one question each."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.app.appkit import BUILD, DIGITS, build, environment, noise, on_device, on_host
from tests.app.small_models import onnx_sum, tflite_detections, tflite_sum

from edgeimg.errors import UserError
from edgeimg.model.info import TensorInfo
from edgeimg.model.read import read_model

FRAMES = 4


@pytest.mark.parametrize("mode", ["reference", "default"])
@pytest.mark.parametrize("name", ["digits_int8", "digits_float"])
def test_one_input(name: str, mode: str, tmp_path: Path) -> None:
    model = DIGITS / f"{name}.tflite"
    info = read_model(model)
    random = np.random.default_rng(1)
    tensors = (info.inputs, info.outputs)
    frames = [noise(info.inputs, random) for _ in range(FRAMES)]
    device = on_device(build("litert"), tmp_path, model, tensors, frames, mode)
    assert device == on_host(model, tensors, frames, mode)


def test_reference_kernels_really_run(tmp_path: Path) -> None:
    """A mode that silently runs optimised kernels would give their bytes.

    Sums of floats tell the two apart: optimised kernels add in another order.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    model = DIGITS / "digits_float.tflite"
    info = read_model(model)
    random = np.random.default_rng(2)
    frames = [noise(info.inputs, random) for _ in range(20)]
    tensors = (info.inputs, info.outputs)
    device = on_device(build("litert"), tmp_path, model, tensors, frames, "reference")

    kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    optimised = Interpreter(str(model), experimental_op_resolver_type=kind, num_threads=1)
    optimised.allocate_tensors()
    fed, made = optimised.get_input_details()[0], optimised.get_output_details()[0]
    answers = []
    for frame in frames:
        optimised.set_tensor(fed["index"], np.frombuffer(frame, "<f4").reshape(fed["shape"]))
        optimised.invoke()
        answers.append([optimised.get_tensor(made["index"]).tobytes()])
    assert device == on_host(model, tensors, frames, "reference")
    assert device != answers


@pytest.mark.parametrize("mode", ["reference", "default"])
@pytest.mark.parametrize(
    ("rows", "ranked", "stale"),
    [
        (None, True, False),
        (1, True, False),
        (5, True, False),
        (5, False, False),
        (5, True, True),
    ],
    ids=["closed", "open-1", "open-5", "open-5-unranked", "open-5-stale"],
)
def test_two_inputs(rows: int | None, ranked: bool, stale: bool, mode: str, tmp_path: Path) -> None:
    """Two inputs of different sizes and two outputs, whose signature has another order than the
    graph; with and without a dimension that the model leaves open."""
    model = tmp_path / "sum.tflite"
    model.write_bytes(tflite_sum(open_rows=rows is not None, ranked=ranked, stale=stale))
    info = read_model(model)
    assert [each.shape[0] for each in info.inputs] == [3 if rows is None else -1, 1]

    def closed(tensors: Sequence[TensorInfo]) -> list[TensorInfo]:
        return [
            replace(each, shape=tuple(rows or 3 if size < 0 else size for size in each.shape))
            for each in tensors
        ]

    tensors = (closed(info.inputs), closed(info.outputs))
    if stale:
        assert [each.shape for each in tensors[1]] == [(3, 4), (3, 4)]
        tensors = (tensors[0], [replace(each, shape=(5, 4)) for each in tensors[1]])
    random = np.random.default_rng(3)
    frames = [noise(tensors[0], random) for _ in range(FRAMES)]
    device = on_device(build("litert"), tmp_path, model, tensors, frames, mode)
    assert device == on_host(model, tensors, frames, mode)
    count = (rows or 3) * 4
    matrix, row = np.frombuffer(frames[0], "<f4")[:count], np.frombuffer(frames[0], "<f4")[count:]
    expected = (matrix.reshape(-1, 4) + row, matrix.reshape(-1, 4) - row)
    assert device[0] == [each.tobytes() for each in expected]


@pytest.mark.parametrize("mode", ["reference", "default"])
def test_shapes_that_only_the_operator_knows(mode: str, tmp_path: Path) -> None:
    model = tmp_path / "detections.tflite"
    model.write_bytes(tflite_detections())
    info = read_model(model)
    assert {each.shape for each in info.outputs} == {()}
    shapes = ((1, 5, 4), (1, 5), (1, 5), (1,))
    made = [replace(each, shape=shape) for each, shape in zip(info.outputs, shapes, strict=True)]
    tensors = (list(info.inputs), made)
    frames = [noise(tensors[0], np.random.default_rng(6))]
    device = on_device(build("litert"), tmp_path, model, tensors, frames, mode)
    assert device == on_host(model, tensors, frames, mode)
    assert [len(each) for each in device[0]] == [80, 20, 20, 4]
    with pytest.raises(UserError, match="output 'where' came out as 1x5x4, and scalar is planned"):
        on_host(model, (tensors[0], list(info.outputs)), frames, mode)
    (tmp_path / "six").mkdir()
    six = (tensors[0], [replace(made[0], shape=(1, 6, 4)), *made[1:]])
    with pytest.raises(AssertionError, match=r"where\) is float32 \[1, 6, 4\] in the config"):
        on_device(build("litert"), tmp_path / "six", model, six, frames, mode)


@pytest.mark.parametrize("shaped", [True, False])
def test_onnx_two_inputs(tmp_path: Path, shaped: bool) -> None:
    """Of tensors without a shape ONNX Runtime says what it says of scalars."""
    build("litert")
    if not (BUILD / "onnxruntime/edge-infer").exists():
        pytest.skip("no onnxruntime_c_api.h here; images with ONNX models run this adapter")
    pytest.importorskip("onnx")
    model = tmp_path / "sum.onnx"
    model.write_bytes(onnx_sum(shaped=shaped))
    info = read_model(model)
    row = info.inputs[1]
    sides = [replace(row, name=one.name) for one in (*info.inputs, *info.outputs)]
    tensors = (sides[:2], sides[2:])
    random = np.random.default_rng(4)
    frames = [noise(tensors[0], random) for _ in range(FRAMES)]
    folder = BUILD / "onnxruntime"
    device = on_device(folder, tmp_path, model, (tensors[0], tensors[1]), frames, "default")
    assert device == on_host(model, (tensors[0], tensors[1]), frames, "default", "onnxruntime")


def test_delegates_are_refused(tmp_path: Path) -> None:
    """Never silently the CPU instead."""
    config = tmp_path / "config.json"
    tensor = {"name": "t", "type": "int8", "shape": [1], "quantization": None}
    delegate = {"library": "/usr/lib/libedgetpu.so.1", "options": {"device": "usb"}}
    config.write_text(
        json.dumps(
            {
                "name": "t",
                "model": str(DIGITS / "digits_int8.tflite"),
                "source": "/",
                "delegate": delegate,
                "inputs": [tensor],
                "outputs": [tensor],
            }
        )
    )
    folder = build("litert")
    done = subprocess.run(
        [folder / "edge-infer", "--config", config],
        capture_output=True,
        text=True,
        env=environment(folder),
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "edge-infer: delegate: runtime litert takes none\n"


NEW_IN_2_1_6 = "LiteRtCreateModelFromFd"
NEW_IN_2_2 = "LiteRtExternalLiteRtBufferContextGetRunOptions"


@pytest.mark.parametrize(
    ("has", "message"),
    [
        ([], "libLiteRt.so is older"),
        ([NEW_IN_2_1_6, NEW_IN_2_2], "libLiteRt.so is newer"),
    ],
    ids=["2.1.5", "2.2"],
)
def test_other_releases_are_refused(has: list[str], message: str, tmp_path: Path) -> None:
    """A library of another release: one line, before any of its functions is called."""
    folder = build("litert")
    source, versions = tmp_path / "stub.c", tmp_path / "stub.map"
    functions = ["LiteRtCreateEnvironment", *has]
    source.write_text("".join(f"void {name}(void) {{ __builtin_trap(); }}\n" for name in functions))
    versions.write_text("VERS_1.0 { global: LiteRt*; local: *; };\n")
    linked = ["-Wl,-soname,libLiteRt.so", f"-Wl,--version-script={versions}"]
    subprocess.run(
        ["g++", "-xc", "-shared", "-fPIC", *linked, source, "-o", "libLiteRt.so"],
        cwd=tmp_path,
        check=True,
    )
    config = tmp_path / "config.json"
    tensor = {"name": "t", "type": "int8", "shape": [1], "quantization": None}
    config.write_text(
        json.dumps(
            {"name": "t", "model": "/m", "source": "/", "inputs": [tensor], "outputs": [tensor]}
        )
    )
    for arguments in (["--version"], ["--config", str(config)]):
        done = subprocess.run(
            [folder / "edge-infer", *arguments],
            capture_output=True,
            text=True,
            env={**environment(folder), "LD_LIBRARY_PATH": str(tmp_path)},
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr == f"edge-infer: {message}: this program needs LiteRT 2.1, from 2.1.6\n"
