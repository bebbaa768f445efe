"""Pictures to tensors, against a slow second implementation of docs/design.md."""

from __future__ import annotations

import io
import math
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgeimg.errors import UserError
from edgeimg.manifest.model import ImageInput
from edgeimg.model.info import Quantization, TensorInfo
from edgeimg.plan.plan import PlannedInput
from edgeimg.prepare.pictures import decode
from edgeimg.prepare.preprocess import frame_of

Rows = list[list[tuple[int, ...]]]


def planned(width: int, height: int, kind: str = "uint8", **image: Any) -> PlannedInput:
    quantization = image.pop("quantization", None)
    chosen = ImageInput(**image)
    shape = (1, height, width, chosen.channels)
    if chosen.layout == "nchw":
        shape = (1, chosen.channels, height, width)
    tensor = TensorInfo(name="x", type=kind, shape=shape, quantization=quantization)
    return PlannedInput(tensor=tensor, image=chosen)


def feed(data: bytes, planned_input: PlannedInput) -> bytes:
    return frame_of(data, [planned_input], place="s")


def ppm(rows: Rows) -> bytes:
    kind = b"P5" if len(rows[0][0]) == 1 else b"P6"
    body = bytes(sample for row in rows for pixel in row for sample in pixel)
    return b"%s %d %d 255\n" % (kind, len(rows[0]), len(rows)) + body


def slow(rows: Rows, width: int, height: int, resize: str, color: str) -> list[int]:
    """Samples in the order row, column, channel, word by word from the design."""

    def coloured(pixel: tuple[int, ...]) -> tuple[int, ...]:
        if color == "gray":
            if len(pixel) == 1:
                return pixel
            red, green, blue = pixel
            return ((77 * red + 150 * green + 29 * blue + 128) >> 8,)
        three = pixel * 3 if len(pixel) == 1 else pixel
        return three[::-1] if color == "bgr" else three

    def taps(source: int, target: int) -> list[tuple[int, int, int]]:
        result = []
        for x in range(target):
            position = math.floor((math.floor((2 * x + 1) * source * 2048 / target) - 2048) / 2)
            position = min(max(position, 0), (source - 1) * 2048)
            i = position >> 11
            result.append((i, min(i + 1, source - 1), position & 2047))
        return result

    def averaged(times: int) -> Rows:
        result: Rows = []
        for y in range(0, len(rows), times):
            result.append([])
            for x in range(0, len(rows[0]), times):
                block = [pixel for row in rows[y : y + times] for pixel in row[x : x + times]]
                n = len(block)
                sums = (sum(samples) for samples in zip(*block, strict=True))
                result[-1].append(tuple((total + n // 2) // n for total in sums))
        return result

    rows = averaged(fewer(len(rows[0]), len(rows), width, height, resize))
    rows = [[coloured(pixel) for pixel in row] for row in rows]
    W, H, w, h = len(rows[0]), len(rows), width, height  # noqa: N806, as in the design
    x0 = y0 = 0
    if resize == "crop":
        if W * h > H * w:
            cw = max(1, (H * w) // h)
            rows = [row[(W - cw) // 2 :][:cw] for row in rows]
        else:
            ch = max(1, (W * h) // w)
            rows = rows[(H - ch) // 2 :][:ch]
    if resize == "letterbox":
        if W * h > H * w:
            h = max(1, (H * w) // W)
        else:
            w = max(1, (W * h) // H)
        x0, y0 = (width - w) // 2, (height - h) // 2
    channels = len(rows[0][0])
    picture = [[(0,) * channels for _ in range(width)] for _ in range(height)]
    for y, (up, down, fy) in enumerate(taps(len(rows), h)):
        for x, (left, right, fx) in enumerate(taps(len(rows[0]), w)):
            picture[y0 + y][x0 + x] = tuple(
                (
                    rows[up][left][c] * (2048 - fx) * (2048 - fy)
                    + rows[up][right][c] * fx * (2048 - fy)
                    + rows[down][left][c] * (2048 - fx) * fy
                    + rows[down][right][c] * fx * fy
                    + (1 << 21)
                )
                >> 22
                for c in range(channels)
            )
    return [sample for row in picture for pixel in row for sample in pixel]


def fewer(W: int, H: int, w: int, h: int, resize: str) -> int:  # noqa: N803, as in the design
    """The reduction before the resize."""
    cw, ch, nw, nh = W, H, w, h
    if resize == "crop" and W * h > H * w:
        cw = max(1, (H * w) // h)
    elif resize == "crop":
        ch = max(1, (W * h) // w)
    elif resize == "letterbox" and W * h > H * w:
        nh = max(1, (H * w) // W)
    elif resize == "letterbox":
        nw = max(1, (W * h) // H)
    return max(s for s in (1, 2, 4, 8) if s == 1 or (s * nw <= cw and s * nh <= ch))


@st.composite
def pictures(draw: st.DrawFn) -> Rows:
    width, height = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    channels = draw(st.sampled_from([1, 3]))
    size = width * height * channels
    body = draw(st.binary(min_size=size, max_size=size))
    pixels = [tuple(body[i : i + channels]) for i in range(0, size, channels)]
    return [pixels[y * width : (y + 1) * width] for y in range(height)]


@given(
    pictures(),
    st.integers(1, 11),
    st.integers(1, 11),
    st.sampled_from(["fit", "crop", "letterbox"]),
    st.sampled_from(["gray", "rgb", "bgr"]),
)
def test_resizing_and_colour(rows: Rows, width: int, height: int, resize: str, color: str) -> None:
    tensor = feed(ppm(rows), planned(width, height, resize=resize, color=color))
    assert list(tensor) == slow(rows, width, height, resize, color)


@given(pictures(), st.sampled_from(["gray", "rgb"]))
def test_layouts_hold_the_same_values(rows: Rows, color: str) -> None:
    last = np.frombuffer(feed(ppm(rows), planned(5, 4, color=color)), np.uint8)
    first = feed(ppm(rows), planned(5, 4, color=color, layout="nchw"))
    channels = 1 if color == "gray" else 3
    assert last.reshape(4, 5, channels).transpose(2, 0, 1).tobytes() == first


@given(
    st.integers(0, 255),
    st.floats(-300, 300),
    st.floats(0.01, 300),
    st.floats(2**-12, 8, width=32),
    st.integers(-128, 127),
)
def test_normalising_and_quantizing(
    sample: int, mean: float, std: float, scale: float, zero_point: int
) -> None:
    gray = {"color": "gray", "mean": (mean,), "std": (std,)}
    data = ppm([[(sample,)]])
    value = (sample - mean) / std
    assert feed(data, planned(1, 1, "float32", **gray)) == struct.pack("<f", value)
    quantization = Quantization(scale=scale, zero_point=zero_point)
    whole = math.floor(value / scale + zero_point + 0.5)
    tensor = feed(data, planned(1, 1, "int8", quantization=quantization, **gray))
    assert struct.unpack("b", tensor) == (min(max(whole, -128), 127),)
    tensor = feed(data, planned(1, 1, "int16", **gray))
    assert struct.unpack("<h", tensor) == (min(max(math.floor(value + 0.5), -32768), 32767),)


def test_one_mean_a_channel_and_its_order() -> None:
    data = ppm([[(10, 20, 30)]])
    assert list(feed(data, planned(1, 1, mean=(1.0, 2.0, 3.0)))) == [9, 18, 27]
    assert list(feed(data, planned(1, 1, color="bgr", mean=(1.0, 2.0, 3.0)))) == [29, 18, 7]


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_integers_are_clamped_not_wrapped(kind: str) -> None:
    tensor = feed(ppm([[(255,)]]), planned(1, 1, kind, color="gray", std=(1e-300,)))
    assert np.frombuffer(tensor, kind)[0] == np.iinfo(kind).max
    tensor = feed(ppm([[(0,)]]), planned(1, 1, kind, color="gray", mean=(1,), std=(1e-300,)))
    assert np.frombuffer(tensor, kind)[0] == np.iinfo(kind).min


@pytest.mark.parametrize(
    ("data", "samples"),
    [
        (b"P5 2 1 255\n\x01\x02rest", [1, 2]),
        (b"P5\n# a comment\n2 # and\n1\n65535\n\x01\xff\x02\x00", [1, 2]),
        (b"P5 2 1 15\n\x00\x0f", [0, 255]),
        (b"P5 2 1 1000\n\x00\x00\x01\xf4", [0, 128]),
        (b"P2 2 1 255 7 # seven\n 8\n", [7, 8]),
        (b"P3 1 1 16\n16 8 0", [255, 128, 0]),
    ],
)
def test_pnm(data: bytes, samples: list[int]) -> None:
    assert decode(data).ravel().tolist() == samples


def png(depth: int, kind: int, width: int, row: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, kind, 0, 0, 0)),
        *extra,
        (b"IDAT", zlib.compress(b"\0" + row)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


@pytest.mark.parametrize(
    ("data", "samples"),
    [
        (png(8, 0, 2, b"\x01\x02"), [1, 2]),
        (png(16, 0, 2, b"\x01\xff\x02\x80"), [1, 2]),
        (png(16, 2, 1, b"\x01\xff\x02\xff\x03\xff"), [1, 2, 3]),
        (png(1, 0, 2, b"\x40"), [0, 255]),
        (png(2, 0, 4, b"\x1b"), [0, 85, 170, 255]),
        (png(8, 4, 1, b"\x07\x00"), [7]),
        (png(8, 6, 1, b"\x01\x02\x03\x00"), [1, 2, 3]),
        (png(8, 3, 1, b"\x01", (b"PLTE", b"abcdef"), (b"tRNS", b"\0\0")), list(b"def")),
    ],
    ids=["gray", "gray16", "rgb16", "bits", "bits2", "gray-alpha", "alpha", "palette"],
)
def test_png(data: bytes, samples: list[int]) -> None:
    assert decode(data).ravel().tolist() == samples


@pytest.mark.parametrize("data", [b"P5 3 1 255\n\x01\x02\x09", png(8, 0, 3, b"\x01\x02\x09")])
def test_others_are_averaged(data: bytes) -> None:
    assert decode(data, lambda size: 2 if size == (3, 1) else 1).tolist() == [[[2], [9]]]
    assert decode(data, lambda _: 8).tolist() == [[[4]]]


def test_a_fine_pattern_does_not_alias() -> None:
    board = ppm([[(255 * ((x + y) % 2),) for x in range(62)] for y in range(62)])
    tensor = feed(board, planned(10, 10, color="gray"))
    assert set(tensor) == {128}


def jpeg(mode: str, size: tuple[int, int] = (4, 4)) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, "white").save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("less", [1, 2, 4, 8])
def test_jpeg_is_decoded_smaller(less: int, mode: str) -> None:
    asked = []

    def reduction(size: tuple[int, int]) -> int:
        asked.append(size)
        return less

    for width, height in ((8, 8), (31, 17), (16, 240), (9, 15)):
        samples = decode(jpeg(mode, (width, height)), reduction)
        assert samples.shape == (-(-height // less), -(-width // less), len(mode))
        assert (samples == 255).all()
        assert asked.pop() == (width, height)


@pytest.mark.parametrize(
    ("size", "resize", "target", "decoded"),
    [
        ((1920, 1080), "fit", (224, 224), (480, 270)),
        ((1920, 1080), "crop", (224, 224), (480, 270)),
        ((1920, 1080), "letterbox", (224, 224), (240, 135)),
        ((447, 448), "fit", (224, 224), (447, 448)),
        ((448, 449), "fit", (224, 224), (224, 225)),
        ((8, 8), "fit", (1, 1), (1, 1)),
        ((100, 9), "letterbox", (10, 10), (13, 2)),
        ((100, 9), "crop", (10, 10), (100, 9)),
        ((224, 224), "none", (224, 224), (224, 224)),
    ],
)
def test_how_much_smaller(
    size: tuple[int, int],
    resize: str,
    target: tuple[int, int],
    decoded: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    monkeypatch.setattr(
        "edgeimg.prepare.pictures._pillow_samples",
        lambda picture: seen.append(picture.size) or np.zeros((*picture.size[::-1], 3), np.uint8),
    )
    feed(jpeg("RGB", size), planned(*target, resize=resize))
    assert seen == [decoded]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"GIF89a", "not a PNM, BMP, PNG or JPEG picture"),
        (b"P5 2 2 255\n123", "PNM: truncated"),
        (b"P5 2 2 255", "PNM: bad header"),
        (b"P5 2 2 0\n1234", "PNM: bad maximum value"),
        (b"P5 0 2 255\n", "the picture is empty"),
        (b"P5 99999 99999 255\n", "more than 100 megapixels"),
        (b"P5 1 1 7\n\x08", "a sample is above the maximum"),
        (b"P2 1 1 7\nx", "a number is missing"),
        (png(8, 0, 2, b"\1\2")[:-12], "PNG: truncated"),
        (png(8, 0, 2, b"\1\2").replace(b"\0\2\0\0\0\1\x08", b"\0\3\0\0\0\1\x08"), "CRC error"),
        (jpeg("RGB")[:-100], "Truncated"),
        (jpeg("CMYK"), "mode CMYK are not supported"),
    ],
)
def test_broken_pictures(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        frame_of(data, [planned(1, 1)], place="broken.pic")
    assert error.value.place == "broken.pic"


def test_a_picture_that_must_fit() -> None:
    with pytest.raises(UserError, match="the picture is 1x1, the model takes 2x1"):
        feed(ppm([[(1,)]]), planned(2, 1, resize="none"))


def test_raw_tensors_are_all_inputs_in_one() -> None:
    inputs = [
        PlannedInput(tensor=TensorInfo(name=name, type=kind, shape=(2,)), image=None)
        for name, kind in (("a", "float32"), ("b", "int16"))
    ]
    assert frame_of(bytes(12), inputs, place="s") == bytes(12)
    with pytest.raises(UserError, match="s: broken sample: 11 bytes; the inputs a, b take 12"):
        frame_of(bytes(11), inputs, place="s")
