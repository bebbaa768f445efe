"""Writing a quantized model beside a manifest of its own."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edgeimg.cache import write_atomic
from edgeimg.errors import UserError
from edgeimg.manifest.base import Name
from edgeimg.manifest.load import load, shown
from edgeimg.manifest.model import Model
from edgeimg.model.info import TensorInfo
from edgeimg.plan.plan import PlannedModel
from edgeimg.plan.quantization import QuantizationPlan
from edgeimg.prepare.quantize import Quantized
from edgeimg.resources import data_root

MARK = "# Made by `edgeimg model quantize`"
SUFFIXES = {"static": "int8", "dynamic": "dynamic", "weights": "weights"}
# Not of use for a model that is quantized, or of another file.
DROPPED = ("calibration", "evaluation", "max_accuracy_drop", "compiled")
# What a float output of a model that computes with integers may be off, as a share of the
# largest value: a few steps of 8 bits, since kernels round otherwise on another CPU.
STEPS = 0.02
MAX_NAME = 64


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a quantized model goes.

    Attributes:
        name: of the model.
        copies: whether samples and labels must come along.
    """

    name: Name
    manifest: Path
    model: Path
    copies: bool


def place_for(plan: QuantizationPlan, folder: Path | None) -> Place:
    """Where the quantized model goes: beside the original, or into `folder`.

    Raises:
        UserError: it cannot be there, or what is there was made by somebody else.
    """
    original = plan.model.manifest.resolve()
    beside = original.parent
    if folder is None and original.is_relative_to(data_root() / "models"):
        raise UserError(
            "is an example of edgeimg's own; nothing is written beside it",
            place=shown(plan.model.manifest),
            hint="Name a folder with -o.",
        )
    chosen = beside if folder is None else folder
    suffix = SUFFIXES[plan.kind]
    name = f"{plan.model.name[: MAX_NAME - 1 - len(suffix)]}-{suffix}"
    _check_writable(chosen)
    place = Place(
        name=name,
        manifest=chosen / f"{name}.yaml",
        model=chosen / f"{plan.model.path.stem}-{suffix}{plan.model.path.suffix}",
        copies=chosen.resolve() != beside,
    )
    _check_ours(place)
    for name in _companions(plan.manifest) if place.copies else ():
        _check_same(beside / name, chosen / name)
    return place


def _check_writable(folder: Path) -> None:
    """Before the work, not after it; nothing is made yet."""
    whole = folder.absolute()
    there = next(one for one in (whole, *whole.parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(
            "cannot be written", place=shown(there), hint="Name another folder with -o."
        )


def _check_ours(place: Place) -> None:
    """Raises when there is a file that a run before this one did not make."""
    if place.manifest.exists():
        if not _is_ours(place.manifest):
            raise UserError(
                "exists already, and `edgeimg model quantize` did not make it",
                place=shown(place.manifest),
                hint="Move it, or name another folder with -o.",
            )
        if not place.model.exists() or load(place.manifest, Model).sha256 == _digest(place.model):
            return
    if place.model.exists():
        raise UserError(
            "exists already, and is not what `edgeimg model quantize` wrote",
            place=shown(place.model),
            hint="Move it, or name another folder with -o.",
        )


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(MARK)) == MARK.encode()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", place=shown(path)) from None


def write_quantized(plan: QuantizationPlan, quantized: Quantized, place: Place) -> None:
    """Write the model, and then the manifest that names it.

    Raises:
        UserError: a file cannot be written.
    """
    folder, beside = place.manifest.parent, plan.model.manifest.resolve().parent
    try:
        if place.copies:
            for name in _companions(plan.manifest):
                write_atomic(folder / name, (beside / name).read_bytes())
        write_atomic(place.model, quantized.data)
        write_atomic(place.manifest, manifest_text(plan, quantized.model, place).encode())
    except OSError as error:
        raise UserError(
            f"cannot be written: {error.strerror}", place=shown(Path(error.filename or folder))
        ) from None


def _companions(manifest: Model) -> list[str]:
    """The files that the new manifest names beside the model."""
    labels = [output.labels for output in manifest.outputs if output.labels]
    return sorted({*labels, *(sample.file for sample in manifest.samples)})


def _check_same(source: Path, target: Path) -> None:
    if target.exists() and (not target.is_file() or _digest(target) != _digest(source)):
        raise UserError(
            "exists already, with other content",
            place=shown(target),
            hint="Name another folder with -o.",
        )


def manifest_text(plan: QuantizationPlan, model: PlannedModel, place: Place) -> str:
    """The manifest of the quantized model."""
    words: dict[str, Any] = plan.manifest.model_dump(mode="json", exclude_unset=True)
    first = {
        "version": words["version"],
        "name": place.name,
        "summary": words["summary"],
        "license": words["license"],
        "file": place.model.name,
        "sha256": model.info.sha256,
    }
    others = {key: value for key, value in words.items() if key not in (*DROPPED, *first)}
    words = {**first, **others}
    old = plan.model.info
    for key, before, after in (
        ("inputs", old.inputs, model.info.inputs),
        ("outputs", old.outputs, model.info.outputs),
    ):
        for entry in words.get(key, ()):
            entry["name"] = _renamed(entry["name"], before, after)
    floats = any(tensor.type.startswith("float") for tensor in model.info.outputs)
    if floats and plan.kind != "weights":
        relative = max(STEPS, plan.manifest.tolerance.relative)
        words["tolerance"] = {**words.get("tolerance", {}), "relative": relative}
    text: str = yaml.safe_dump(words, sort_keys=False, allow_unicode=True, width=96)
    return f"{MARK} from {plan.model.manifest.name}.\n{text}"


def _renamed(name: str, old: tuple[TensorInfo, ...], new: tuple[TensorInfo, ...]) -> str:
    """What the tensor of that name is called in the new file."""
    return new[[tensor.name for tensor in old].index(name)].name


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
