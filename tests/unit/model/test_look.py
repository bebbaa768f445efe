"""Compiled model files: what each format says of its target, and what is no such file."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeimg.errors import UserError
from edgeimg.model.errors import ModelError
from edgeimg.model.formats import FORMATS
from edgeimg.model.look import look_at

HEF_SIZES = {0: 32, 1: 28, 2: 44, 3: 56}


def hef(architecture: int, version: int = 2, sdk: bytes = b"3.30.0") -> bytes:
    """As hailort's header and hef.proto have it, with a field of weights before the header."""
    inner = b"" if architecture == 0 else b"\x08" + bytes([architecture])
    inner += b"\x1a" + bytes([len(sdk)]) + sdk
    body = b"\x1a\x05abcde" + b"\x0a" + bytes([len(inner)]) + inner
    start = struct.pack(">4sII", b"\x01HEF", version, len(body))
    return start.ljust(HEF_SIZES[version], b"\0") + body + b"weights"


def rknn(platforms: Any, version: int = 6) -> bytes:
    said = json.dumps({"version": "2.3.2", "target_platform": platforms}).encode()
    data = b"graph"
    start = struct.pack("<4s4xQQ", b"RKNN", version, len(data))
    start = start.ljust(64, b"\0") if version & 0xFF > 1 else start
    return start + data + struct.pack("<Q", len(said)) + said


def tidl(device: int, version: int = 0x20240401) -> bytes:
    return struct.pack("<II", version, device) + bytes(100)


def short(value: object) -> str:
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(
    ("kind", "data", "targets", "version"),
    [
        *[("hef", hef(3, version), ("hailo8l",), "3.30.0") for version in HEF_SIZES],
        ("hef", hef(0), ("hailo8",), "3.30.0"),
        ("hef", hef(103), ("hailo15h",), "3.30.0"),
        ("hef", hef(99), ("architecture 99",), "3.30.0"),
        ("rknn", rknn(["RK3588"]), ("rk3588",), "2.3.2"),
        ("rknn", rknn(["rk3566", "rk3568"], version=1), ("rk3566", "rk3568"), "2.3.2"),
        ("tidl", tidl(4), ("am62a",), "20240401"),
        ("tidl", tidl(0x100), ("tda4vm",), "20240401"),
    ],
    ids=short,
)
def test_the_target_is_read(
    kind: str, data: bytes, targets: tuple[str, ...], version: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(data)
    look = look_at(tmp_path / "file", kind)
    assert (look.targets, look.version, look.unknown) == (targets, version, "")


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("tensorrt", b"ftrt" + bytes(100), "does not say in public for which GPU"),
        ("rknn", b"CYPTRKNN" + bytes(100), "encrypted"),
        ("rknn", b"RKNX" + bytes(100), "RKNN3"),
        ("rknn", rknn([]), "names no target_platform"),
        ("tidl", tidl(0x12345678), "not a known device"),
    ],
    ids=short,
)
def test_what_cannot_be_known_is_said(kind: str, data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    look = look_at(tmp_path / "file", kind)
    assert look.targets == () and why in look.unknown


@pytest.mark.parametrize(
    ("kind", "data", "says"),
    [
        ("hef", b"", "not a Hailo executable: the file is empty"),
        ("hef", b"\x20\0\0\0TFL3" + bytes(20), "not a Hailo executable, but a TFLite model"),
        ("hef", b"\x89PNG\r\n\x1a\n" + bytes(20), "but a PNG picture"),
        ("hef", hef(3)[:60], "damaged (it ends too early)"),
        ("hef", struct.pack(">4sII", b"\x01HEF", 9, 4), "of the unknown version 9"),
        ("hef", struct.pack(">4sII", b"\x01HEF", 2, 2).ljust(44, b"\0") + b"\x1a\x00", "no header"),
        ("rknn", hef(3), "not an RKNN model"),
        ("rknn", rknn(["rk3588"])[:70], "ends too early"),
        ("rknn", b"RKNN" + bytes(4) + struct.pack("<QQQ", 6, 0, 1 << 60), "endless"),
        ("tensorrt", b"not a plan", "not a TensorRT plan, but text"),
        ("tensorrt", b"\x20\0\0\0{metadata", "text of its exporter stands before"),
        ("tidl", b"PK\x03\x04" + bytes(20), "not a TIDL network, but a ZIP archive"),
        ("tidl", b"abc", "ends too early"),
        ("tflite", b"\x7fELF" + bytes(20), "not a TFLite model, but an ELF program"),
        ("tflite", b"\x20\0\0\0TFL3" + bytes(20), "damaged"),
    ],
    ids=short,
)
def test_another_file_is_one_line(kind: str, data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ModelError) as caught:
        look_at(tmp_path / "file", kind)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a file"):
        look_at(tmp_path, "hef")
    with pytest.raises(UserError, match="cannot be read"):
        look_at(tmp_path / "none", "hef")


SOUND = {
    "hef": hef(3),
    "rknn": rknn(["rk3588"]),
    "tidl": tidl(4),
    "tensorrt": b"ftrt" + bytes(40),
}


@given(
    kind=st.sampled_from(sorted(SOUND)),
    end=st.integers(0, 200),
    changes=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=6),
)
def test_mutated_files_end_well(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    end: int,
    changes: list[tuple[int, int]],
) -> None:
    """In this process: what the child catches is all that a reader may raise."""
    data = bytearray(SOUND[kind])
    for at, value in changes:
        data[at % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(data[: end or None])
    with path.open("rb") as stream:
        try:
            look = FORMATS[kind](stream)
        except ModelError:
            return
    assert set(look) <= {"targets", "version", "unknown"}
