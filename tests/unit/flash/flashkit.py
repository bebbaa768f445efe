"""Images, and block devices made of files."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edgeimg.events import Event, Progress
from edgeimg.flash.devices import devices

MIB = 1 << 20


def make_image(path: Path, mib: int = 24, *, data: int = 1) -> Path:
    """A sparse disk image: a boot sector, and stretches of random bytes, to the very end."""
    source = random.Random(mib)
    with path.open("wb") as file:
        file.truncate(mib * MIB)
        for offset in (0, 5 * MIB, mib * MIB - data * MIB):
            file.seek(offset)
            file.write(source.randbytes(data * MIB))
        file.seek(510)
        file.write(b"\x55\xaa")
    return path


def make_map(image: Path) -> Path:
    path = image.with_name(f"{image.name}.bmap")
    subprocess.run(["bmaptool", "--quiet", "create", "-o", path, image], check=True)
    return path


def packed(image: Path, end: str) -> Path:
    program = {".zst": "zstd", ".gz": "gzip", ".xz": "xz", ".bz2": "bzip2"}[end]
    with image.open("rb") as source, image.with_name(f"{image.name}{end}").open("wb") as target:
        subprocess.run([program, "-1", "-c"], stdin=source, stdout=target, check=True)
    return Path(target.name)


@contextmanager
def loop(backing: Path, *options: str) -> Iterator[str]:
    """A loop device of the kernel's; the test is skipped where there is none to be had."""
    command = ["losetup", "--show", "--find", *options, str(backing)]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as problem:
        pytest.skip(f"no losetup here: {problem}")
    if made.returncode != 0:
        pytest.skip(f"no loop devices here: {made.stderr.strip()}")
    device = made.stdout.strip()
    try:
        if not Path(device).is_block_device() or device not in {one.path for one in devices()}:
            pytest.skip(f"no node, or no entry of lsblk's, for {device}")
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *arguments, folder], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def sparse(path: Path, mib: int) -> Path:
    with path.open("wb") as file:
        file.truncate(mib * MIB)
    return path


def at_first(name: str, act: Callable[[], None]) -> Callable[[Event], None]:
    """A report that acts once, when the step has begun to move."""
    done = []

    def report(event: Event) -> None:
        if isinstance(event, Progress) and event.name == name and event.done and not done:
            done.append(event)
            act()

    return report


def kill_child(name: str) -> None:
    """The plug is pulled on a program of ours."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "stat").read_text().rpartition(") ")[2].split()
            if words[1] == str(os.getpid()) and name in (folder / "cmdline").read_text():
                os.kill(int(folder.name), 9)
