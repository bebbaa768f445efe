"""The model: a file with its inputs, outputs, samples, and how close is right."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from edgeimg.manifest.base import (
    DevicePath,
    InsidePath,
    Manifest,
    Name,
    Sha256,
    Text,
    Version,
)


def _listed(value: Any) -> Any:
    return (value,) if type(value) in (int, float) else value


def _numbers(number: Any) -> Any:
    """A list of such numbers, or one without the brackets."""
    return BeforeValidator(_listed, json_schema_input_type=number | tuple[number, ...])


class ImageInput(Manifest):
    """How a picture becomes the input tensor."""

    color: Literal["gray", "rgb", "bgr"] = Field(
        default="rgb", description="Channels of the tensor and their order."
    )
    layout: Literal["nhwc", "nchw"] = Field(
        default="nhwc", description="Channels last (`nhwc`) or first (`nchw`)."
    )
    resize: Literal["fit", "crop", "letterbox", "none"] = Field(
        default="fit",
        description="`fit` stretches the whole picture to the input's size, `crop` takes the "
        "largest centred part of the right aspect ratio, `letterbox` keeps the aspect ratio "
        "and pads with black, `none` accepts only pictures of the right size.",
    )
    mean: Annotated[tuple[float, ...], _numbers(float)] = Field(
        default=(0.0,),
        min_length=1,
        max_length=3,
        description="Subtracted from each 8-bit sample; one number, or one a channel.",
    )
    std: Annotated[tuple[Annotated[float, Field(gt=0)], ...], _numbers(float)] = Field(
        default=(1.0,),
        min_length=1,
        max_length=3,
        description="Then divided by this; one number, or one a channel.",
    )

    @property
    def channels(self) -> int:
        return 1 if self.color == "gray" else 3

    @property
    def means(self) -> tuple[float, ...]:
        """`mean`, one a channel."""
        return self.mean if len(self.mean) == self.channels else self.mean * self.channels

    @property
    def stds(self) -> tuple[float, ...]:
        """`std`, one a channel."""
        return self.std if len(self.std) == self.channels else self.std * self.channels

    @model_validator(mode="after")
    def _one_or_all(self) -> ImageInput:
        for key, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in (1, self.channels):
                raise ValueError(
                    f"{key} has {len(numbers)} numbers; give 1, or {self.channels} for {self.color}"
                )
        return self


Shape = Annotated[tuple[Annotated[int, Field(ge=1, le=1 << 31)], ...], Field(max_length=16)]


class ModelInput(Manifest):
    """One input tensor."""

    name: str = Field(description="The tensor's name in the model file.")
    shape: Shape | None = Field(
        default=None,
        description="Its sizes, where the file leaves them open: `[1, 3, 48, 320]`. Absent: the "
        "file's, with an open batch as 1.",
    )
    image: ImageInput | None = Field(
        default=None, description="How pictures are fed; absent: raw tensors."
    )


class ModelOutput(Manifest):
    """One output tensor."""

    name: str = Field(description="The tensor's name in the model file.")
    shape: Shape | None = Field(
        default=None,
        description="Its sizes, where the file leaves them open, of TFLite also where it leaves an "
        "input's; they must be those that come out, which `edgeimg model run` says.",
    )
    softmax: bool = Field(default=False, description="Apply softmax to the values.")
    top_k: int = Field(
        default=0, ge=0, le=1000, description="Report the k largest; 0 reports all values."
    )
    labels: InsidePath | None = Field(
        default=None, description="File with one label a line, in the order of the values."
    )

    @model_validator(mode="after")
    def _labels_need_top_k(self) -> ModelOutput:
        if self.labels and not self.top_k:
            raise ValueError("labels are shown for the largest values only; set top_k")
        return self


class Camera(Manifest):
    """A V4L2 camera that the model's service reads, instead of the samples."""

    device: DevicePath = Field(default="/dev/video0", description="Its device.")
    format: Literal["yuyv", "nv12", "mjpeg"] = Field(description="What it is asked to send.")
    width: int = Field(ge=1, le=8192, description="Of its pictures, in pixels; a size it has.")
    height: int = Field(ge=1, le=8192, description="Of its pictures, in pixels; a size it has.")
    rate: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Frames a second that it is asked for; absent: as it likes. Those for which "
        "the model has no time are dropped.",
    )

    @model_validator(mode="after")
    def _even(self) -> Camera:
        # Two columns, and with nv12 two rows, share their colour.
        if self.format != "mjpeg" and self.width % 2:
            raise ValueError(f"width: must be even for {self.format}")
        if self.format == "nv12" and self.height % 2:
            raise ValueError("height: must be even for nv12")
        return self


class Sample(Manifest):
    """One sample on which the image must answer like the host."""

    file: InsidePath = Field(description="Picture, or raw tensor bytes.")
    label: Text | None = Field(default=None, description="What it truly is, if that is known.")


class SampleFiles(Manifest):
    """Files like samples, that stay on this machine."""

    file: InsidePath = Field(
        description="Picture, or raw tensor bytes; with `*` and `?`, many: `train/*.jpg`."
    )
    label: Text | None = Field(default=None, description="What they truly are, if that is known.")


class Tolerance(Manifest):
    """How far the guest may be from the golden outputs in production mode.

    Reference mode, where the runtime has one, is exact for integers always.
    """

    lsb: int = Field(
        default=3, ge=0, le=255, description="For quantized outputs: steps of the last bit."
    )
    absolute: float = Field(default=1e-5, ge=0, description="For float outputs: |d| <= absolute +")
    relative: float = Field(
        default=1e-4, ge=0, description="... relative x the largest absolute golden value."
    )
    top_1: bool = Field(
        default=True,
        description="The largest value must be the same one, where its lead exceeds the tolerance.",
    )


class Model(Manifest):
    """A model file and how it is used."""

    version: Version
    name: Name
    summary: Text = Field(description="One line for people.")
    license: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.+() \-]+$")] = Field(
        description="SPDX expression of the model's licence."
    )
    file: InsidePath = Field(
        description="The model file, beside this manifest. Of an ONNX file whose weights are in "
        "others beside it, the image has one with all."
    )
    sha256: Sha256 | None = Field(default=None, description="SHA-256 of the model file.")
    inputs: tuple[ModelInput, ...] = Field(
        default=(), description="Inputs with preprocessing; others are raw tensors."
    )
    outputs: tuple[ModelOutput, ...] = Field(
        default=(), description="Outputs with postprocessing; others are written as they come."
    )
    samples: tuple[Sample, ...] = Field(
        min_length=1, description="Samples that the image is checked with."
    )
    camera: Camera | None = Field(
        default=None,
        description="The camera that the service reads; absent: it answers the samples, once. "
        "The image is checked with the samples either way.",
    )
    tolerance: Tolerance = Field(default=Tolerance(), description="How close is right.")
    calibration: tuple[SampleFiles, ...] = Field(
        default=(),
        description="What `edgeimg model quantize` finds the ranges of values with; the samples, "
        "if absent.",
    )
    evaluation: tuple[SampleFiles, ...] = Field(
        default=(),
        description="What it compares the quantized model with the original on; the samples, if "
        "absent.",
    )
    max_accuracy_drop: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="Percentage points of accuracy that quantization may cost.",
    )
    compiled: dict[Name, InsidePath] = Field(
        default_factory=dict,
        description="By accelerator, the model as the vendor's compiler made it for that, where "
        "none runs here; beside this manifest. The golden outputs are always those of `file`.",
    )
