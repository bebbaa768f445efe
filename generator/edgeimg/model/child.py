"""The process that opens a model file: `python -m edgeimg.model.child PATH ...`.

It limits itself before it imports anything that parses, and prints one JSON object:
`{"info": {...}}`, `{"files": [...]}` of a model whose weights are in others, or
`{"message": ..., "hint": ...}` for what is wrong with the file. With `--join FILE` it only
writes such a model in one piece.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgeimg.model.errors import BROKEN_HINT, ModelError, SplitError, not_kept
from edgeimg.model.info import ModelInfo

# How the bytes of a file are read, and how its own runtime is made to accept them.
Language = tuple[Callable[[bytes], ModelInfo], Callable[[bytes], None] | None]

# What LiteRT says of an operator that is newer than it: the file is sound.
NEWER = ("Didn't find op for builtin opcode", "Op builtin_code out of range")

MAX_ANSWER = 16 << 20  # bytes; a model of ten thousand operators needs far less


def main(arguments: list[str] | None = None) -> None:
    """Read the model, print the answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--format", choices=LANGUAGES, required=True)
    parser.add_argument("--memory-mib", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--join", type=Path)
    options = parser.parse_args(arguments)

    limit(options.memory_mib, options.seconds)
    with keep_stdout() as answers:
        try:
            answer = _join(options) if options.join else _read(options)
        except SplitError as split:
            answer = {"files": split.files}
        except ModelError as error:
            answer = {"message": error.message, "hint": error.hint}
        except ImportError as error:
            cause = " ".join(str(error).split())[:300]
            answer = {
                "message": f"it cannot be read by this installation: {cause}",
                "hint": "Install edgeimg again, or allow more memory.",
            }
        except MemoryError:
            answer = {
                "message": f"reading it takes more than {options.memory_mib} MiB of memory",
                "hint": "It is damaged, or larger than this limit allows.",
            }
        text = json.dumps(answer, allow_nan=False)
        if len(text) > MAX_ANSWER:
            too_many = "the model has too many operators, inputs or outputs"
            text = json.dumps({"message": too_many, "hint": BROKEN_HINT})
        answers.write(text)


def _read(options: argparse.Namespace) -> dict[str, Any]:
    read = reader_of(options.format, load=options.load)
    return {"info": read(options.path.read_bytes()).to_json()}


def _join(options: argparse.Namespace) -> dict[str, Any]:
    from edgeimg.model.onnx_weights import in_one_piece

    data = in_one_piece(options.path)
    try:
        options.join.write_bytes(data)
    except OSError as error:
        raise not_kept(error) from error
    return {}


def limit(memory_mib: int, seconds: int) -> None:
    """Give this process a ceiling of address space and of processor time."""
    with suppress(ValueError):  # a lower limit of the user's stays
        resource.setrlimit(resource.RLIMIT_AS, (memory_mib << 20, memory_mib << 20))
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def keep_stdout() -> Any:
    """Standard output as a file of our own; what native libraries print goes nowhere."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return answers


def reader_of(kind: str, *, load: bool) -> Callable[[bytes], ModelInfo]:
    """A function from a file's bytes to what it says, with all its imports done.

    Imported before the file is in memory: what fails here is the installation, and
    what fails later is the file.

    Args:
        load: the model's own runtime must accept the file too.
    """
    read, accept = LANGUAGES[kind](load)

    def both(data: bytes) -> ModelInfo:
        info = read(data)
        if accept is not None:
            accept(data)
        return info

    return both


def _tflite(load: bool) -> Language:
    from edgeimg.model import tflite_reader

    return tflite_reader.read, tflite_loader() if load else None


def _onnx(load: bool) -> Language:
    from edgeimg.model import onnx_reader
    from edgeimg.model.onnx_package import package

    package()
    return onnx_reader.read, onnx_reader.check if load else None


def tflite_loader() -> Callable[[bytes], None] | None:
    """A function that lets LiteRT take a model; None when LiteRT is not installed.

    Taking it runs the flatbuffer verifier; no tensor is allocated. Which operators the
    guest's own release has is not asked here. The function raises ModelError.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError:
        return None

    def load(data: bytes) -> None:
        try:
            Interpreter(model_content=data, num_threads=1)
        except (RuntimeError, ValueError) as error:
            if str(error).startswith(NEWER):
                return
            cause = " ".join(str(error).split())[:300]
            raise ModelError(
                f"LiteRT does not load the file: {cause}",
                hint="It is damaged, or needs a newer ai-edge-litert.",
            ) from error

    return load


# By file extension.
LANGUAGES: dict[str, Callable[[bool], Language]] = {"tflite": _tflite, "onnx": _onnx}

if __name__ == "__main__":
    main()
