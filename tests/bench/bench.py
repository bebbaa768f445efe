"""`make bench`: the figures of the README, measured here and now.

Each line says what was measured, the limit it is held to, and what came out. Timings
depend on the machine: run it on an idle one, and compare only within one run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

EDGEIMG = Path(sys.executable).parent / "edgeimg"
PRODUCT = """\
version: 1
name: digits
board: qemu-arm64
models: [./digits.yaml]
features: {read-only-root: {}}
"""


def run(folder: Path, *arguments: str, cache: Path) -> tuple[float, str]:
    """Seconds from start to exit, and standard output."""
    env = {**os.environ, "EDGEIMG_CACHE": str(cache)}
    began = time.perf_counter()
    done = subprocess.run(
        [EDGEIMG, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, done.stdout


def median(folder: Path, *arguments: str, cache: Path, times: int = 5) -> float:
    return statistics.median(run(folder, *arguments, cache=cache)[0] for _ in range(times))


def show(what: str, limit: str, found: str) -> None:
    print(f"| {what} | {limit} | {found} |", flush=True)


def changed_model(folder: Path) -> None:
    """Another model file of the same kind: a letter of its description changes case."""
    path = folder / "digits_int8.tflite"
    data = bytearray(path.read_bytes())
    data[data.index(b"andwritten") - 1] ^= 0x20
    path.write_bytes(data)
    manifest = folder / "digits.yaml"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if not line.startswith("sha256:")))


def first_inference(folder: Path, cache: Path, boot: str) -> float:
    found = []
    for _ in range(5):
        _, out = run(folder, "verify", "--boot", boot, "--output", "json", cache=cache)
        found.append(float(json.loads(out)["first_inference_seconds"]))
    return statistics.median(found)


def main(arguments: Sequence[str]) -> None:
    from edgeimg.resources import data

    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "product", Path(name) / "cache"
        folder.mkdir()
        subprocess.run(["cp", "-r", f"{data('models') / 'digits'}/.", folder], check=True)
        (folder / "edgeimg.yaml").write_text(PRODUCT)
        print("| what | at most | measured |\n|---|---|---|", flush=True)
        cold, _ = run(folder, "build", cache=cache)
        show("build, cold, downloads included", "25 s", f"{cold:.1f} s")
        show("`edgeimg check`", "0.4 s", f"{median(folder, 'check', cache=cache):.2f} s")
        generate = median(folder, "generate", cache=cache)
        show("`edgeimg generate`, inputs prepared", "0.5 s", f"{generate:.2f} s")
        nothing = median(folder, "build", cache=cache)
        show("build, nothing changed", "1 s", f"{nothing:.2f} s")
        changes = []
        for _ in range(3):
            changed_model(folder)
            changes.append(run(folder, "build", cache=cache)[0])
        show("build, model changed", "4 s", f"{statistics.median(changes):.1f} s")
        project = folder / "build/digits-qemu-arm64/build"
        disk = (project / "images/digits.img.zst").stat().st_size / 1e6
        root = (project / "root.squashfs").stat().st_size / 1e6
        show("disk image, zstd", "20 MB", f"{disk:.1f} MB")
        show("root file system, compressed", "6 MB", f"{root:.1f} MB")
        for boot, limit in (("kernel", "1.8 s"), ("disk", "2.6 s")):
            seconds = first_inference(folder, cache, boot)
            show(f"QEMU's start to first inference, {boot} boot", limit, f"{seconds:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
