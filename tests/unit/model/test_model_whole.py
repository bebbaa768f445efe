"""ONNX files as other producers write them: weights in files beside, functions, no shapes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from edgeimg.model import ModelError, read_model
from edgeimg.model import read as reading
from edgeimg.model.whole import PIECE_MAX, read_whole

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
VALUES = np.arange(1, 1025, dtype="<f4")


def vector(name: str, size: int | None = 1024) -> onnx.ValueInfoProto:
    shape = None if size is None else [size]
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def made(nodes: list[onnx.NodeProto], **more: object) -> onnx.ModelProto:
    """A model of x, and of the constant `w`, to y."""
    weights = [onnx.numpy_helper.from_array(VALUES, "w")]
    graph = onnx.helper.make_graph(nodes, "g", [vector("x")], [vector("y")], weights)
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("own", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9, **more)


def split(folder: Path, location: str = "m.onnx.data") -> Path:
    """A model whose weights are in a file beside it, as torch.onnx.export leaves it."""
    model = made([onnx.helper.make_node("Add", ["x", "w"], ["y"])])
    path = folder / "m.onnx"
    onnx.save(model, path, save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    if location != "m.onnx.data":
        left = onnx.load(path, load_external_data=False)
        for entry in left.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location
        path.write_bytes(left.SerializeToString())
    return path


def test_weights_beside_the_file_come_into_a_copy(tmp_path: Path) -> None:
    path, cache = split(tmp_path), tmp_path / "cache"
    whole, info = read_whole(path, cache_dir=cache)
    assert (whole.name, info.parameters) == ("m.onnx", 1024)
    assert list(onnx.numpy_helper.to_array(onnx.load(whole).graph.initializer[0])) == list(VALUES)
    assert info == read_model(whole)
    assert read_model(whole).sha256 == info.sha256


def test_the_copy_is_kept_and_follows_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = split(tmp_path), tmp_path / "cache"
    whole, info = read_whole(path, cache_dir=cache)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nonexistent")
        assert read_whole(path, cache_dir=cache) == (whole, info)
        patch.setattr("os.utime", Mock(side_effect=PermissionError))  # of another user's cache
        assert read_whole(path, cache_dir=cache) == (whole, info)
    whole.write_bytes(b"spoilt")
    assert read_whole(path, cache_dir=cache) == (whole, info)
    (tmp_path / "m.onnx.data").write_bytes((2 * VALUES).tobytes())
    other, changed = read_whole(path, cache_dir=cache)
    assert other != whole
    assert changed.sha256 != info.sha256
    assert list(onnx.numpy_helper.to_array(onnx.load(other).graph.initializer[0])) == list(
        2 * VALUES
    )


def test_without_a_cache_the_way_to_one_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the model's weights are in other files") as refusal:
        read_whole(split(tmp_path), cache_dir=None)
    assert "onnx.save(onnx.load(" in refusal.value.hint


@pytest.mark.parametrize("location", ["other.data", "../m.onnx.data", "/etc/passwd"])
def test_weights_that_are_not_beside_the_file(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    path = split(folder, location)
    (tmp_path / "m.onnx.data").write_bytes(VALUES.tobytes())
    what = "which is missing" if location == "other.data" else "outside of its folder"
    with pytest.raises(ModelError) as refusal:
        read_whole(path, cache_dir=tmp_path / "cache")
    assert str(refusal.value).startswith(f"{path}: its weights are in {location}, {what}.")


def test_weights_that_are_cut_or_too_many(tmp_path: Path) -> None:
    path, cache = split(tmp_path), tmp_path / "cache"
    weights = tmp_path / "m.onnx.data"
    weights.write_bytes(VALUES.tobytes()[:-4])
    with pytest.raises(ModelError, match="cannot be taken from the files beside it") as refusal:
        read_whole(path, cache_dir=cache)
    assert "\n" not in str(refusal.value)
    with weights.open("ab") as stream:
        stream.truncate(PIECE_MAX)
    with pytest.raises(ModelError, match="an ONNX file holds 2 GiB"):
        read_whole(path, cache_dir=cache)


def test_a_cache_without_room_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(ModelError, match="a copy in one cannot be kept: Not a directory"):
        read_whole(split(tmp_path), cache_dir=tmp_path / "cache")


def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    path = split(tmp_path)
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from edgeimg.model.whole import read_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"  # as write() says it of a full disk
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))\n"
        "read_whole(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, tmp_path / "cache"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "a copy in one cannot be kept: File too large" in done.stderr


def test_functions_of_the_file_are_what_they_are_made_of(tmp_path: Path) -> None:
    """PyTorch's and onnxscript's; no runtime has operators of their domains."""
    function = onnx.helper.make_function(
        "own",
        "Twice",
        ["a"],
        ["b"],
        [onnx.helper.make_node("Add", ["a", "a"], ["b"])],
        [onnx.helper.make_opsetid("", 17)],
    )
    nodes = [
        onnx.helper.make_node("Twice", ["x"], ["t"], domain="own"),
        onnx.helper.make_node("Mul", ["t", "w"], ["y"]),
    ]
    path = tmp_path / "m.onnx"
    path.write_bytes(made(nodes, functions=[function]).SerializeToString())
    info = read_model(path)
    assert [(use.name, use.version) for use in info.operators] == [("Add", 17), ("Mul", 17)]


@pytest.mark.parametrize("known", [True, False])
def test_an_output_may_have_no_shape(tmp_path: Path, known: bool) -> None:
    """As tf2onnx leaves it where the rank is unknown; onnx's checker wants one."""
    model = made([onnx.helper.make_node("Reshape", ["x", "n"], ["y"])])
    if known:
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2, 512]), "n"))
    else:
        model.graph.input.append(
            onnx.helper.make_tensor_value_info("n", onnx.TensorProto.INT64, ["k"])
        )
    model.graph.output[0].type.tensor_type.ClearField("shape")
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    (output,) = read_model(path).outputs
    assert output.shape == ((2, 512) if known else (-1,))


def test_a_large_file_may_take_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsers copy it a few times: one of 700 MiB did not fit into the limit of small ones."""
    asked = []

    def ask(*_: object, memory_mib: int, **__: object) -> dict[str, object]:
        asked.append(memory_mib)
        return {}

    monkeypatch.setattr(reading, "ask_child", ask)
    path = tmp_path / "m.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3")
    for size in (8, 64 << 20):
        os.truncate(path, size)
        with pytest.raises(ModelError, match="no answer"):
            read_model(path)
    assert asked == [1024, 1024 + 4 * 64]
