"""A model's manifest against its file: they must say the same."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.search import Catalog
from edgeimg.errors import UserError, UserErrors, did_you_mean
from edgeimg.manifest.load import Source, is_file, parse, read_source
from edgeimg.manifest.model import Model, ModelInput, ModelOutput
from edgeimg.model.graph import elements, tensor_bytes
from edgeimg.model.info import ModelInfo, TensorInfo, written
from edgeimg.model.whole import read_whole
from edgeimg.plan.compiled import check_compiled
from edgeimg.plan.plan import (
    PlannedCompiled,
    PlannedInput,
    PlannedModel,
    PlannedOutput,
    PlannedSample,
)
from edgeimg.plan.tensors import KNOWN_TYPES, UnfitError, fixed, known

FED_BY_IMAGE = ("float32", "int8", "uint8", "int16")
# Sample names become file names on the device and in archives.
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,120}")
# How the pictures begin that are decoded: PNM, BMP, PNG, JPEG.
PICTURES = (b"P2", b"P3", b"P5", b"P6", b"BM", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
MAX_SAMPLE_BYTES = 64 << 20


def plan_model(path: Path, cache_dir: Path | None, catalog: Catalog | None = None) -> PlannedModel:
    """Reads a model's manifest and file, and brings them together.

    Args:
        path: the manifest.
        cache_dir: where what was read of a model file is kept, by its hash.
        catalog: where the accelerators of compiled files are looked for; None takes the
            shipped one.

    Raises:
        UserErrors: all that is wrong, each with its place.
        UserError: the model file cannot be read.
    """
    source = read_source(path)
    manifest = parse(source, Model)
    folder = path.resolve().parent
    checker = _Checker(source, folder)
    model_path = checker.file(manifest.file, ("file",))
    if model_path is None:
        raise UserErrors(checker.errors)
    if manifest.sha256:
        checker.hash(model_path, manifest.sha256)
    try:
        model_path, info = read_whole(model_path, cache_dir=cache_dir)
    except UserError as error:
        checker.fail(("file",), f"{manifest.file}: {error.message}", error.hint)
        raise UserErrors(checker.errors) from None
    checker.ends(info)
    inputs = checker.inputs(manifest, info)
    outputs = checker.outputs(manifest, info, inputs)
    planned = PlannedModel(
        name=manifest.name,
        summary=manifest.summary,
        license=manifest.license,
        manifest=path,
        path=model_path,
        info=info,
        inputs=inputs,
        outputs=outputs,
        samples=checker.samples(manifest, inputs, outputs),
        tolerance=manifest.tolerance,
        camera=manifest.camera,
        compiled=checker.compiled(manifest, info, catalog or Catalog()),
    )
    if manifest.camera is not None and all(each.image is None for each in inputs):
        checker.fail(
            ("camera",),
            "the model's input takes raw tensors",
            "Describe the input's `image`, and how pictures become the tensor.",
        )
    if checker.errors:
        raise UserErrors(checker.errors)
    return planned


class _Checker:
    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self.errors: list[UserError] = []

    def fail(self, location: tuple[str | int, ...], message: str, hint: str = "") -> None:
        dotted = ".".join(str(part) for part in location)
        self.errors.append(
            UserError(f"{dotted}: {message}", place=self.source.place(location), hint=hint)
        )

    def file(self, name: str, location: tuple[str | int, ...]) -> Path | None:
        path = self.folder / name
        if not is_file(path):
            self.fail(location, f"{name} does not exist", "It is looked for beside the manifest.")
            return None
        if not path.resolve().is_relative_to(self.folder):
            self.fail(location, f"{name} is a link that leaves the folder", "Copy the file here.")
            return None
        return path

    def hash(self, path: Path, wanted: str) -> None:
        found = self._digest(path, ("file",))
        if found and found != wanted:
            self.fail(
                ("sha256",),
                f"{path.name} has {found}",
                "Is it the right file? If so, write that here.",
            )

    def _digest(self, path: Path, location: tuple[str | int, ...]) -> str:
        try:
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            why = error.strerror or type(error).__name__
            self.fail(location, f"{path.name} cannot be read: {why}", "Check its permissions.")
            return ""

    def ends(self, info: ModelInfo) -> None:
        """That something goes in and something comes out."""
        for what, tensors in (("inputs", info.inputs), ("outputs", info.outputs)):
            if not tensors:
                self.fail(("file",), f"the model has no {what}", "Is that the right model?")
        # LiteRT and ONNX Runtime fill one buffer for a tensor, and the app has two.
        for name in info.shared_outputs:
            self.fail(
                ("file",),
                f"output '{name[:60]}' is an input or another output too",
                "Export the model without that output.",
            )

    def inputs(self, manifest: Model, info: ModelInfo) -> tuple[PlannedInput, ...]:
        self._names("inputs", [one.name for one in manifest.inputs], info.inputs)
        described = {one.name: (i, one) for i, one in enumerate(manifest.inputs)}
        planned = []
        for tensor in info.inputs:
            index, entry = described.get(tensor.name, (0, None))
            tensor = self._fixed(tensor, "input", index, entry, batch=True)
            if entry is not None and entry.image is not None and known(tensor):
                self._image(entry, index, tensor, len(info.inputs))
            planned.append(PlannedInput(tensor=tensor, image=entry.image if entry else None))
        return tuple(planned)

    def _fixed(
        self,
        tensor: TensorInfo,
        what: str,
        index: int,
        entry: ModelInput | ModelOutput | None,
        *,
        batch: bool,
        resized: bool = False,
    ) -> TensorInfo:
        """The tensor with all sizes; as the file has it where that does not go."""
        given = entry.shape if entry is not None else None
        try:
            return fixed(tensor, what, given, batch=batch, resized=resized)
        except UnfitError as error:
            location = (f"{what}s", index, "shape") if error.given else ("file",)
            self.fail(location, error.message, error.hint)
            return tensor

    def _image(self, entry: ModelInput, index: int, tensor: TensorInfo, inputs: int) -> None:
        assert entry.image is not None
        location: tuple[str | int, ...] = ("inputs", index, "image")
        if inputs != 1:
            self.fail(location, f"the model has {inputs} inputs", "Pictures can feed one only.")
        if tensor.type not in FED_BY_IMAGE:
            known = ", ".join(FED_BY_IMAGE)
            self.fail(location, f"a picture cannot feed a {tensor.type} tensor ({known})")
        shape = written(tensor.shape)
        if len(tensor.shape) != 4 or tensor.shape[0] != 1:
            self.fail(location, f"the tensor has the shape {shape}", "A picture is 1xHxWxC.")
            return
        channels = tensor.shape[3 if entry.image.layout == "nhwc" else 1]
        if channels != entry.image.channels:
            self.fail(
                (*location, "color"),
                f"{entry.image.color} has {entry.image.channels} channels and the tensor "
                f"{channels} ({shape}, {entry.image.layout})",
                "Check color and layout.",
            )

    def outputs(
        self, manifest: Model, info: ModelInfo, inputs: tuple[PlannedInput, ...]
    ) -> tuple[PlannedOutput, ...]:
        self._names("outputs", [one.name for one in manifest.outputs], info.outputs)
        described = {one.name: (i, one) for i, one in enumerate(manifest.outputs)}
        # A size that is open at the output only depends on the data, and is no batch. An input
        # that was refused still has its own open: it may become one.
        batch = any(
            tensor.shape[:1] < (0,) and one.tensor.shape[:1] in ((1,), (-1,))
            for tensor, one in zip(info.inputs, inputs, strict=True)
        )
        planned = []
        for tensor in info.outputs:
            index, entry = described.get(tensor.name, (0, None))
            tensor = self._fixed(
                tensor, "output", index, entry, batch=batch, resized=info.resizes_outputs
            )
            labels: tuple[str, ...] = ()
            if entry is not None and entry.labels:
                labels = self._labels(entry.labels, index, tensor)
            planned.append(
                PlannedOutput(
                    tensor=tensor,
                    softmax=entry.softmax if entry else False,
                    top_k=min(entry.top_k, elements(tensor.shape)) if entry else 0,
                    labels=labels,
                )
            )
        return tuple(planned)

    def _labels(self, name: str, index: int, tensor: TensorInfo) -> tuple[str, ...]:
        location = ("outputs", index, "labels")
        path = self.file(name, location)
        if path is None:
            return ()
        try:
            text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            self.fail(location, f"{name} is not UTF-8 text")
            return ()
        except OSError as error:
            self.fail(location, f"{name} cannot be read: {error.strerror}")
            return ()
        lines = text.removesuffix("\n").split("\n")
        if len(lines) != elements(tensor.shape):
            self.fail(
                location,
                f"{name} has {len(lines)} lines and the tensor {elements(tensor.shape)} values",
                "Write one label a line, one for each value.",
            )
        return tuple(lines)

    def _names(self, key: str, named: list[str], tensors: tuple[TensorInfo, ...]) -> None:
        known = [tensor.name for tensor in tensors]
        for index, name in enumerate(named):
            if name not in known:
                hint = did_you_mean(name, known)
                self.fail((key, index, "name"), f"the model has no '{name}'", hint)
            elif name in named[:index]:
                self.fail((key, index, "name"), f"'{name}' is described twice", "Keep one.")

    def compiled(
        self, manifest: Model, info: ModelInfo, catalog: Catalog
    ) -> tuple[PlannedCompiled, ...]:
        planned = []
        for name, file in sorted(manifest.compiled.items()):
            location = ("compiled", name)
            path = self.file(file, location)
            if path is None:
                continue
            try:
                place = self.source.place(location)
                _, entry = catalog.load("accelerator", name, Accelerator, place=place)
                look = check_compiled(path, entry, info)
            except UserError as error:
                self.fail(location, error.message, error.hint)
                continue
            planned.append(PlannedCompiled(accelerator=name, path=path, look=look))
        return tuple(planned)

    def samples(
        self,
        manifest: Model,
        inputs: tuple[PlannedInput, ...],
        outputs: tuple[PlannedOutput, ...],
    ) -> tuple[PlannedSample, ...]:
        planned: list[PlannedSample] = []
        labels = {label for output in outputs for label in output.labels}
        raw = all(
            one.image is None and one.tensor.type in KNOWN_TYPES and known(one.tensor)
            for one in inputs
        )
        size = (
            sum(tensor_bytes(one.tensor.type, one.tensor.shape) for one in inputs) if raw else None
        )
        for index, sample in enumerate(manifest.samples):
            path = self.file(sample.file, ("samples", index, "file"))
            if path is None:
                continue
            found = path.stat().st_size
            if found > MAX_SAMPLE_BYTES:
                self.fail(("samples", index, "file"), "is larger than 64 MiB", "Use a small one.")
                continue
            if size is not None and found != size:
                self.fail(
                    ("samples", index, "file"),
                    f"{path.name[:60]} has {found:,} bytes and the inputs {size:,}",
                    "A raw sample holds all inputs; for a picture describe the input's `image`.",
                )
                continue
            if any(one.image for one in inputs) and not _looks_like_a_picture(path):
                self.fail(
                    ("samples", index, "file"),
                    f"{path.name[:60]} is not a PNM, BMP, PNG or JPEG picture",
                    "Convert it.",
                )
                continue
            if labels and sample.label is not None and sample.label not in labels:
                self.fail(
                    ("samples", index, "label"),
                    f"'{sample.label[:60]}' is not among the labels",
                    did_you_mean(sample.label, sorted(labels)) if len(labels) < 20 else "",
                )
                continue
            if not SAFE_NAME.fullmatch(path.name):
                self.fail(
                    ("samples", index, "file"),
                    f"the file name '{path.name[:60]}' is not safe everywhere",
                    "Use letters, digits, '.', '_', '+' and '-', beginning with a letter or digit.",
                )
                continue
            if any(one.name == path.name for one in planned):
                self.fail(
                    ("samples", index, "file"), f"a second {path.name}", "Samples share one folder."
                )
                continue
            digest = self._digest(path, ("samples", index, "file"))
            planned.append(
                PlannedSample(name=path.name, path=path, sha256=digest, label=sample.label)
            )
        return tuple(sorted(planned, key=_sample_name))


def _looks_like_a_picture(path: Path) -> bool:
    """By its first bytes; it is decoded by the build."""
    with path.open("rb") as file:
        return file.read(8).startswith(PICTURES)


def _sample_name(sample: PlannedSample) -> bytes:
    # The app reads a folder in byte order of its names.
    return sample.name.encode()
