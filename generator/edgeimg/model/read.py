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
from pathlib import Path
from typing import Any

from edgeimg.model.content import ADVICE, KINDS, NAMES, sniff
from edgeimg.model.errors import BROKEN_HINT, ModelError
from edgeimg.model.info import ModelInfo

CACHE_VERSION = 6  # raise it when a reader says something new of the same file
SNIFFED = 1 << 20


def read_model(
    path: Path,
    *,
    memory_mib: int = 1024,
    seconds: int = 60,
    load: bool = True,
    cache_dir: Path | None = None,
) -> ModelInfo:
    """What the file says of itself.

    Args:
        memory_mib: address space that the reading process may use.
        seconds: processor time, and time on the clock, that it may take.
        load: also let LiteRT (where installed) or onnx's checker accept the file.
        cache_dir: where answers are kept, as `<sha256>.json`; None for nowhere.

    Raises:
        ModelError: there is no such file, or it is not a sound model of the kind that
            its name says, or the limits are too tight for it.
    """
    digest, kind = _identify(path)
    cached = cache_dir / f"{digest}.json" if cache_dir else None
    if cached is not None and (info := _recall(cached, digest, load)) is not None:
        return info
    info = _read_in_child(path, kind, memory_mib=memory_mib, seconds=seconds, load=load)
    if info.sha256 != digest:
        raise ModelError("the file changed while it was read", place=str(path))
    if cached is not None:
        _remember(cached, info, load)
    return info


def _identify(path: Path) -> tuple[str, str]:
    """(SHA-256, format) of a file whose content and name agree."""
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


def _read_in_child(
    path: Path, kind: str, *, memory_mib: int, seconds: int, load: bool
) -> ModelInfo:
    """Start `edgeimg.model.child`; any way in which it can end badly is a ModelError."""
    command = [sys.executable, "-P", "-m", "edgeimg.model.child", f"--format={kind}"]
    command += [f"--memory-mib={memory_mib}", f"--seconds={seconds}"]
    command += ["--load"] if load else []
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
    return _understand(path, done, memory_mib)


def _too_slow(path: Path, seconds: int) -> ModelError:
    return ModelError(
        f"reading it took more than {seconds} seconds", hint=BROKEN_HINT, place=str(path)
    )


def _understand(path: Path, done: subprocess.CompletedProcess[bytes], memory_mib: int) -> ModelInfo:
    """The child's answer, as what it says or as the error that it is."""
    if done.returncode:
        ending = f"status {done.returncode}"
        if done.returncode < 0:
            ending = _signal_name(-done.returncode)
        raise ModelError(
            f"the reader died of it ({ending})",
            hint=f"It is damaged, or needs more than {memory_mib} MiB to be read.",
            place=str(path),
        )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
        if "info" in answer:
            return ModelInfo.from_json(answer["info"])
        message, hint = str(answer["message"]), str(answer["hint"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("the reader gave no answer", place=str(path)) from error
    raise ModelError(message, hint=hint, place=str(path))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _recall(cached: Path, digest: str, load: bool) -> ModelInfo | None:
    """An answer that was kept, unless it is damaged, old, or of a laxer reading."""
    try:
        kept = json.loads(cached.read_bytes())
        if kept["version"] != CACHE_VERSION or (load and not kept["loaded"]):
            return None
        info = ModelInfo.from_json(kept["info"])
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return info if info.sha256 == digest else None


def _remember(cached: Path, info: ModelInfo, loaded: bool) -> None:
    """Keep an answer; a reader of the folder sees all of it or nothing.

    A folder that cannot be written is no reason to fail: the answer is there.
    """
    text = json.dumps({"version": CACHE_VERSION, "loaded": loaded, "info": info.to_json()})
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
