"""Pictures to 8-bit samples, as the device decodes them: steps 0 to 1 of docs/design.md."""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeimg.errors import InternalError
from edgeimg.plan.models import PICTURES

Samples = npt.NDArray[np.uint8]
"""Height x width x channels; 1 channel is gray, 3 are red, green and blue."""

Size = tuple[int, int]
"""Width and height."""

MAX_PIXELS = 100_000_000

_NUMBER = re.compile(rb"(?:\s|#[^\n]*\n)*([0-9]+)")


class BrokenPictureError(Exception):
    """A picture that cannot be decoded, or does not fit."""


def decode(data: bytes, reduction: Callable[[Size], int] = lambda _: 1) -> Samples:
    """A PNM, BMP, PNG or JPEG picture as 8-bit samples, told apart by its first bytes.

    Alpha is dropped, palettes are expanded, 16-bit samples keep their high byte.

    Args:
        reduction: of the picture's width and height: how many times smaller, 1, 2, 4 or 8, it is
            wanted. JPEG is decoded smaller, the other formats are decoded whole and averaged.

    Raises:
        BrokenPictureError: truncated, corrupt, unknown or too large.
    """
    if not data.startswith(PICTURES):
        raise BrokenPictureError("not a PNM, BMP, PNG or JPEG picture" if data else "it is empty")
    if data.startswith(b"P"):
        samples = _decode_pnm(data)
    elif data.startswith(b"BM"):
        samples = _decode_bmp(data)
    elif data.startswith(b"\x89PNG"):
        _check_png(data)
        samples = _decode_with_pillow(data)
    else:
        return _decode_with_pillow(data, reduction)
    return _averaged(samples, reduction((samples.shape[1], samples.shape[0])))


def _averaged(samples: Samples, times: int) -> Samples:
    """The mean of each block of `times` x `times` pixels, smaller at the right and lower edge."""
    if times == 1:
        return samples
    rows, columns = (np.arange(0, size, times) for size in samples.shape[:2])
    # 64 samples of 255 fit in 16 bits.
    sums = np.add.reduceat(samples, rows, axis=0, dtype=np.uint16)
    sums = np.add.reduceat(sums, columns, axis=1, dtype=np.uint16)
    height, width = (
        np.minimum(times, size - begin).astype(np.uint16)
        for size, begin in zip(samples.shape[:2], (rows, columns), strict=True)
    )
    count = (height[:, np.newaxis] * width)[:, :, np.newaxis]
    means: Samples = ((sums + count // 2) // count).astype(np.uint8)
    return means


def _checked(width: int, height: int) -> None:
    if width == 0 or height == 0:
        raise BrokenPictureError("the picture is empty")
    if width * height > MAX_PIXELS:
        raise BrokenPictureError("more than 100 megapixels")


def _decode_pnm(data: bytes) -> Samples:
    position = 2
    numbers = []
    for _ in range(3):
        found = _NUMBER.match(data, position)
        if found is None or len(found[1]) > 9:
            raise BrokenPictureError("PNM: bad header")
        numbers.append(int(found[1]))
        position = found.end()
    width, height, maximum = numbers
    if not 0 < maximum <= 65535:
        raise BrokenPictureError("PNM: bad maximum value")
    if not data[position : position + 1].isspace():
        raise BrokenPictureError("PNM: bad header")
    _checked(width, height)
    channels = 3 if data[1:2] in b"36" else 1
    count = width * height * channels
    body = data[position + 1 :]
    read = _pnm_text if data[1:2] in b"23" else _pnm_binary
    values = read(body, count, maximum)
    if (values > maximum).any():
        raise BrokenPictureError("PNM: a sample is above the maximum")
    if maximum == 65535:
        values = values >> 8
    elif maximum != 255:
        values = (values * 255 + maximum // 2) // maximum
    return values.astype(np.uint8).reshape(height, width, channels)


# File header and BITMAPINFOHEADER: where the pixels begin, size of the info header, width, height,
# bits of a pixel, compression, colours.
_BMP = struct.Struct("<10xIIii2xHI12xI4x")


def _decode_bmp(data: bytes) -> Samples:
    if len(data) < _BMP.size:
        raise BrokenPictureError("BMP: truncated")
    pixels, size, width, height, bits, compression, used = _BMP.unpack_from(data)
    if size < 40 or width <= 0 or height in (0, -(1 << 31)):
        raise BrokenPictureError("BMP: bad header")
    if compression != 0:
        raise BrokenPictureError("BMP: compressed")
    if bits not in (8, 24, 32):
        raise BrokenPictureError("BMP: not of 8, 24 or 32 bits")
    _checked(width, abs(height))
    colours = (used or 256) if bits == 8 else 0
    palette = 14 + size
    if colours > 256 or pixels < palette + 4 * colours:
        raise BrokenPictureError("BMP: bad header")
    stride = (width * bits + 31) // 32 * 4
    if len(data) < pixels + stride * abs(height):
        raise BrokenPictureError("BMP: truncated")
    rows = np.frombuffer(data, np.uint8, stride * abs(height), pixels).reshape(-1, stride)
    samples: Samples = rows[:, : width * bits // 8].reshape(abs(height), width, bits // 8)
    if bits == 8:
        if int(samples.max()) >= colours:
            raise BrokenPictureError("BMP: a pixel has no colour")
        table = np.frombuffer(data, np.uint8, 4 * colours, palette).reshape(-1, 4)
        samples = table[samples[:, :, 0]]
    if height > 0:  # from the bottom
        samples = samples[::-1]
    return np.ascontiguousarray(samples[:, :, 2::-1])


def _pnm_binary(body: bytes, count: int, maximum: int) -> npt.NDArray[np.int64]:
    kind = np.dtype(">u2") if maximum > 255 else np.dtype("u1")
    if len(body) < count * kind.itemsize:
        raise BrokenPictureError("PNM: truncated")
    return np.frombuffer(body, kind, count).astype(np.int64)


def _pnm_text(body: bytes, count: int, maximum: int) -> npt.NDArray[np.int64]:
    if len(body) < count:
        raise BrokenPictureError("PNM: truncated")
    words = re.sub(rb"#[^\n]*", b" ", body).split(maxsplit=count)[:count]
    if len(words) < count:
        raise BrokenPictureError("PNM: truncated")
    if not all(word.isdigit() and len(word) <= 9 for word in words):
        raise BrokenPictureError("PNM: a number is missing")
    return np.array([int(word) for word in words], np.int64)


def _check_png(data: bytes) -> None:
    """Pillow reads pixels and stops; a file that is damaged behind them is broken too."""
    position = 8
    while position + 12 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        end = position + 8 + size
        kind = data[position + 4 : position + 8]
        if end + 4 > len(data):
            break
        checksum = int.from_bytes(data[end : end + 4], "big")
        critical = kind[:1].isupper()
        if critical and zlib.crc32(data[position + 4 : end]) != checksum:
            raise BrokenPictureError(f"PNG: {kind.decode('ascii', 'replace')}: CRC error")
        if kind == b"IEND":
            return
        position = end + 4
    raise BrokenPictureError("PNG: truncated")


def _decode_with_pillow(data: bytes, reduction: Callable[[Size], int] = lambda _: 1) -> Samples:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as picture:
                _checked(picture.width, picture.height)
                _draft(picture, reduction)
                picture.load()
                return _pillow_samples(picture)
    except (BrokenPictureError, InternalError):
        raise
    except OSError as problem:  # Pillow's own words
        raise BrokenPictureError(str(problem)) from problem
    # What its parsers stumble over: struct.error, SyntaxError ...
    except Exception as problem:
        raise BrokenPictureError(f"{type(problem).__name__}: {problem}") from problem


def _draft(picture: Image.Image, reduction: Callable[[Size], int]) -> None:
    """Makes libjpeg decode at a fraction of the size."""
    size = picture.size
    if (less := reduction(size)) == 1:
        return
    # Asked for a size, Pillow takes the largest of 8, 4, 2 and 1 that does not fall short of it.
    # Without a mode it converts no colours.
    picture.draft(None, (size[0] // less, size[1] // less))
    if picture.size != (-(-size[0] // less), -(-size[1] // less)):
        raise InternalError(f"{size} was to be decoded to 1/{less}; Pillow makes {picture.size}")


def _pillow_samples(picture: Image.Image) -> Samples:
    if picture.mode.startswith("I"):  # a gray PNG of 16 bits
        values = np.asarray(picture).astype(np.int64) >> 8
        return values.astype(np.uint8)[:, :, np.newaxis]
    if picture.mode in ("1", "L", "LA"):
        return np.asarray(picture.convert("L"))[:, :, np.newaxis]
    if picture.mode in ("P", "PA", "RGB", "RGBA"):
        return np.asarray(picture.convert("RGB"))
    raise BrokenPictureError(f"pictures of mode {picture.mode} are not supported; save it as RGB")
