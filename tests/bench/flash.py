"""What `edgeimg flash` costs over plain bmaptool: `python -m tests.bench.flash`.

Both write one image with one map to one loop device and sync it, in turn, each first as often as
the other, and each begins without a page of the device in memory. Image and device are in memory
where /dev/shm has the room: a disk that is shared or slowed down takes now twice, now once the
time for the same. The kernel then makes the device as slow as a quick card, where it can (blkio's
throttle of the first cgroups); where it cannot, the medium is quicker than any card, and the
overhead shows most.

Compared is the writing alone, `edgeimg` from the start of bmaptool to its end against bmaptool
from its start to its end. Reading back is what bmaptool does not do: a figure of its own, and so
is everything else that the command does.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 1 << 20
IMAGE_MIB = 640  # three quarters of it are data
TIMES = 6
CARD = 60 * MIB  # bytes a second that a quick SD card writes
BLKFLSBUF = 0x1261  # of linux/fs.h
MEMORY = Path("/dev/shm")
THROTTLE = Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")


def make(folder: Path) -> tuple[Path, Path]:
    """An image, and its map."""
    image, block_map = folder / "bench.img", folder / "bench.img.bmap"
    source = random.Random(1)
    with image.open("wb") as file:
        for _ in range(IMAGE_MIB // 4):
            file.write(source.randbytes(3 * MIB))
            file.seek(MIB, 1)
        file.truncate()
        file.seek(510)
        file.write(b"\x55\xaa")
    subprocess.run(["bmaptool", "-q", "create", "-o", block_map, image], check=True)
    return image, block_map


def forget(device: str) -> None:
    """What was written is on the medium, and nothing of it in memory."""
    os.sync()
    with open(device, "rb") as file:  # noqa: PTH123
        fcntl.ioctl(file, BLKFLSBUF)


def throttle(device: str, rate: int) -> bool:
    """Whether the kernel lets no more than `rate` bytes a second onto the device; 0: all."""
    number = Path(device).stat().st_rdev
    try:
        THROTTLE.write_text(f"{os.major(number)}:{os.minor(number)} {rate}")
    except OSError:
        return False
    return True


def plain(image: Path, block_map: Path, device: str) -> float:
    forget(device)
    began = time.perf_counter()
    subprocess.run(["bmaptool", "-q", "copy", "--bmap", block_map, image, device], check=True)
    return time.perf_counter() - began


def ours(image: Path, device: str) -> tuple[float, float, float]:
    """Seconds of writing, of verifying, and of all else."""
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
    write, verify = found["write_seconds"], found["verify_seconds"]
    return write, verify, whole - write - verify


def measure() -> tuple[str, str]:
    """The overhead of writing as the figure's text, and the rest."""
    enough = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 3 * IMAGE_MIB * MIB
    with tempfile.TemporaryDirectory(dir=MEMORY if enough else None) as name:
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
        base: list[float] = []
        found: list[tuple[float, float, float]] = []
        try:
            plain(image, block_map, device)  # the backing file gets its blocks
            speed = f"{CARD // MIB} MiB/s" if throttle(device, CARD) else "memory's speed"
            for turn in range(2 * TIMES):
                if turn % 4 in (0, 3):  # what comes second may find a warmer machine
                    base.append(plain(image, block_map, device))
                else:
                    found.append(ours(image, device))
        finally:
            throttle(device, 0)
            subprocess.run(["losetup", "--detach", device], check=True)
    write, verify, rest = (statistics.median(one[part] for one in found) for part in range(3))
    middle, quickest = statistics.median(base), min(one[0] for one in found) / min(base)
    return (
        f"{100 * (write / middle - 1):+.1f} % ({write:.2f} s, bmaptool {middle:.2f} s, {speed})",
        f"the quickest {100 * (quickest - 1):+.1f} %, verify {verify:.2f} s, all else {rest:.2f} s",
    )


if __name__ == "__main__":
    print("; ".join(measure()))
