"""Read a model file without trusting it: in a child process, with limits.

This module imports nothing heavy, so that a model that was read before costs no
more than its hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeimg.model.content import ADVICE, KINDS, NAMES, sniff
from edgeimg.model.errors import BROKEN_HINT, ModelError, SplitError
from edgeimg.model.info import ModelInfo

CACHE_VERSION = 8  # raise it when a reader says something new of the same file
MEMORY_MIB = 1024
SNIFFED = 1 << 20


def read_model(
    path: Path,
    *,
    memory_mib: int | None = None,
    seconds: int = 60,
    load: bool = True,
    cache_dir: Path | None = None,
) -> ModelInfo:
    """What the file says of itself.

    Args:
        memory_mib: address space that the reading process may use; None goes by the file's size.
        seconds: processor time, and time on the clock, that it may take.
        load: also let LiteRT (where installed) or onnx's checker accept the file.
        cache_dir: where answers are kept, as `<sha256>.json`; None for nowhere.

    Raises:
        SplitError: its weights are in other files; `read_whole` takes them from there.
        ModelError: there is no such file, or it is not a sound model of the kind that
            its name says, or the limits are too tight for it.
    """
    digest, kind = identify(path)
    cached = cache_dir / f"{digest}.json" if cache_dir else None
    if cached is not None and (info := _recall(cached, path, digest, load)) is not None:
        return info
    try:
        memory = memory_mib or memory_for(path.stat().st_size)
        options = ["--load"] if load else []
        answer = ask_child(path, kind, options, memory_mib=memory, seconds=seconds)
        info = _understood(path, answer)
    except SplitError as split:
        if cached is not None:
            _keep(cached, {"loaded": load, "files": split.files})
        raise
    if info.sha256 != digest:
        raise ModelError("the file changed while it was read", place=str(path))
    if cached is not None:
        _keep(cached, {"loaded": load, "info": info.to_json()})
    return info


def identify(path: Path) -> tuple[str, str]:
    """(SHA-256, format) of a file whose content and name agree.

    Raises:
        ModelError: they do not, or it cannot be read.
    """
    try:
        # A pipe or a device would never end, or block already at open.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelError("not a file", place=str(path))
        with path.open("rb") as stream:
            content = sniff(stream.read(SNIFFED))
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"cannot be read: {reason}", place=str(path)) from error
    named = KINDS.get(path.suffix.lower())
    if named is None:
        hint = f"Known endings: {', '.join(KINDS)}."
        if content in NAMES:
            hint = f"It is {NAMES[content]}: name it .{content}."
        elif content in ADVICE:
            hint = f"It is {content}. {ADVICE[content]}"
        raise ModelError(
            f"the ending '{path.suffix}' is not that of a model", place=str(path), hint=hint
        )
    if content == named:
        return digest, named
    raise ModelError(_mismatch(named, content), hint=_advice(content), place=str(path))


def _mismatch(named: str, content: str) -> str:
    if not content:
        return f"not {NAMES[named]}"
    if content == "empty":
        return f"not {NAMES[named]}: the file is empty"
    return f"not {NAMES[named]}, but {NAMES.get(content, content)}"


def _advice(content: str) -> str:
    if content in NAMES:
        return f"Name it .{content}."
    return ADVICE.get(content, BROKEN_HINT)


def memory_for(size: int) -> int:
    """MiB of address space that reading so many bytes may take: parsers copy them a few times."""
    return MEMORY_MIB + 4 * (size >> 20)


def ask_child(
    path: Path, kind: str, options: Sequence[str], *, memory_mib: int, seconds: int
) -> dict[str, Any]:
    """Start `edgeimg.model.child` and take its answer.

    Raises:
        SplitError, ModelError: any way in which it can end badly.
    """
    command = [sys.executable, "-P", "-m", "edgeimg.model.child", f"--format={kind}", *options]
    command += [f"--memory-mib={memory_mib}", f"--seconds={seconds}"]
    environment = dict(os.environ)
    # The child finds what this process finds, also in a checkout that is not installed.
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    # BLAS reserves address space for each thread, which counts against the limit.
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [*command, "--", str(path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _too_slow(path, seconds) from error
    if done.returncode == -signal.SIGXCPU:
        raise _too_slow(path, seconds)
    if done.returncode:
        ending = f"status {done.returncode}"
        if done.returncode < 0:
            ending = _signal_name(-done.returncode)
        raise ModelError(
            f"the reader died of it ({ending})",
            hint=f"It is damaged, or needs more than {memory_mib} MiB to be read.",
            place=str(path),
        )
    return _answered(path, done.stdout)


def _too_slow(path: Path, seconds: int) -> ModelError:
    return ModelError(
        f"reading it took more than {seconds} seconds", hint=BROKEN_HINT, place=str(path)
    )


def _answered(path: Path, text: bytes) -> dict[str, Any]:
    """What the child says, or the error that it tells of."""
    try:
        answer: dict[str, Any] = json.loads(text)
        if "message" not in answer:
            return answer
        message, hint = str(answer["message"]), str(answer["hint"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("the reader gave no answer", place=str(path)) from error
    raise ModelError(message, hint=hint, place=str(path))


def _understood(path: Path, answer: Mapping[str, Any]) -> ModelInfo:
    """The answer as what a model is, or as the error that it is not in one piece."""
    try:
        if "files" in answer:
            raise SplitError(tuple(answer["files"]), place=str(path))
        return ModelInfo.from_json(answer["info"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("the reader gave no answer", place=str(path)) from error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _recall(cached: Path, path: Path, digest: str, load: bool) -> ModelInfo | None:
    """An answer that was kept, unless it is damaged, old, or of a laxer reading."""
    try:
        kept = json.loads(cached.read_bytes())
        if kept["version"] != CACHE_VERSION or (load and not kept["loaded"]):
            return None
        info = _understood(path, kept)
    except SplitError:
        raise
    except (OSError, ModelError, KeyError, TypeError, ValueError):
        return None
    return info if info.sha256 == digest else None


def _keep(cached: Path, answer: Mapping[str, Any]) -> None:
    """Keep an answer; a reader of the folder sees all of it or nothing.

    A folder that cannot be written is no reason to fail: the answer is there.
    """
    text = json.dumps({"version": CACHE_VERSION, **answer})
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=cached.parent, prefix=f".{cached.name}.", delete=False
        ) as stream:
            temporary = Path(stream.name)
            stream.write(text)
        temporary.replace(cached)
    except OSError:
        return
