"""What `edgeimg flash` costs over plain bmaptool: `python -m tests.bench.flash`.

Both write one image to one loop device, in turn, and sync it. Each begins without a page of the
device in memory: over cached pages bmaptool takes a quarter of the time, and our reading back
drops them. Compared is the writing, the fastest of each: what is slower waited for others. Reading
back is a figure of its own, and so is everything else that the command does.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 1 << 20
IMAGE_MIB = 640  # three quarters of it are data
TIMES = 6
BLKFLSBUF = 0x1261  # of linux/fs.h


def make(folder: Path) -> tuple[Path, Path]:
    """An image, and its map."""
    image, block_map = folder / "bench.img", folder / "bench.img.bmap"
    source = random.Random(1)
    with image.open("wb") as file:
        for _ in range(IMAGE_MIB // 4):
            file.write(source.randbytes(3 * MIB))
            file.seek(MIB, 1)
        file.truncate()
    subprocess.run(["bmaptool", "-q", "create", "-o", block_map, image], check=True)
    return image, block_map


def forget(device: str) -> None:
    """What was written is on the medium, and nothing of it in memory."""
    os.sync()
    with open(device, "rb") as file:  # noqa: PTH123
        fcntl.ioctl(file, BLKFLSBUF)


def plain(image: Path, block_map: Path, device: str) -> float:
    forget(device)
    began = time.perf_counter()
    subprocess.run(["bmaptool", "-q", "copy", "--bmap", block_map, image, device], check=True)
    return time.perf_counter() - began


def ours(image: Path, device: str) -> tuple[float, float, float]:
    """Seconds of writing, of verifying, and of the whole command."""
    words = ["--device", device, "--yes", "--not-removable", device, "--output", "json"]
    forget(device)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "edgeimg", "flash", image, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    whole = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout)
    return found["write_seconds"], found["verify_seconds"], whole


def _pair(
    image: Path, block_map: Path, device: str, *, first: bool
) -> tuple[float, tuple[float, float, float]]:
    """One of each; which is first alternates, as what comes second may find a warmer machine."""
    if first:
        return plain(image, block_map, device), ours(image, device)
    found = ours(image, device)
    return plain(image, block_map, device), found


def measure() -> tuple[str, str]:
    """The overhead of writing as the figure's text, and the rest."""
    with tempfile.TemporaryDirectory() as name:
        image, block_map = make(Path(name))
        card = Path(name) / "card"
        with card.open("wb") as file:
            file.truncate(IMAGE_MIB * MIB)
        made = subprocess.run(
            ["losetup", "--show", "--find", card], capture_output=True, text=True, check=False
        )
        if made.returncode:
            return f"not measured: {made.stderr.strip()}", ""
        device = made.stdout.strip()
        try:
            plain(image, block_map, device)  # the backing file gets its blocks
            pairs = [_pair(image, block_map, device, first=turn % 2 == 0) for turn in range(TIMES)]
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)
    base = min(seconds for seconds, _ in pairs)
    write, verify, whole = (min(found[part] for _, found in pairs) for part in range(3))
    rest = whole - write - verify
    return (
        f"{100 * (write / base - 1):+.1f} % ({write:.2f} s, bmaptool {base:.2f} s)",
        f"verify {verify:.2f} s, all else {rest:.2f} s",
    )


if __name__ == "__main__":
    print("; ".join(measure()))
