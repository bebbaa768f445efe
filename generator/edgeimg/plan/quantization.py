"""A model's manifest -> what quantizing it takes: samples, runtime, quantizer, limits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeimg.catalog.runtimes import Quantizer, Runtime
from edgeimg.catalog.search import Catalog
from edgeimg.errors import UserError, UserErrors, did_you_mean
from edgeimg.manifest.load import Source, load, parse, read_source, shown
from edgeimg.manifest.model import Model, SampleFiles
from edgeimg.plan.models import plan_model
from edgeimg.plan.plan import PlannedModel, PlannedSample

MAX_FILES = 10_000


@dataclass(frozen=True, kw_only=True)
class QuantizationPlan:
    """Every decision about quantizing one model.

    Attributes:
        manifest: as it was written.
        runtime: what the model is measured with.
        calibration: samples that give the ranges of values.
        evaluation: samples that both models must answer alike, or right where they have a label.
        max_drop: percentage points of accuracy.
    """

    model: PlannedModel
    manifest: Model
    runtime: Runtime
    quantizer: Quantizer
    kind: str
    calibration: tuple[PlannedSample, ...]
    evaluation: tuple[PlannedSample, ...]
    max_drop: float


def plan_quantization(
    path: Path, catalog: Catalog, kind: str, max_drop: float | None, cache_dir: Path | None
) -> QuantizationPlan:
    """Reads the manifest, and finds the samples and what quantizes.

    Args:
        path: the model's manifest.
        kind: `static`, `dynamic` or `weights`.
        max_drop: instead of the manifest's.

    Raises:
        UserError, UserErrors: the manifest is wrong, its model is quantized already, there is
            no quantizer for it, or a sample is not there.
    """
    model = plan_model(path, cache_dir, catalog)
    source = read_source(path)
    manifest = parse(source, Model)
    if model.info.quantized:
        raise UserError(
            f"{manifest.file} is quantized already: most of its parameters are small integers",
            place=source.place(("file",)),
            hint="Quantize the float model that it was made of.",
        )
    if "float16" in model.info.parameter_types:
        raise UserError(
            f"{manifest.file} has float16 weights, which no quantizer here takes",
            place=source.place(("file",)),
            hint="Quantize the float32 model that it was made of.",
        )
    runtime = runtime_for(model.info.format, catalog)
    quantizer = runtime.quantizer
    if quantizer is None or kind not in quantizer.kinds:
        kinds = ", ".join(quantizer.kinds) if quantizer else "none"
        raise UserError(
            f"the quantizer of runtime {runtime.name} has no kind '{kind}'",
            place="--kind",
            hint=f"It has: {kinds}.",
        )
    finder = _Finder(source, model)
    calibration = finder.files("calibration", manifest.calibration)
    evaluation = finder.files("evaluation", manifest.evaluation)
    if finder.errors:
        raise UserErrors(finder.errors)
    return QuantizationPlan(
        model=model,
        manifest=manifest,
        runtime=runtime,
        quantizer=quantizer,
        kind=kind,
        calibration=calibration or model.samples,
        evaluation=evaluation or model.samples,
        max_drop=manifest.max_accuracy_drop if max_drop is None else max_drop,
    )


def runtime_for(kind: str, catalog: Catalog) -> Runtime:
    """The runtime that executes models of that format when no product names another.

    Raises:
        UserError: there is none.
    """
    for name in catalog.names("runtime"):
        runtime = load(catalog.find("runtime", name), Runtime)
        if kind in runtime.formats and runtime.releases:
            return runtime
    raise UserError(f"no runtime of the catalogue executes .{kind} models")


class _Finder:
    """Finds the files of a list of the manifest; keeps what is wrong."""

    def __init__(self, source: Source, model: PlannedModel) -> None:
        self.source = source
        self.folder = source.path.resolve().parent
        self.labels = {label for output in model.outputs for label in output.labels}
        self.errors: list[UserError] = []

    def files(self, key: str, entries: Sequence[SampleFiles]) -> tuple[PlannedSample, ...]:
        found: list[PlannedSample] = []
        for index, entry in enumerate(entries):
            if self.labels and entry.label is not None and entry.label not in self.labels:
                hint = did_you_mean(entry.label, sorted(self.labels))
                message = f"'{entry.label[:60]}' is not among the labels"
                self._fail((key, index, "label"), message, hint if len(self.labels) < 20 else "")
            found += [
                PlannedSample(name=path.name, path=path, sha256=_digest(path), label=entry.label)
                for path in self._matching(entry.file, (key, index, "file"))
            ]
        return tuple(found)

    def _matching(self, pattern: str, location: tuple[str | int, ...]) -> list[Path]:
        try:
            paths = sorted(path for path in self.folder.glob(pattern) if path.is_file())
        except (OSError, ValueError, NotImplementedError):
            paths = []
        if not paths:
            self._fail(location, f"no file is {pattern}", "It is looked for beside the manifest.")
        if len(paths) > MAX_FILES:
            hint = "A few hundred are enough for the ranges of values."
            self._fail(location, f"{len(paths):,} files; at most {MAX_FILES:,} are taken", hint)
            return []
        outside = [path for path in paths if not path.resolve().is_relative_to(self.folder)]
        if outside:
            message = f"{shown(outside[0])} is a link that leaves the folder"
            self._fail(location, message, "Copy the file here.")
            return []
        return paths

    def _fail(self, location: tuple[str | int, ...], message: str, hint: str) -> None:
        dotted = ".".join(str(part) for part in location)
        place = self.source.place(location)
        self.errors.append(UserError(f"{dotted}: {message}", place=place, hint=hint))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", place=shown(path)) from None
