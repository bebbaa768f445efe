"""The adapter for TensorRT, compiled against the user's headers, with libraries that are fakes.

No GPU is needed, and nothing of NVIDIA's but headers: TENSORRT_INCLUDE names the folders that
hold NvInfer.h, NvOnnxParser.h and cuda_runtime_api.h (`make test-upstream TENSORRT_INCLUDE=...`).
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.upstream.tensorrt.stubs import stubs

from edgeimg.resources import data, data_root

pytestmark = pytest.mark.upstream

HERE = Path(__file__).parent / "tensorrt"
WORK = data_root() / "build/test-upstream/tensorrt"
HEADERS = ("NvInfer.h", "NvInferImpl.h", "NvOnnxParser.h", "cuda_runtime_api.h")
INTERFACES = (
    *("VBuilder", "VBuilderConfig", "VCudaEngine", "VExecutionContext", "VHostMemory"),
    *("VNetworkDefinition", "VRuntime", "VTensor"),
)


@dataclass(frozen=True, kw_only=True)
class App:
    """The app, and a folder for what one test gives it."""

    program: Path
    libraries: Path
    folder: Path

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def engines(self) -> list[Path]:
        return sorted(self.cache.glob("*"))

    def __call__(
        self, model: str = "model 4", size: int = 4, kernels: str = "default", **fakes: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a model on one frame of 0, 1, 2 ...; `fakes` set up the fake libraries."""
        (self.folder / "m.onnx").write_text(model)
        tensor = {"type": "float32", "shape": [1, size], "quantization": None}
        config = {
            "name": "m",
            "model": str(self.folder / "m.onnx"),
            "threads": 1,
            "kernels": kernels,
            "source": None,
            "inputs": [{"name": "x", **tensor, "image": None}],
            "outputs": [{"name": "y", **tensor, "softmax": False, "top_k": 0, "labels": None}],
        }
        (self.folder / "m.json").write_text(json.dumps(config))
        frame = self.folder / "frame.bin"
        frame.write_bytes(struct.pack(f"<{size}f", *range(size)))
        environment = {
            "CACHE_DIRECTORY": str(self.cache),
            "LD_LIBRARY_PATH": str(self.libraries),
            **fakes,
        }
        return subprocess.run(
            [self.program, "--config", self.folder / "m.json", "--input", frame],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def _compile(arguments: Sequence[str | Path]) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built() -> tuple[Path, Path]:
    """The app and the folder of the fake libraries, with sanitizers."""
    folders = [Path(one).resolve() for one in os.environ.get("TENSORRT_INCLUDE", "").split()]
    where = {
        name: next((one for one in folders if (one / name).exists()), None) for name in HEADERS
    }
    if missing := [name for name, folder in where.items() if folder is None]:
        pytest.skip(f"TENSORRT_INCLUDE names no folder that has {', '.join(missing)}")
    paths = {name: folder / name for name, folder in where.items() if folder is not None}
    folder = WORK / "lib"
    folder.mkdir(parents=True, exist_ok=True)
    parser = stubs(paths["NvOnnxParser.h"], "nvonnxparser", ("IParser", "IParserError"))
    text = stubs(paths["NvInferImpl.h"], "nvinfer1::apiv", INTERFACES) + parser
    (folder / "stubs.h").write_text(f"#include <cstdlib>\n{text}")
    include = [f"-isystem{one}" for one in dict.fromkeys(map(str, folders))]
    sanitized = ["-fsanitize=address,undefined", "-g1", "-fPIC", "-shared", "-std=c++17"]
    for source, names in {
        "fake_cudart.cc": ("libcudart.so",),
        "fake_nvinfer.cc": ("libnvinfer.so", "libnvonnxparser.so"),
    }.items():
        first = folder / names[0]
        flags = [*sanitized, *include, f"-I{folder}", f"-Wl,-soname,{names[0]}"]
        _compile(["g++", *flags, HERE / source, "-o", first])
        for other in names[1:]:
            (folder / other).unlink(missing_ok=True)
            (folder / other).symlink_to(names[0])
    build = WORK / "app"
    options = {
        "CMAKE_BUILD_TYPE": "Debug",
        "CMAKE_CXX_FLAGS_DEBUG": "-O0 -g1",
        "CUDA_INCLUDE": paths["cuda_runtime_api.h"].parent,
        "EDGE_INFER_RUNTIME": "tensorrt",
        "EDGE_INFER_RUNTIME_INCLUDE": paths["NvInfer.h"].parent,
        "EDGE_INFER_RUNTIME_LIBRARY": folder / "libnvinfer.so",
        "EDGE_INFER_SANITIZE": "ON",
        "TENSORRT_INCLUDE": paths["NvOnnxParser.h"].parent,
    }
    settings = [f"-D{name}={value}" for name, value in options.items()]
    _compile(["cmake", "-S", data("app"), "-B", build, "-G", "Ninja", "--fresh", *settings])
    _compile(["cmake", "--build", build, "--target", "edge-infer"])
    return build / "edge-infer", folder


@pytest.fixture
def app(built: tuple[Path, Path], tmp_path: Path) -> App:
    return App(program=built[0], libraries=built[1], folder=tmp_path)


def test_an_engine_is_built_once(app: App) -> None:
    first = app()
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["outputs"] == [{"name": "y", "values": [0, 2, 4, 6]}]
    assert "building the engine of" in first.stderr
    assert "for Orin 8.7" in first.stderr
    [engine] = app.engines()
    assert f"engine kept: {engine}" in first.stderr
    again = app()
    assert again.stdout.split(',"ms"')[0] == first.stdout.split(',"ms"')[0]
    assert again.stderr == ""
    assert app.engines() == [engine]


def test_another_device_library_or_model_has_another_engine(app: App) -> None:
    app()
    for count, change in enumerate(({"FAKE_GPU": "Orin NX"}, {"FAKE_MINOR": "90"}), 2):
        assert "building the engine" in app(**change).stderr
        assert len(app.engines()) == count
    assert "building the engine" in app("model 3", 3).stderr
    assert len(app.engines()) == 4


@pytest.mark.parametrize("spoilt", [b"", b"plan model 4", b"\xff" * 5000])
def test_a_spoilt_engine_is_built_anew(app: App, spoilt: bytes) -> None:
    good = app()
    [engine] = app.engines()
    engine.write_bytes(spoilt)
    again = app()
    assert again.returncode == 0
    assert again.stdout.split(',"ms"')[0] == good.stdout.split(',"ms"')[0]
    assert f"{engine}: spoilt, is built anew" in again.stderr
    assert app().stderr == ""


def test_without_a_cache_it_runs(app: App) -> None:
    app.cache.write_text("a file")
    done = app()
    assert done.returncode == 0
    assert "Not a directory: the next start builds it again" in done.stderr


@pytest.mark.parametrize(
    ("fakes", "message"),
    [
        ({"FAKE_GPU": "none"}, "TensorRT needs a GPU: CUDA: no CUDA-capable device is detected"),
        ({"FAKE_MEMORY": "15"}, "no memory for float32 [1, 4] x: CUDA: out of memory"),
        ({"FAKE_MINOR": "1"}, "libnvinfer is version 10.1.0.30: this program needs 10."),
        ({"model": "no model"}, "m.onnx: not an ONNX model"),
        (
            {"model": "model 4 unsupported"},
            "m.onnx: TensorRT does not take the operator TopK of node 3 (/head/TopK): "
            "Assertion failed: no",
        ),
        (
            {"model": "model 4 unbuildable"},
            "m.onnx: cannot build its engine: TensorRT: Error Code 10: no implementation",
        ),
        (
            {"model": "model 5"},
            "input 0 (x) is float32 [1, 4] in the configuration, float32 [?, 5] in the model",
        ),
        ({"kernels": "reference"}, "kernels: TensorRT has no reference kernels; use default"),
    ],
)
def test_what_cannot_work_is_one_line(app: App, fakes: dict[str, str], message: str) -> None:

    done = app(**fakes)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "building the engine" not in line]
    assert len(lines) == (2 if "FAKE_MEMORY" in fakes else 1), done.stderr
    assert message in lines[-1]
