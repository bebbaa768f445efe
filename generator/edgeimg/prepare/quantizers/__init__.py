"""Quantizers: what makes an integer model of a float one.

A quantizer is one module of this folder, chosen by the name that the runtime's catalogue
entry gives as `quantizer.module`. It has `quantize(request, frames)`, which reads the model that
the request names and writes the new one; frames are those of `child.py`.

It runs in a process of its own, and where the entry names requirements, in a Python of its own
(`edgeimg.prepare.tools`): so a module imports nothing of edgeimg, and this folder is on its
path, so that no module may have the name of a package that another one needs.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeimg.cache import Cache
from edgeimg.catalog.runtimes import Quantizer
from edgeimg.errors import InternalError, UserError, UserErrors
from edgeimg.events import Report, Step
from edgeimg.manifest.load import shown
from edgeimg.plan.plan import PlannedModel, PlannedSample
from edgeimg.prepare.preprocess import frame_of
from edgeimg.prepare.tools import tool_python
from edgeimg.process import run

WALL_SECONDS = 3600.0
SHOWN_ERRORS = 10


def quantize(
    quantizer: Quantizer,
    kind: str,
    model: PlannedModel,
    calibration: Sequence[PlannedSample],
    target: Path,
    cache: Cache,
    report: Report,
) -> None:
    """Write the quantized model to `target`.

    Raises:
        UserError, UserErrors: a calibration sample is broken, the quantizer cannot be
            installed, or does not take the model.
        InternalError: it crashed, or took too long.
    """
    python, environment = Path(sys.executable), dict(os.environ)
    if quantizer.requirements:
        python = tool_python(quantizer.module, quantizer.requirements, cache, report)
        environment.pop("PYTHONPATH", None)
    else:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    report(Step(name="quantize", detail=f"{model.name}, {len(calibration)} calibration samples"))
    with tempfile.TemporaryDirectory(prefix="edgeimg-quantize-") as folder:
        frames, request = Path(folder, "frames"), Path(folder, "request")
        answer = Path(folder, "answer")
        with frames.open("wb") as stream:
            for frame in frames_of(calibration, model):
                stream.write(frame)
        words = {
            "module": quantizer.module,
            "kind": kind,
            "model": str(model.path.absolute()),
            "target": str(target.absolute()),
            "frames": str(frames),
            "inputs": [
                {
                    "name": one.tensor.name,
                    "type": one.tensor.type,
                    "shape": list(one.tensor.shape),
                    # The user's raw samples are bytes of this type, and stay what they are.
                    "raw": one.image is None,
                }
                for one in model.inputs
            ],
        }
        request.write_text(json.dumps(words))
        child = Path(__file__).parent / "child.py"
        try:
            run([python, child, request, answer], env=environment, timeout=WALL_SECONDS)
        except InternalError as crash:
            raise InternalError(
                f"the quantizer did not survive the model: {crash.message}",
                place=shown(model.path),
                hint="Try another --kind, or check the model file.",
            ) from crash
        problem = json.loads(answer.read_text())["error"]
    if problem:
        raise UserError(f"it cannot be quantized: {problem}", place=shown(model.path))


def frames_of(samples: Sequence[PlannedSample], model: PlannedModel) -> Iterator[bytes]:
    """Each sample as the model's input bytes.

    Raises:
        UserErrors: the first of those that cannot be read, are broken, or of the wrong size.
    """
    errors: list[UserError] = []
    for sample in samples:
        place = shown(sample.path)
        try:
            yield frame_of(sample.path.read_bytes(), model.inputs, place=place)
        except OSError as problem:
            errors.append(UserError(f"cannot be read: {problem.strerror}", place=place))
        except UserError as problem:
            errors.append(problem)
        if len(errors) == SHOWN_ERRORS:
            break
    if errors:
        raise UserErrors(errors)
