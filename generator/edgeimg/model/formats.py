"""What a compiled model file says of itself, by format; run in `edgeimg.model.look_child` only.

Each reader takes the open file and gives a dict of `Look`'s fields. Only what is publicly
known of a format is read; the rest is said to be unknown.
"""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from edgeimg.model.content import NAMES, sniff
from edgeimg.model.errors import BROKEN_HINT, ModelError
from edgeimg.model.graph import Operator
from edgeimg.model.info import written
from edgeimg.model.onnx_reader import named_operators
from edgeimg.model.tflite_reader import OPERATORS, Reader, walk

MAX_JSON = 64 << 20
SNIFFED = 1 << 20

# Field numbers and architectures of hailort's hef.proto, v4.23.0 and v5.2.0.
HEF_MAGIC = b"\x01HEF"
HEF_HEADER_SIZES = {0: 32, 1: 28, 2: 44, 3: 56}  # by version: common part and its own
HEF_HEADER, HEF_ARCHITECTURE, HEF_SDK = 1, 1, 3
HEF_ARCHITECTURES = {
    0: "hailo8",
    1: "hailo8p",
    2: "hailo8r",
    3: "hailo8l",
    4: "hailo15m",
    5: "hailo10h",
    6: "hailo15l",
    103: "hailo15h",
}

# Devices of TI's itidl_ti.h; a flag for padding lies above the low byte.
TIDL_DEVICES = {0: "tda4vm", 1: "tda4aep", 2: "tda4am", 3: "tda4amplus", 4: "am62a"}

BUILTIN = frozenset(OPERATORS.values())

# Products of the Ethos-U's configuration register.
ETHOS_U_PRODUCTS = {0: "ethos-u55", 1: "ethos-u65", 2: "ethos-u85"}


def tflite(stream: BinaryIO) -> dict[str, Any]:
    """Operators, inputs and outputs, and for which accelerators its custom operators are."""
    data = stream.read()
    if data[4:8] != b"TFL3":
        raise _other("a TFLite model", data)
    return walk(data, _tflite)


def _tflite(reader: Reader) -> dict[str, Any]:
    model = reader.model
    codes = [reader.code(index) for index in reader.spend(model.OperatorCodesLength())]
    operators: list[dict[str, Any]] = []
    targets: set[str] = set()
    for index in reader.spend(model.SubgraphsLength()):
        graph = model.Subgraphs(index)
        tensors = reader.tensors(graph)
        for operator in reader.operators(graph, tensors, codes):
            custom = operator.name not in BUILTIN
            if custom:
                targets.add(_target(reader, operator, tensors))
            made = next((tensors[key] for key in operator.makes if isinstance(key, int)), None)
            operators.append(
                {
                    "name": made.name if made else "",
                    "type": operator.name,
                    "macs": operator.macs,
                    "element": made.type if made else "",
                    "custom": custom,
                }
            )
    info = reader.info()
    return {
        "targets": sorted(targets),
        "operators": operators,
        "inputs": [f"{one.type} {written(one.shape)}" for one in info.inputs],
        "outputs": [f"{one.type} {written(one.shape)}" for one in info.outputs],
    }


def onnx(stream: BinaryIO) -> dict[str, Any]:
    """Operators; an ONNX file is compiled for nothing."""
    return {
        "operators": [
            {
                "name": name,
                "type": operator.name,
                "macs": operator.macs,
                "element": element,
                "custom": "." in operator.name,  # of a domain that is not ONNX's own
            }
            for name, element, operator in named_operators(stream.read())
        ]
    }


def _target(reader: Reader, operator: Operator, tensors: list[Any]) -> str:
    """What a custom operator is for: its name, or the Ethos-U that its commands are for.

    Vela's payload begins with COP1, a tag, and the configuration register of the unit:
    product above bit 28, log2 of the MACs a cycle in the low 4 bits.
    """
    read = next((tensors[key] for key in operator.reads if isinstance(key, int)), None)
    if operator.name != "ethos-u" or read is None:
        return operator.name
    content = reader.model.Buffers(read.buffer)
    payload = bytes(content.DataAsNumpy()[:12]) if content.DataLength() >= 12 else b""
    if payload[:4] != b"COP1":
        return operator.name
    (configuration,) = struct.unpack_from("<I", payload, 8)
    product = ETHOS_U_PRODUCTS.get(configuration >> 28)
    return f"{product}-{1 << (configuration & 15)}" if product else operator.name


def hef(stream: BinaryIO) -> dict[str, Any]:
    """Hailo's executable: a header, then a protobuf whose header names the architecture."""
    start = stream.read(12)
    if start[:4] != HEF_MAGIC:
        raise _other("a Hailo executable", start, stream)
    version, size = struct.unpack(">II", _whole(start[4:], 8))
    if version not in HEF_HEADER_SIZES:
        raise ModelError(
            f"a Hailo executable of the unknown version {version}",
            hint="It is damaged, or needs a newer edgeimg.",
        )
    begin = HEF_HEADER_SIZES[version]
    if begin + size > _length(stream):
        raise ModelError("the Hailo executable is damaged (it ends too early)", hint=BROKEN_HINT)
    fields = _fields(stream, begin, begin + size)
    header = next((value for field, value in fields if field == HEF_HEADER), None)
    if not isinstance(header, bytes):
        raise ModelError("the Hailo executable is damaged (no header)", hint=BROKEN_HINT)
    number, sdk = 0, b""  # protobuf leaves out what is 0
    for field, value in _fields(io.BytesIO(header), 0, len(header)):
        if field == HEF_ARCHITECTURE and isinstance(value, int):
            number = value
        if field == HEF_SDK and isinstance(value, bytes):
            sdk = value
    return {
        "targets": [HEF_ARCHITECTURES.get(number, f"architecture {number}")],
        "version": sdk[:60].decode("ascii", "replace"),
    }


def rknn(stream: BinaryIO) -> dict[str, Any]:
    """Rockchip's: a header, the graph, and JSON that names the platform."""
    start = stream.read(24)
    if start[:8] == b"CYPTRKNN":
        return {"unknown": "it is encrypted; its platform cannot be read"}
    if start[:4] == b"RKNX":
        return {"unknown": "it is of RKNN3, whose header is not known"}
    if start[:4] != b"RKNN":
        raise _other("an RKNN model", start, stream)
    version, size = struct.unpack("<QQ", _whole(start[8:], 16))
    begin = 64 if version & 0xFF > 1 and size else 24
    if begin + size + 8 > _length(stream):
        raise ModelError("the RKNN model is damaged (it ends too early)", hint=BROKEN_HINT)
    stream.seek(begin + size)
    (length,) = struct.unpack("<Q", _whole(stream.read(8), 8))
    if length > MAX_JSON:
        raise ModelError("the RKNN model is damaged (an endless description)", hint=BROKEN_HINT)
    try:
        said = json.loads(_whole(stream.read(length), length))
    except (ValueError, RecursionError):
        raise ModelError("the RKNN model's description is not JSON", hint=BROKEN_HINT) from None
    platforms = said.get("target_platform") if isinstance(said, dict) else None
    if isinstance(platforms, str):
        platforms = [platforms]
    if not platforms or not isinstance(platforms, list):
        return {"unknown": "its description names no target_platform"}
    return {
        "targets": sorted({str(one).lower()[:40] for one in platforms[:20]}),
        "version": str(said.get("version", ""))[:60],
    }


def tensorrt(stream: BinaryIO) -> dict[str, Any]:
    """A plan of TensorRT: only its mark is publicly known."""
    start = stream.read(8)
    if start[:4] not in (b"ftrt", b"ptrt"):
        if start[4:5] == b"{":
            raise ModelError(
                "text of its exporter stands before the TensorRT plan",
                hint="TensorRT does not load that: export the plan alone (with trtexec).",
            )
        raise _other("a TensorRT plan", start, stream)
    return {
        "unknown": "a plan does not say in public for which GPU and TensorRT it is; it runs only "
        "where both are those that it was made with"
    }


def tidl(stream: BinaryIO) -> dict[str, Any]:
    """TI's network: the date of its format as hexadecimal digits, then the device."""
    start = stream.read(8)
    version, device = struct.unpack("<II", _whole(start, 8))
    if not _is_date(f"{version:08x}"):
        raise _other("a TIDL network", start, stream)
    target = TIDL_DEVICES.get(device & 0xFF) if device < 1 << 16 else None
    if target is None:
        return {"version": f"{version:08x}", "unknown": "its second word is not a known device"}
    return {"targets": [target], "version": f"{version:08x}"}


def _is_date(digits: str) -> bool:
    if not digits.isdecimal():
        return False
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    return 2017 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= 31


def _other(wanted: str, start: bytes, stream: BinaryIO | None = None) -> ModelError:
    """The error of a file of another kind."""
    if stream is not None:
        stream.seek(0)
        start = stream.read(SNIFFED)
    found = sniff(start)
    if found == "empty":
        return ModelError(f"not {wanted}: the file is empty", hint=BROKEN_HINT)
    return ModelError(
        f"not {wanted}" + (f", but {NAMES.get(found, found)}" if found else ""),
        hint="Give the file that the accelerator's own compiler made.",
    )


def _whole(data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise ModelError("the file ends too early", hint=BROKEN_HINT)
    return data


def _length(stream: BinaryIO) -> int:
    return os.fstat(stream.fileno()).st_size


def _fields(stream: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of the protobuf between two offsets; of long values the begin."""
    at = begin
    while at < end:
        stream.seek(at)
        piece = stream.read(1 << 16)
        tag, used = _varint(piece, 0)
        kind = tag & 7
        if kind == 0:
            value, used = _varint(piece, used)
            yield tag >> 3, value
        elif kind == 2:
            size, used = _varint(piece, used)
            yield tag >> 3, piece[used : used + size]
            used += size
        else:
            used += _fixed(kind)
        at += used


def _fixed(kind: int) -> int:
    """Bytes of a value of a fixed size."""
    if kind not in (1, 5):
        raise ModelError("the file is damaged (not protobuf)", hint=BROKEN_HINT)
    return 8 if kind == 1 else 4


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, next offset)."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ModelError("the file is damaged (a number is cut)", hint=BROKEN_HINT)
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ModelError("the file is damaged (an endless number)", hint=BROKEN_HINT)


FORMATS: dict[str, Callable[[BinaryIO], dict[str, Any]]] = {
    "tflite": tflite,
    "onnx": onnx,
    "hef": hef,
    "rknn": rknn,
    "tensorrt": tensorrt,
    "tidl": tidl,
}
