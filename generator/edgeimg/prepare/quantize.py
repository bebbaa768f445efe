"""Quantize a model, and measure what it cost: both models, the same samples, one run."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeimg.cache import Cache
from edgeimg.errors import InternalError, UserError
from edgeimg.events import Progress, Report, Step
from edgeimg.manifest.load import shown
from edgeimg.model.info import ModelInfo, TensorInfo
from edgeimg.model.read import read_model
from edgeimg.plan.plan import PlannedModel, PlannedSample
from edgeimg.plan.quantization import QuantizationPlan
from edgeimg.prepare.golden import answer_of, read_values
from edgeimg.prepare.hosts import Host, Load, Times, find_host
from edgeimg.prepare.quantizers import frames_of, quantize

ITERATIONS = 500
SECONDS = 30.0
BATCH_BYTES = 64 << 20  # frames that are handed to the host interpreter at a time
NOISE = 1.05  # a latency that is worse by less than this says nothing


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How two models answer the same samples.

    Attributes:
        ranked: whether there is an answer, which is the largest value of an output.
        labelled: samples with an answer whose truth is known; `before` and `after` are right
            on so many of them.
        agreeing: samples that both give the same answer to.
        lost: samples that the original answers right and the other does not, less those the
            other way round; without a label, the original is right.
        difference: the largest difference of two output values, as a share of the largest
            absolute value that the original gave at that output.
    """

    samples: int
    ranked: bool
    labelled: int
    before: int
    after: int
    agreeing: int
    lost: int
    difference: float

    @property
    def drop(self) -> float | None:
        """Percentage points of accuracy lost; None where there is no answer."""
        return 100 * self.lost / self.samples if self.ranked else None


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """A quantized model, and what it is worth.

    Attributes:
        model: planned as the original, with the new file's tensors; its file is gone.
        data: the file's bytes.
    """

    model: PlannedModel
    data: bytes
    agreement: Agreement
    before: Times
    after: Times

    @property
    def slower(self) -> bool:
        """Whether it was measured to be slower than the original."""
        return self.after.percentile(50) > NOISE * self.before.percentile(50)


def quantize_model(plan: QuantizationPlan, cache: Cache, report: Report) -> Quantized:
    """Make the quantized model and compare it with the original; nothing is written.

    Raises:
        UserError, UserErrors: a sample is broken, or a tool or the host's interpreter is
            missing or does not take the model.
        InternalError: one of them crashed.
    """
    releases = plan.runtime.releases
    host = find_host(plan.runtime.host, wanted=releases[0].version if releases else None)
    with _folder() as folder:
        target = folder / f"model.{plan.model.info.format}"
        calibration = plan.calibration if plan.kind == "static" else ()
        quantize(plan.quantizer, plan.kind, plan.model, calibration, target, cache, report)
        model = _planned(plan.model, target)
        report(Step(name="compare", detail=f"{len(plan.evaluation)} samples, {host.package}"))
        agreement = _compare(host, plan.model, model, plan.evaluation, report)
        first = list(islice(frames_of(plan.evaluation[:1], plan.model), 1))
        first += islice(frames_of(plan.evaluation[:1], model), 1)
        report(Step(name="measure", detail="host latency, one thread, both in turns"))
        loads = [_load(plan.model), _load(model)]
        times, _ = host.bench(loads, first, iterations=ITERATIONS, seconds=SECONDS)
        return Quantized(
            model=model,
            data=target.read_bytes(),
            agreement=agreement,
            before=times[0],
            after=times[1],
        )


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="edgeimg-quantized-") as folder:
        yield Path(folder)


def _planned(original: PlannedModel, path: Path) -> PlannedModel:
    """The new file, used as the original is: tensors correspond by their order."""
    info = read_model(path)
    old, new = original.info, info
    if [len(old.inputs), len(old.outputs)] != [len(new.inputs), len(new.outputs)]:
        raise InternalError(
            "the quantized model has other inputs or outputs than the original",
            place=shown(original.path),
        )
    if _kinds(old) == _kinds(new):
        raise UserError(
            "nothing in it was quantized: it has no weights, or none that the quantizer takes",
            place=shown(original.path),
            hint="Try another --kind, or keep the model as it is.",
        )
    pairs_in = zip(original.inputs, info.inputs, strict=True)
    pairs_out = zip(original.outputs, info.outputs, strict=True)
    return replace(
        original,
        path=path,
        info=info,
        inputs=tuple(replace(one, tensor=_as(one.tensor, new)) for one, new in pairs_in),
        outputs=tuple(replace(one, tensor=_as(one.tensor, new)) for one, new in pairs_out),
    )


def _kinds(info: ModelInfo) -> tuple[set[str], Mapping[str, int], list[str]]:
    """Operators and element types: what quantization changes."""
    tensors = [one.type for one in (*info.inputs, *info.outputs)]
    return {use.name for use in info.operators}, info.parameter_types, tensors


def _as(old: TensorInfo, new: TensorInfo) -> TensorInfo:
    return replace(new, shape=old.shape)


def _load(model: PlannedModel) -> Load:
    return Load(
        path=model.path,
        sha256=model.info.sha256,
        inputs=tuple(one.tensor for one in model.inputs),
        outputs=tuple(one.tensor for one in model.outputs),
    )


def _compare(
    host: Host,
    before: PlannedModel,
    after: PlannedModel,
    samples: Sequence[PlannedSample],
    report: Report,
) -> Agreement:
    ranked = next((i for i, one in enumerate(before.outputs) if one.top_k > 0), None)
    labelled = right_before = right_after = agreeing = lost = 0
    worst, largest = [0.0] * len(before.outputs), [0.0] * len(before.outputs)
    made = _of_made(_answers(host, after, samples), before.path)
    pairs = zip(_answers(host, before, samples), made, strict=True)
    for done, (sample, (old, new)) in enumerate(zip(samples, pairs, strict=True)):
        for index, one in enumerate(before.outputs):
            values = _real(old[index], one.tensor)
            apart = _apart(values, _real(new[index], after.outputs[index].tensor))
            worst[index] = max(worst[index], float(apart.max(initial=0)))
            finite = np.abs(values[np.isfinite(values)])
            largest[index] = max(largest[index], float(finite.max(initial=0)))
        if ranked is not None:
            was = answer_of(old[ranked], before.outputs[ranked])
            now = answer_of(new[ranked], after.outputs[ranked])
            agreeing += was == now
            truth = was if sample.label is None else sample.label
            lost += (was == truth) - (now == truth)
            if sample.label is not None:
                labelled += 1
                right_before += was == sample.label
                right_after += now == sample.label
        report(Progress(name="compare", done=done + 1, total=len(samples)))
    shares = [a / b if b else a for a, b in zip(worst, largest, strict=True)]
    return Agreement(
        samples=len(samples),
        ranked=ranked is not None,
        labelled=labelled,
        before=right_before,
        after=right_after,
        agreeing=agreeing,
        lost=lost,
        difference=max(shares, default=0.0),
    )


def _apart(
    values: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The differences; what has no number, as NaN against one, is infinite."""
    with np.errstate(invalid="ignore"):
        found = np.abs(values - others)
    found[(values == others) | (np.isnan(values) & np.isnan(others))] = 0
    return np.nan_to_num(found, nan=math.inf, posinf=math.inf)


def _answers(
    host: Host, model: PlannedModel, samples: Sequence[PlannedSample]
) -> Iterator[list[bytes]]:
    """The outputs for each sample, in the production kernels; some frames at a time."""
    inputs = [one.tensor for one in model.inputs]
    outputs = [one.tensor for one in model.outputs]
    frames = frames_of(samples, model)
    while batch := _batch(frames):
        yield from host.run(model.path, model.info.sha256, inputs, outputs, batch, "default")


def _of_made(answers: Iterator[list[bytes]], original: Path) -> Iterator[list[bytes]]:
    """The same; that the quantizer's model does not run is told of the model it was made of."""
    try:
        yield from answers
    except UserError as error:
        raise UserError(
            f"the quantizer made a model of it that does not run: {error.message}",
            place=str(original),
            hint="Try another --kind.",
        ) from error


def _batch(frames: Iterator[bytes]) -> list[bytes]:
    batch: list[bytes] = []
    size = 0
    for frame in frames:
        batch.append(frame)
        size += len(frame)
        if size >= BATCH_BYTES:
            break
    return batch


def _real(data: bytes, tensor: TensorInfo) -> npt.NDArray[np.float64]:
    """A tensor's values as the numbers that they stand for."""
    values = np.asarray(read_values(data, tensor.type), np.float64)
    if tensor.quantization is not None and not tensor.type.startswith("float"):
        values = (values - tensor.quantization.zero_point) * tensor.quantization.scale
    return values
