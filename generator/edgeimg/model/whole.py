"""A model whose weights are in files beside it, brought into one: PyTorch exports so by default."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from edgeimg.model.errors import ModelError, SplitError, not_kept
from edgeimg.model.info import ModelInfo
from edgeimg.model.read import ask_child, identify, memory_for, read_model

PIECE_MAX = (1 << 31) - 1  # bytes of a protobuf message
SECONDS = 60


def read_whole(path: Path, *, cache_dir: Path | None) -> tuple[Path, ModelInfo]:
    """The file and what it says; of one whose weights are in files beside it a copy with them.

    All that follows has one file to copy, hash and run.

    Args:
        cache_dir: where copies and answers are kept; without it there is no copy.

    Raises:
        ModelError: as `read_model`, or these files are missing, or too large for one.
    """
    try:
        return path, read_model(path, cache_dir=cache_dir)
    except SplitError as split:
        if cache_dir is None:
            raise
        whole = _in_one_piece(path, split.files, cache_dir)
        return whole, read_model(whole, cache_dir=cache_dir)


def _in_one_piece(path: Path, names: tuple[str, ...], cache_dir: Path) -> Path:
    """A copy of the model with the weights of these files, made once."""
    digest, kind = identify(path)
    asked, size = hashlib.sha256(digest.encode()), path.stat().st_size
    for name in names:
        with _beside(path, name).open("rb") as stream:
            asked.update(hashlib.file_digest(stream, "sha256").digest())
            size += stream.tell()
    if size > PIECE_MAX:
        raise ModelError(
            f"with its weights it has {size:,} bytes, and an ONNX file holds 2 GiB",
            hint="Quantize it, or export it with smaller weights, such as float16.",
            place=str(path),
        )
    whole = cache_dir / asked.hexdigest() / path.name
    seal = whole.parent / "sha256"
    try:
        if not (whole.exists() and seal.exists() and seal.read_text() == _digest(whole)):
            whole.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".", dir=cache_dir) as folder:
                made = Path(folder, "model")
                options = [f"--join={made}"]
                ask_child(path, kind, options, memory_mib=memory_for(size), seconds=SECONDS)
                written = _digest(made)
                made.replace(whole)
            seal.write_text(written)
    except OSError as error:
        told = not_kept(error)
        told.place = str(path)
        raise told from error
    with suppress(OSError):  # as of a cache that others may only read
        os.utime(whole.parent)  # it was used, for `Cache.prune`
    return whole


def _beside(path: Path, name: str) -> Path:
    """A file that belongs to a model."""
    file, folder = path.parent / name, path.parent.resolve()
    if not file.resolve().is_relative_to(folder):
        raise ModelError(
            f"its weights are in {name[:200]}, outside of its folder",
            hint="Copy the file here, and export the model again, or as one file.",
            place=str(path),
        )
    if not file.is_file():
        raise ModelError(
            f"its weights are in {name[:200]}, which is missing",
            hint="It belongs beside the model, by this name.",
            place=str(path),
        )
    return file


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
