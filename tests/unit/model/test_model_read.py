"""read_model: kinds of files, limits, and the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeimg.errors import UserError
from edgeimg.model import ModelError, ModelInfo, read_model
from edgeimg.model import read as reading


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("m.tflite", b"", "not a TFLite model: the file is empty", ""),
        ("m.onnx", b"", "not an ONNX model: the file is empty", ""),
        ("m.tflite", b"\x89PNG\r\n\x1a\n0000", "not a TFLite model, but a PNG picture", ""),
        ("m.tflite", b"<html>404</html>", "not a TFLite model, but text", ""),
        ("m.tflite", b"\xff\x01\x02\x03\x04\x05", "not a TFLite model", ""),
        ("m.onnx", b"PK\x03\x04....", "not an ONNX model, but a ZIP archive", ""),
        (
            "m.tflite",
            b"version https://git-lfs.github.com/spec/v1\n",
            "not a TFLite model, but a Git LFS pointer",
            "git lfs pull",
        ),
        (
            "m.task",
            b"PK\x03\x04....",
            "the ending '.task' is not that of a model",
            "unzip the .tflite files",
        ),
        (
            "m.onnx",
            b"\x20\0\0\0ORTM",
            "not an ONNX model, but an ONNX Runtime (.ort) model",
            "Give the .onnx file",
        ),
        ("m.pb", b"\x0a\x0b", "the ending '.pb' is not that of a model", ".tflite"),
        ("m", b"....TFL3", "the ending '' is not that of a model", "name it .tflite"),
    ],
)
def test_other_files(tmp_path: Path, name: str, content: bytes, message: str, hint: str) -> None:
    path = put(tmp_path, name, content)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert caught.value.message == message
    assert hint in caught.value.hint
    assert caught.value.place == str(path)


def test_the_name_of_the_other_kind(tmp_path: Path, digits: Path) -> None:
    onnx = put(tmp_path, "m.tflite", (digits / "digits_float.onnx").read_bytes())
    with pytest.raises(ModelError, match="not a TFLite model, but an ONNX model") as caught:
        read_model(onnx)
    assert caught.value.hint == "Name it .onnx."
    tflite = put(tmp_path, "m.onnx", (digits / "digits_int8.tflite").read_bytes())
    with pytest.raises(ModelError, match="not an ONNX model, but a TFLite model"):
        read_model(tflite)


def test_what_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_model(tmp_path / "none.tflite")
    folder = tmp_path / "folder.tflite"
    folder.mkdir()
    with pytest.raises(ModelError, match="not a file"):
        read_model(folder)
    pipe = tmp_path / "pipe.tflite"
    os.mkfifo(pipe)
    with pytest.raises(ModelError, match="not a file"):
        read_model(pipe)
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(Path("zero\0byte.tflite"))


def test_damage_names_the_file(tmp_path: Path, digits: Path) -> None:
    content = (digits / "digits_int8.tflite").read_bytes()
    path = put(tmp_path, "cut.tflite", content[:4000])
    with pytest.raises(UserError) as caught:
        read_model(path)
    assert str(caught.value).startswith(f"{path}: the TFLite file is damaged")
    assert str(caught.value).endswith("Export or download the file again.")
    onnx = put(tmp_path, "cut.onnx", (digits / "digits_float.onnx").read_bytes()[:4000])
    with pytest.raises(UserError):
        read_model(onnx)


def test_the_verifier_sees_what_the_reader_does_not(tmp_path: Path, digits: Path) -> None:
    """The end of the last constant is cut off: no shape or name is."""
    pytest.importorskip("ai_edge_litert")
    content = bytearray((digits / "digits_int8.tflite").read_bytes())
    at = content.index(b"conv1/weights\0")
    content[at + 13] = 1  # a string without its final zero byte
    path = put(tmp_path, "m.tflite", bytes(content))
    assert read_model(path, load=False).format == "tflite"
    with pytest.raises(UserError, match="LiteRT does not load the file"):
        read_model(path)


def test_too_little_memory_is_one_error(tmp_path: Path) -> None:
    path = put(tmp_path, "m.tflite", b"\x1c\0\0\0TFL3")
    os.truncate(path, 300 << 20)  # sparse
    with pytest.raises(UserError, match="more than 256 MiB of memory"):
        read_model(path, memory_mib=256)


def replace_child(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """Let another program be the child."""
    program = put(folder, "python", f"#!{sys.executable}\n{body}\n".encode())
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import time\ntime.sleep(60)", "more than 1 seconds"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGXCPU)", "more than 1 seconds"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "died of it (SIGSEGV)"),
        ("raise SystemExit(3)", "died of it (status 3)"),
        ("print('noise')", "no answer"),
        ("print('{}')", "no answer"),
        ("print('[]')", "no answer"),
    ],
)
def test_a_child_that_fails(
    tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    replace_child(monkeypatch, tmp_path, body)
    with pytest.raises(ModelError) as caught:
        read_model(digits / "digits_int8.tflite", seconds=1)
    assert message in caught.value.message


def test_the_limits_hold() -> None:
    """Processor time and memory, each in a process of its own."""
    start = "from edgeimg.model.child import limit\n"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))

    def status(body: str) -> int:
        command = [sys.executable, "-c", start + body]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        return done.returncode

    assert status("limit(256, 1)\nwhile True: pass") < 0
    assert status("limit(256, 9)\ntry: bytes(300 << 20)\nexcept MemoryError: exit(7)") == 7


def test_json_round_trip(digits: Path) -> None:
    info = read_model(digits / "digits_int8.tflite")
    assert ModelInfo.from_json(json.loads(json.dumps(info.to_json()))) == info


def test_the_second_read_is_from_the_cache(
    tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = digits / "digits_int8.tflite", tmp_path / "cache"
    first = read_model(path, cache_dir=cache)
    assert [entry.name for entry in cache.iterdir()] == [f"{first.sha256}.json"]
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        assert read_model(path, cache_dir=cache) == first
        times.append(time.perf_counter() - start)
    assert min(times) < 0.010


def test_the_cache_is_only_used_when_it_fits(
    tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = digits / "digits_int8.tflite"
    lax = read_model(path, cache_dir=tmp_path, load=False)
    entry = tmp_path / f"{lax.sha256}.json"
    assert json.loads(entry.read_text())["loaded"] is False
    read_model(path, cache_dir=tmp_path)  # stricter: read again, and kept
    assert json.loads(entry.read_text())["loaded"] is True
    for junk in (b"", b"{", b"[]", b'{"version": 2, "loaded": true, "info": {}}', b"\xff"):
        entry.write_bytes(junk)
        assert read_model(path, cache_dir=tmp_path) == lax
    old = json.loads(entry.read_text()) | {"version": reading.CACHE_VERSION - 1, "info": {}}
    entry.write_text(json.dumps(old))
    assert read_model(path, cache_dir=tmp_path) == lax
    monkeypatch.setattr(reading, "CACHE_VERSION", reading.CACHE_VERSION + 1)
    assert read_model(path, cache_dir=tmp_path) == lax


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, digits: Path) -> None:
    blocked = put(tmp_path, "file", b"")
    assert read_model(digits / "digits_int8.tflite", cache_dir=blocked / "cache").size == 8640


def test_importing_is_light() -> None:
    """No package that parses, or numpy, is loaded by the calling side."""
    code = "import sys, edgeimg.model; print(*sys.modules)"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "tflite", "flatbuffers", "onnx", "ai_edge_litert", "yaml"}
