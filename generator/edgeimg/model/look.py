"""Look at a compiled model without trusting it: in a child process, with limits."""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from edgeimg.errors import InternalError
from edgeimg.model.errors import BROKEN_HINT, ModelError
from edgeimg.process import run

MEMORY_MIB = 1024
SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class FileOperator:
    """One operator, in the file's order.

    Attributes:
        name: of the first tensor that it makes; in ONNX its own, if it has one.
        type: `CONV_2D`; a custom operator's own name.
        macs: multiply-accumulates, as in `ModelInfo`.
        element: element type of that tensor, such as `int8`.
        custom: whether it is none of the format's own operators.
    """

    name: str
    type: str
    macs: int
    element: str
    custom: bool


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a compiled model says of itself.

    Attributes:
        targets: what it was compiled for; empty when it does not say, or is not compiled.
        version: of what made it, or of its format; may be empty.
        unknown: why its target cannot be known; empty when it is.
        operators: of a TFLite file, of all its graphs; of an ONNX file, of the outermost.
        inputs, outputs: of a TFLite file, as `int8 1x96x96x3`.
    """

    targets: tuple[str, ...] = ()
    version: str = ""
    unknown: str = ""
    operators: tuple[FileOperator, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def look_at(path: Path, kind: str) -> Look:
    """What the file says, which must be of the format `kind` (see `edgeimg.model.formats`).

    Raises:
        ModelError: it is of another kind, damaged, or does not keep to the limits.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelError("not a file", place=str(path))
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", place=str(path)) from error
    command = [sys.executable, "-P", "-m", "edgeimg.model.look_child", str(path.absolute()), kind]
    environment = dict(os.environ)
    # The child finds what this process finds; BLAS reserves address space for each thread.
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = run([*command, str(MEMORY_MIB), str(SECONDS)], env=environment, timeout=SECONDS)
        answer = json.loads(done.stdout)
        if "look" in answer:
            look = answer["look"]
            return Look(
                targets=tuple(look.get("targets", ())),
                version=look.get("version", ""),
                unknown=look.get("unknown", ""),
                operators=tuple(FileOperator(**one) for one in look.get("operators", ())),
                inputs=tuple(look.get("inputs", ())),
                outputs=tuple(look.get("outputs", ())),
            )
        message, hint = str(answer["message"]), str(answer["hint"])
    except (InternalError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            "reading it took too long, too much memory, or ended the reader",
            hint=BROKEN_HINT,
            place=str(path),
        ) from error
    raise ModelError(message, hint=hint, place=str(path))
