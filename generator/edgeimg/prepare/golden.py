"""Golden outputs: what the host's interpreter answers to the samples.

They are kept in the cache, by everything that they depend on: a second run imports
no native code and starts no program.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import platform
import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeimg.cache import Cache, canonical_json
from edgeimg.errors import InternalError, UserError, UserErrors
from edgeimg.events import Progress, Report, Step, silent
from edgeimg.plan.plan import Plan, PlannedModel, PlannedOutput
from edgeimg.prepare.hosts import Host, find_host

NAMESPACE = "goldens"
FORMAT = 3  # a step up when preprocessing or the hosts compute otherwise

Values = Sequence[float]

_CODES: Mapping[str, str] = {
    "bool": "B",
    "float32": "f",
    "float64": "d",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "int8": "b",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "uint8": "B",
}


@dataclass(frozen=True, kw_only=True)
class GoldenSample:
    """The host's answer to one sample.

    Attributes:
        name: the sample's name in the image.
        label: what it truly is, if that is known.
        answer: the label of the host's largest value; None without a ranked output.
        outputs: the raw bytes of each output, in the model's order.
    """

    name: str
    label: str | None
    answer: str | None
    outputs: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Golden:
    """The host's answers to all samples of one model in one kernel mode.

    Attributes:
        runtime: the runtime's name.
        version: of the host interpreter; `guest_version` is what the image has.
        cpu: the host's processor, on which optimised kernels depend.
    """

    model: str
    runtime: str
    version: str
    guest_version: str
    mode: str
    cpu: str
    samples: tuple[GoldenSample, ...]

    @property
    def labelled(self) -> int:
        """How many samples have a true label and an answer."""
        return sum(s.label is not None and s.answer is not None for s in self.samples)

    @property
    def right(self) -> int:
        """How many of them the host answers right."""
        return sum(s.label is not None and s.label == s.answer for s in self.samples)


def make_goldens(plan: Plan, cache: Cache, report: Report = silent) -> tuple[Golden, ...]:
    """The golden outputs of each model in each kernel mode of the runtime.

    Raises:
        UserError: a sample is broken, the host interpreter is missing or of another
            version than the guest's, or it does not take the model.
        InternalError: the host interpreter crashed.
    """
    runtime = plan.runtime
    wanted = runtime.version if runtime.wheel is not None else None
    host = find_host(runtime.host, wanted=wanted)
    total = len(plan.models) * len(runtime.kernel_modes)
    report(Step(name="golden outputs", detail=f"{host.package} {host.version}"))
    goldens: list[Golden] = []
    for model in plan.models:
        frames: list[bytes] = []
        for mode in runtime.kernel_modes:
            outputs = _outputs(model, host, mode, cache, frames)
            goldens.append(_golden(plan, model, host, mode, outputs))
            report(
                Progress(
                    name="golden outputs",
                    done=len(goldens),
                    total=total,
                    detail=f"{model.name} {mode}",
                )
            )
    return tuple(goldens)


def read_values(data: bytes, kind: str) -> Values:
    """The numbers of a tensor's raw little-endian bytes.

    Raises:
        ValueError: the type is unknown, or the bytes are not whole elements.
    """
    if kind == "float16":
        if len(data) % 2:
            raise ValueError("not whole elements")
        return struct.unpack(f"<{len(data) // 2}e", data)
    if kind not in _CODES:
        raise ValueError(f"unknown type {kind}")
    values = array(_CODES[kind])
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def top_index(values: Values) -> int | None:
    """The index of the largest number, the first of equal ones; None when there is none."""
    best: int | None = None
    for index, value in enumerate(values):
        if value == value and (best is None or value > values[best]):
            best = index
    return best


def answer_of(data: bytes, output: PlannedOutput) -> str | None:
    """What a ranked output answers: a label, or the index when there are no labels."""
    index = top_index(read_values(data, output.tensor.type))
    if index is None:
        return None
    return output.labels[index] if index < len(output.labels) else str(index)


def cpu_name() -> str:
    """The processor as the system calls it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            found: dict[str, str] = {}
            for line in lines:
                key, _, value = line.partition(":")
                found.setdefault(key.strip(), value.strip())
                if not line.strip():
                    break
    except OSError:
        found = {}
    parts = [found[key] for key in ("model name", "CPU implementer", "CPU part") if key in found]
    return " ".join([platform.machine(), *parts])


def _golden(
    plan: Plan, model: PlannedModel, host: Host, mode: str, outputs: Sequence[Sequence[bytes]]
) -> Golden:
    ranked = next((i for i, output in enumerate(model.outputs) if output.top_k > 0), None)
    samples = []
    for sample, made in zip(model.samples, outputs, strict=True):
        answer = None if ranked is None else answer_of(made[ranked], model.outputs[ranked])
        samples.append(
            GoldenSample(name=sample.name, label=sample.label, answer=answer, outputs=tuple(made))
        )
    return Golden(
        model=model.name,
        runtime=plan.runtime.name,
        version=host.version,
        guest_version=plan.runtime.version,
        mode=mode,
        cpu=cpu_name(),
        samples=tuple(samples),
    )


def _outputs(
    model: PlannedModel, host: Host, mode: str, cache: Cache, frames: list[bytes]
) -> list[list[bytes]]:
    """From the cache, or computed; `frames` is filled when the samples had to be read."""
    key = hashlib.sha256(canonical_json(_key(model, host, mode))).hexdigest()
    stored = _from_json(cache.get_json(NAMESPACE, key), model)
    if stored is not None:
        return stored
    with cache.lock(NAMESPACE, key):
        stored = _from_json(cache.get_json(NAMESPACE, key), model)
        if stored is not None:
            return stored
        if not frames:
            frames.extend(_frames(model))
        inputs = [each.tensor for each in model.inputs]
        tensors = [each.tensor for each in model.outputs]
        outputs = host.run(model.path, model.info.sha256, inputs, tensors, frames, mode)
        if len(outputs) != len(frames):
            raise InternalError(
                f"{host.package} answered {len(outputs)} of {len(frames)} samples",
                place=str(model.path),
            )
        cache.put_json(NAMESPACE, key, _to_json(outputs))
    return outputs


def _key(model: PlannedModel, host: Host, mode: str) -> dict[str, Any]:
    """Everything that the outputs depend on."""
    return {
        "format": FORMAT,
        "model": model.info.sha256,
        "samples": [sample.sha256 for sample in model.samples],
        "inputs": [
            {
                "tensor": repr(each.tensor),
                "image": None if each.image is None else each.image.model_dump(mode="json"),
            }
            for each in model.inputs
        ],
        "outputs": [repr(each.tensor) for each in model.outputs],
        "host": [host.name, host.version, mode],
        "packages": [importlib.metadata.version(name) for name in ("numpy", "pillow")],
        "machine": cpu_name() if mode == "default" else platform.machine(),
    }


def _frames(model: PlannedModel) -> list[bytes]:
    """The input bytes of each sample; all broken samples are reported at once."""
    from edgeimg.prepare.preprocess import frame_of

    frames, errors = [], []
    for sample in model.samples:
        place = str(sample.path)
        try:
            data = sample.path.read_bytes()
            if hashlib.sha256(data).hexdigest() != sample.sha256:
                raise UserError("the sample was changed meanwhile", place=place, hint="Run again.")
            frames.append(frame_of(data, model.inputs, place=place))
        except OSError as problem:
            errors.append(UserError(f"cannot read it: {problem.strerror}", place=place))
        except UserError as problem:
            errors.append(problem)
    if errors:
        raise errors[0] if len(errors) == 1 else UserErrors(errors)
    return frames


def _to_json(outputs: Sequence[Sequence[bytes]]) -> dict[str, Any]:
    return {
        "outputs": [[base64.b64encode(data).decode() for data in frame] for frame in outputs],
        "sha256": _digest(outputs),
    }


def _from_json(stored: Any, model: PlannedModel) -> list[list[bytes]] | None:
    """What `_to_json` made; None when it is missing or spoilt."""
    try:
        outputs = [[base64.b64decode(text) for text in frame] for frame in stored["outputs"]]
        whole = stored["sha256"] == _digest(outputs) and len(outputs) == len(model.samples)
    except (KeyError, TypeError, ValueError):
        return None
    return outputs if whole else None


def _digest(outputs: Sequence[Sequence[bytes]]) -> str:
    digest = hashlib.sha256()
    for frame in outputs:
        for data in frame:
            digest.update(struct.pack("<Q", len(data)))
            digest.update(data)
    return digest.hexdigest()
