"""Pictures of every kind that the app reads, from seeded noise over a gradient."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

KINDS = (
    *("png-l", "png-la", "png-rgb", "png-rgba", "png-p", "png-1", "png-l16", "png-rgb16"),
    *("jpeg-l", "jpeg-444", "jpeg-422", "jpeg-420", "jpeg-rgb"),
    *("jpeg-progressive", "jpeg-gray-progressive", "jpeg-cmyk"),
    *("bmp-rgb", "bmp-rgba", "bmp-p", "bmp-l", "bmp-down"),
    *("pgm-8", "pgm-16", "pgm-odd", "pgm-text", "ppm-8", "ppm-16", "ppm-odd", "ppm-text"),
)
MAXIMUM = {"8": 255, "16": 65535, "odd": 1000, "text": 15}


def picture(kind: str, width: int, height: int, random: np.random.Generator) -> bytes:
    """The encoded picture."""
    family, _, form = kind.partition("-")
    if family == "png" and form.endswith("16"):
        channels = 1 if form == "l16" else 3
        samples = random.integers(0, 65536, (height, width, channels))
        return _png16(samples.astype(">u2"))
    if family in ("pgm", "ppm"):
        return _pnm(family, form, random, width, height)
    samples8 = _smooth(width, height, random)
    stream = BytesIO()
    if family == "png":
        mode = form.upper()
        Image.fromarray(samples8[:, :, :3]).convert(mode).save(stream, "PNG")
        return stream.getvalue()
    image = Image.fromarray(samples8[:, :, :3])
    if family == "bmp":
        return _bmp(image, form)
    if form in ("l", "cmyk", "gray-progressive"):
        image = image.convert("CMYK" if form == "cmyk" else "L")
    image.save(
        stream,
        "JPEG",
        quality=int(random.integers(20, 99)),
        subsampling={"444": "4:4:4", "422": "4:2:2", "rgb": -1}.get(form, "4:2:0"),
        progressive=form.endswith("progressive"),
        keep_rgb=form == "rgb",
    )
    return stream.getvalue()


def _smooth(width: int, height: int, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    slopes = random.uniform(-12, 12, (2, 3))
    plane = 128 + y[..., None] * slopes[0] + x[..., None] * slopes[1]
    noise = random.normal(0, random.choice([2, 60]), plane.shape)
    smooth: npt.NDArray[np.uint8] = np.clip(plane + noise, 0, 255).astype(np.uint8)
    return smooth


def _bmp(image: Image.Image, form: str) -> bytes:
    stream = BytesIO()
    mode = "RGB" if form == "down" else form.upper()
    image.convert(mode).save(stream, "BMP")
    data = bytearray(stream.getvalue())
    if form == "down":  # a height below zero: the rows begin at the top, so this is upside down
        (height,) = struct.unpack_from("<i", data, 22)
        struct.pack_into("<i", data, 22, -height)
    return bytes(data)


def _pnm(family: str, form: str, random: np.random.Generator, width: int, height: int) -> bytes:
    channels = 1 if family == "pgm" else 3
    maximum = MAXIMUM[form]
    samples = random.integers(0, maximum + 1, (height, width * channels))
    number = {"pgm": 5, "ppm": 6}[family] - (3 if form == "text" else 0)
    header = f"P{number}\n# a comment\n{width} {height}\n{maximum}\n".encode()
    if form == "text":
        return header + "\n".join(" ".join(map(str, row)) for row in samples).encode() + b"\n"
    return header + samples.astype("u1" if maximum < 256 else ">u2").tobytes()


def _png16(samples: npt.NDArray[np.uint16]) -> bytes:
    """Sixteen bits a sample; Pillow does not write these with three channels."""
    height, width, channels = samples.shape
    rows = b"".join(b"\0" + row.tobytes() for row in samples)

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 16, 0 if channels == 1 else 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    )
