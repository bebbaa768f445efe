"""Samples to input tensors, by the arithmetic of docs/design.md, byte for byte.

`edge-infer` computes the same on the device. Integers are exact; the rest is IEEE
double precision without fused multiply-add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeimg.errors import UserError
from edgeimg.manifest.model import ImageInput
from edgeimg.model.info import TensorInfo
from edgeimg.plan.plan import PlannedInput
from edgeimg.prepare.pictures import BrokenPictureError, Samples, Size, decode

ONE = 2048  # 1.0 of a tap's fraction


def frame_of(data: bytes, inputs: Sequence[PlannedInput], *, place: str) -> bytes:
    """All input tensors of a sample's content, one after the other, little-endian.

    Raises:
        UserError: at `place`: it is broken, or not what the model takes.
    """
    if len(inputs) == 1 and inputs[0].image is not None:
        try:
            return _picture_bytes(data, inputs[0].image, inputs[0].tensor)
        except BrokenPictureError as broken:
            hint = "Replace the sample, or change the model's `inputs`."
            raise UserError(f"broken sample: {broken}", place=place, hint=hint) from broken
    wanted = sum(byte_size(each.tensor) for each in inputs)
    if len(data) != wanted:
        names = ", ".join(each.tensor.name for each in inputs)
        raise UserError(
            f"broken sample: {len(data)} bytes; the inputs {names} take {wanted}", place=place
        )
    return data


def _picture_bytes(data: bytes, image: ImageInput, tensor: TensorInfo) -> bytes:
    height, width = target_size(image, tensor)
    samples = decode(data, lambda size: _reduction(image.resize, size, (width, height)))
    return tensor_of(samples, image, tensor).tobytes()


def byte_size(tensor: TensorInfo) -> int:
    """Bytes of a tensor with a closed shape, densely packed.

    Raises:
        UserError: the shape is open, or the type has no fixed size.
    """
    if any(size < 0 for size in tensor.shape):
        raise UserError(f"input {tensor.name} has an open shape {list(tensor.shape)}")
    return int(np.prod(tensor.shape, dtype=np.int64)) * element_type(tensor.type).itemsize


def element_type(name: str) -> np.dtype[np.generic]:
    """NumPy's little-endian type of a tensor type's name.

    Raises:
        UserError: it is not one that the app can feed.
    """
    if name not in ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"):
        raise UserError(f"tensors of type {name} cannot be fed")
    return np.dtype(name).newbyteorder("<")


def tensor_of(samples: Samples, image: ImageInput, tensor: TensorInfo) -> npt.NDArray[np.generic]:
    """The input tensor of a decoded picture, in the tensor's own shape and type.

    Raises:
        BrokenPictureError: `resize: none`, and the picture has another size.
    """
    height, width = target_size(image, tensor)
    picture = _resized(_coloured(samples, image.color), image.resize, width, height)
    table = _value_table(image, tensor)
    values = np.stack([table[c][picture[:, :, c]] for c in range(image.channels)], axis=-1)
    if image.layout == "nchw":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values).reshape(tensor.shape)


def target_size(image: ImageInput, tensor: TensorInfo) -> tuple[int, int]:
    """Height and width that the tensor's shape asks for.

    Raises:
        UserError: the shape is not one picture in that layout.
    """
    shape = tensor.shape
    if len(shape) >= 3 and all(size == 1 for size in shape[:-3]):
        first, second, third = shape[-3:]
        channels, height, width = (
            (third, first, second) if image.layout == "nhwc" else (first, second, third)
        )
        if channels == image.channels and height > 0 and width > 0:
            return height, width
    raise UserError(
        f"input {tensor.name} has the shape {list(shape)}, which is not one "
        f"{image.color} picture as {image.layout}",
        hint="Change `layout` or `color` of the model's input.",
    )


def _coloured(samples: Samples, color: str) -> Samples:
    if color == "gray":
        if samples.shape[2] == 1:
            return samples
        red, green, blue = (samples[:, :, c].astype(np.int64) for c in range(3))
        gray = (77 * red + 150 * green + 29 * blue + 128) >> 8
        return gray.astype(np.uint8)[:, :, np.newaxis]
    if samples.shape[2] == 1:
        return np.repeat(samples, 3, axis=2)
    return samples[:, :, ::-1] if color == "bgr" else samples


@dataclass(frozen=True, kw_only=True)
class _Area:
    """A rectangle, in pixels."""

    x: int
    y: int
    width: int
    height: int


def _place(resize: str, size: Size, target: Size) -> tuple[_Area, _Area]:
    """The part of the source that is used, and the part of the target that it fills."""
    (source_width, source_height), (width, height) = size, target
    wider = source_width * height > source_height * width
    if resize == "none" and size != target:
        raise BrokenPictureError(
            f"the picture is {source_width}x{source_height}, the model takes {width}x{height}"
        )
    taken, filled = size, target
    if resize == "crop" and wider:
        taken = max(1, source_height * width // height), source_height
    elif resize == "crop":
        taken = source_width, max(1, source_width * height // width)
    elif resize == "letterbox" and wider:
        filled = width, max(1, source_height * width // source_width)
    elif resize == "letterbox":
        filled = max(1, source_width * height // source_height), height
    return _centred(taken, size), _centred(filled, target)


def _centred(inner: Size, outer: Size) -> _Area:
    (width, height), (outer_width, outer_height) = inner, outer
    x, y = (outer_width - width) // 2, (outer_height - height) // 2
    return _Area(x=x, y=y, width=width, height=height)


def _reduction(resize: str, size: Size, target: Size) -> int:
    """How many times smaller a picture can be made before a resize has to enlarge it."""
    taken, filled = _place(resize, size, target)
    fits = min(taken.width // filled.width, taken.height // filled.height)
    return next(each for each in (8, 4, 2, 1) if each <= max(fits, 1))


def _resized(samples: Samples, resize: str, width: int, height: int) -> Samples:
    size = samples.shape[1], samples.shape[0]
    if size == (width, height):
        return samples
    taken, filled = _place(resize, size, (width, height))
    part = samples[taken.y : taken.y + taken.height, taken.x : taken.x + taken.width]
    stretched = _stretched(part, filled.width, filled.height)
    if resize != "letterbox":
        return stretched
    framed = np.zeros((height, width, samples.shape[2]), np.uint8)
    framed[filled.y : filled.y + filled.height, filled.x : filled.x + filled.width] = stretched
    return framed


def _stretched(samples: Samples, width: int, height: int) -> Samples:
    """Bilinear, with half-pixel centres, in integers."""
    left, right, fx = _taps(samples.shape[1], width)
    upper, lower, fy = _taps(samples.shape[0], height)
    fx = fx[np.newaxis, :, np.newaxis]
    fy = fy[:, np.newaxis, np.newaxis]

    def row(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        picked = samples[rows]
        return picked[:, left] * (ONE - fx) + picked[:, right] * fx

    values = (row(upper) * (ONE - fy) + row(lower) * fy + (1 << 21)) >> 22
    return values.astype(np.uint8)


def _taps(
    source: int, target: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each target index: the two source indices, and the second one's share of 2048."""
    position = ((2 * np.arange(target, dtype=np.int64) + 1) * source * ONE // target - ONE) // 2
    position = np.clip(position, 0, (source - 1) * ONE)
    low = position >> 11
    return low, np.minimum(low + 1, source - 1), position & (ONE - 1)


def _value_table(image: ImageInput, tensor: TensorInfo) -> list[npt.NDArray[np.generic]]:
    """For each channel, the tensor's value of each of the 256 samples."""
    tables = []
    for channel in range(image.channels):
        mean = image.mean[channel % len(image.mean)]
        std = image.std[channel % len(image.std)]
        values = (np.arange(256, dtype=np.float64) - mean) / std
        tables.append(_typed(values, tensor))
    return tables


def _typed(values: npt.NDArray[np.float64], tensor: TensorInfo) -> npt.NDArray[np.generic]:
    kind = element_type(tensor.type)
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(kind)
    if tensor.quantization is not None:
        values = values / tensor.quantization.scale + tensor.quantization.zero_point
    rounded = np.floor(values + 0.5)
    if kind.kind == "b":
        return (rounded >= 1).astype(kind)
    limits = np.iinfo(tensor.type)
    # A double cannot hold the largest int64: what reaches it is set, not converted.
    inside = np.clip(rounded, limits.min, min(float(limits.max), 2.0**63 - 1024))
    typed = inside.astype(kind)
    typed[rounded >= float(limits.max)] = limits.max
    return typed
