"""What the app costs on top of the bare runtime call, measured here and now.

`python -m tests.bench.overhead [MODEL.tflite]...` from the checkout. The app's own
program runs each model bare, through what `--benchmark` times, and for a whole frame,
in turns. One thread; without a model, digits with reference kernels.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.app.appkit import ROOT, build, environment, write_config

from edgeimg.model.read import read_model
from edgeimg.plan.plan import PlannedInput, PlannedOutput
from edgeimg.prepare.preprocess import byte_size

ROUNDS = 60  # of 40 counted runs each


def measure(model: Path, mode: str) -> dict[str, float]:
    """Medians in milliseconds: `bare_ms`, `invoke_ms`, `frame_ms`."""
    info = read_model(model)
    inputs = [replace(each, shape=each.fixed_shape) for each in info.inputs]
    outputs = [replace(each, shape=each.fixed_shape) for each in info.outputs]
    folder = build("release")
    with tempfile.TemporaryDirectory(prefix="edgeimg-overhead-") as temporary:
        config, frame = Path(temporary, "config.json"), Path(temporary, "frame")
        write_config(
            config,
            model=model.absolute(),
            inputs=[PlannedInput(tensor=each, image=None) for each in inputs],
            outputs=[
                PlannedOutput(tensor=each, softmax=False, top_k=1, labels=()) for each in outputs
            ],
        )
        config.write_text(json.dumps({**json.loads(config.read_text()), "kernels": mode}))
        frame.write_bytes(b"\x07" * sum(byte_size(each) for each in inputs))
        done = subprocess.run(
            [folder / "tests/bare_benchmark", config, frame, str(ROUNDS)],
            capture_output=True,
            text=True,
            env=environment(folder),
            check=False,
        )
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout))


def main() -> None:
    models = [Path(each) for each in sys.argv[1:]] or [ROOT / "models/digits/digits_int8.tflite"]
    print("| model | kernels | bare call p50 | app's call | whole frame |")
    print("|---|---|---|---|---|")
    for model in models:
        for mode in ("reference", "default"):
            found = measure(model, mode)
            bare = found["bare_ms"]

            def more(name: str, found: dict[str, float] = found, bare: float = bare) -> str:
                extra = found[name] - bare
                return f"{extra * 1000:+.2f} us ({extra / bare:+.2%})"

            print(
                f"| {model.name} | {mode} | {bare:.4f} ms | {more('invoke_ms')} | "
                f"{more('frame_ms')} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
