"""What kind of file it is, from its first bytes and not from its name."""

from __future__ import annotations

KINDS = {".tflite": "tflite", ".lite": "tflite", ".onnx": "onnx"}
NAMES = {"tflite": "a TFLite model", "onnx": "an ONNX model"}

ZIP, ORT, HDF5 = "a ZIP archive", "an ONNX Runtime (.ort) model", "an HDF5 file (Keras)"
ADVICE = {
    ZIP: "Of a MediaPipe bundle (.task), unzip the .tflite files; a PyTorch file, export to ONNX.",
    ORT: "Give the .onnx file that it was made of.",
    HDF5: "Convert it to a .tflite file.",
    "a Git LFS pointer": "Run `git lfs pull`.",
}

# (offset, bytes, what it is)
SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"BM", "a BMP picture"),
    (0, b"PK\x03\x04", ZIP),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (0, b"\x7fELF", "an ELF program or library"),
    (0, b"\x89HDF\r\n\x1a\n", HDF5),
    (0, b"%PDF", "a PDF document"),
    (0, b"GGUF", "a GGUF model"),
    (0, b"\x01HEF", "a Hailo executable (.hef)"),
    (0, b"RKNN", "an RKNN model"),
    (0, b"ftrt", "a TensorRT plan"),
    (4, b"ORTM", ORT),
    (257, b"ustar", "a tar archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer"),
)

# The fields of ONNX's ModelProto and their wire types.
MODEL_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
IR_VERSION, GRAPH = 1, 7


def sniff(data: bytes) -> str:
    """`tflite`, `onnx`, or in words what the content looks like; `` when like nothing."""
    if not data:
        return "empty"
    if data[4:8] == b"TFL3":
        return "tflite"
    for offset, mark, words in SIGNATURES:
        if data[offset : offset + len(mark)] == mark:
            return words
    if looks_like_onnx(data):
        return "onnx"
    return "text" if _is_text(data[:4096]) else ""


def looks_like_onnx(data: bytes) -> bool:
    """Whether the top level is that of a ModelProto, up to the graph; the end may be lost."""
    at = 0
    seen: set[int] = set()
    wanted = {IR_VERSION, GRAPH}
    while at < len(data) and not seen >= wanted:
        tag, at = _varint(data, at)
        number = tag >> 3
        if MODEL_FIELDS.get(number) != tag & 7:
            return False
        seen.add(number)
        value, at = _varint(data, at)
        if tag & 7 == 2:
            at += value
    return seen >= wanted


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, next offset) of a protobuf number; one cut short reads as ended."""
    value = 0
    for shift in range(0, 64, 7):
        byte = data[at] if at < len(data) else 0
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            break
    return value, at


def _is_text(start: bytes) -> bool:
    """UTF-8 without control characters; the last character may be cut."""
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:
            return False
        text = start[: error.start].decode()
    return all(character.isprintable() or character in "\t\n\r\f" for character in text)
