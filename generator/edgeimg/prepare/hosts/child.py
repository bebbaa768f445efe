"""The process that runs a host interpreter: `python -m ... REQUEST ANSWER`."""

from __future__ import annotations

import hashlib
import resource
import sys
from pathlib import Path

from edgeimg.prepare.hosts import load, pack, unpack


def main(request: Path, answer: Path) -> None:
    """Run the frames of the request; what goes wrong with the model is an answer too."""
    header, frames = unpack(request.read_bytes())
    seconds = int(header["cpu_seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    model = Path(header["model"])
    try:
        found = hashlib.sha256(model.read_bytes()).hexdigest()
        if found != header["sha256"]:
            raise ValueError("the file was changed since it was read")
        results = load(header["host"]).infer(
            model, header["inputs"], header["outputs"], frames, header["mode"]
        )
    except Exception as problem:
        text = " ".join(str(problem).split())[:500]
        answer.write_bytes(pack({"error": text or type(problem).__name__}, []))
        return
    answer.write_bytes(pack({}, [output for frame in results for output in frame]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
