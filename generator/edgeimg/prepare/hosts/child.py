"""The process that runs a host interpreter: `python -m ... REQUEST ANSWER`."""

from __future__ import annotations

import hashlib
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgeimg.prepare.hosts import Session, load, pack, unpack

WARM_UP = 5
BLOCK = 5  # invocations of one model before the next one's turn


def main(request: Path, answer: Path) -> None:
    """Do what the request asks; what goes wrong with the model is an answer too."""
    header, frames = unpack(request.read_bytes())
    seconds = int(header["cpu_seconds"])
    with suppress(ValueError):  # a lower limit of the user's stays
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        if "iterations" in header:
            told, parts = _bench(header, frames), []
        else:
            told, parts = {}, _infer(header, frames)
    except Exception as problem:
        text = " ".join(str(problem).split())
        if len(text) > 500:  # a runtime tells where it is first, and why at the end
            text = f"{text[:150]} ... {text[-345:]}"
        told, parts = {"error": text or type(problem).__name__}, []
    answer.write_bytes(pack(told, parts))


def _opened(host: str, model: Mapping[str, Any]) -> Session:
    path = Path(model["path"])
    if hashlib.sha256(path.read_bytes()).hexdigest() != model["sha256"]:
        raise ValueError("the file was changed since it was read")
    inputs, outputs = model["inputs"], model["outputs"]
    return load(host).open_model(path, inputs, outputs, model["mode"], model["threads"])


def _infer(header: Mapping[str, Any], frames: Sequence[bytes]) -> list[bytes]:
    """All outputs of all frames, by the one model."""
    session = _opened(header["host"], header["models"][0])
    results = []
    for frame in frames:
        session.feed(frame)
        session.invoke()
        results += session.outputs()
    return results


def _bench(header: Mapping[str, Any], frames: Sequence[bytes]) -> dict[str, Any]:
    """The times of each model on its own frame; all take turns, so that all meet the same load."""
    # Kept until the end: what it brings into memory is the runtime, not the model.
    runtime = _opened(header["host"], header["models"][0])
    runtime.feed(frames[0])
    before = _memory("VmRSS")
    sessions: list[Session] = []
    runs: list[dict[str, Any]] = []
    for model, frame in zip(header["models"], frames, strict=True):
        began = time.perf_counter()
        session = _opened(header["host"], model)
        loaded = _since(began)
        session.feed(frame)
        sessions.append(session)
        runs.append({"load_ms": loaded, "first_ms": _timed(session), "times_ms": []})
    for session in sessions:
        for _ in range(WARM_UP):
            session.invoke()
    deadline = time.monotonic() + header["seconds"]
    left = header["iterations"]
    while left > 0 and (time.monotonic() < deadline or left == header["iterations"]):
        count = min(BLOCK, left)
        left -= count
        for session, run in zip(sessions, runs, strict=True):
            run["times_ms"] += [_timed(session) for _ in range(count)]
    return {"runs": runs, "memory_kib": max(0, _memory("VmHWM") - before)}


def _timed(session: Session) -> float:
    began = time.perf_counter()
    session.invoke()
    return _since(began)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _memory(key: str) -> int:
    """KiB of this process. Not getrusage: its peak is inherited from the parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0])
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
