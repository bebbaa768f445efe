"""What the running system has on its devices: mounts, swap, the home folder."""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SYSTEM = ("/", "/boot", "/boot/efi", "/efi", "/usr", "/var", "/home")
MOUNTED = "mounted at "


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A line of /proc/self/mountinfo."""

    number: str
    folder: str
    source: str
    options: str


def uses() -> dict[str, tuple[str, ...]]:
    """By number (`8:1`) what lies there: `/boot`, `swap`, `mounted at /media/x`."""
    mounts = parse_mounts(_read("/proc/self/mountinfo"))
    return of_mounts(mounts, _btrfs(), homes(), _read("/proc/swaps"))


def homes() -> tuple[str, ...]:
    """The home folders of who runs this, also of who runs it through sudo."""
    found = [os.environ.get("HOME", "")]
    for user in (os.environ.get("SUDO_UID", ""), str(os.getuid())):
        with suppress(KeyError, ValueError):
            found.append(pwd.getpwuid(int(user)).pw_dir)
    return tuple(dict.fromkeys(os.path.realpath(one) for one in found if one.startswith("/")))


def parse_mounts(text: str) -> tuple[Mount, ...]:
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        words, more = left.split(" "), right.split(" ")
        if len(words) < 6 or len(more) < 2:
            continue
        found.append(
            Mount(
                number=words[2],
                folder=_plain(words[4]),
                source=_plain(more[1]),
                options=_plain(more[2]) if len(more) > 2 else "",
            )
        )
    return tuple(found)


def of_mounts(
    mounts: Iterable[Mount], btrfs: Iterable[frozenset[str]], homes: Iterable[str], swaps: str
) -> dict[str, tuple[str, ...]]:
    """The same from what was read.

    Args:
        btrfs: the numbers of the devices of each mounted btrfs; mountinfo names one of them.
        homes: folders that count as the system's.
        swaps: /proc/swaps.
    """
    mounts = tuple(mounts)
    found: dict[str, list[str]] = defaultdict(list)
    groups = tuple(btrfs)
    for mount in mounts:
        name = mount.folder if mount.folder in SYSTEM else f"{MOUNTED}{mount.folder}"
        for number in _numbers(mount, groups):
            found[number].append(name)
    for home in homes:
        for number in _of_path(home, mounts, groups):
            found[number].append("the home folder")
    for line in swaps.splitlines()[1:]:
        path = _plain(line.split()[0])
        own = _rdev(path)
        for number in [own] if own else _of_path(path, mounts, groups):
            found[number].append("swap")
    # What the system needs comes first: it is the reason that is given.
    return {
        number: tuple(sorted(dict.fromkeys(names), key=lambda one: one.startswith(MOUNTED)))
        for number, names in found.items()
    }


def _numbers(mount: Mount, btrfs: tuple[frozenset[str], ...]) -> set[str]:
    """The devices under a mount: its own, its source's, and those below an overlay."""
    found = {mount.number}
    # bcachefs joins its devices with colons; a by-path name may hold one itself.
    for source in (mount.source, *mount.source.split(":")):
        if source.startswith("/") and (number := _rdev(source)):
            found.add(number)
    for group in btrfs:
        if found & group:
            found |= group
    layers = re.findall(r"(?:lowerdir|upperdir|datadir)\+?=([^,]*)", mount.options)
    for folder in (one for layer in layers for one in layer.split(":") if one):
        with suppress(OSError):
            device = Path(folder).stat().st_dev
            found.add(f"{os.major(device)}:{os.minor(device)}")
    return found


def _of_path(path: str, mounts: tuple[Mount, ...], btrfs: tuple[frozenset[str], ...]) -> set[str]:
    """The devices of the file system that a path lies on."""
    holding = [one for one in mounts if os.path.commonpath((one.folder, path)) == one.folder]
    if not holding:
        return set()
    longest = max(len(one.folder) for one in holding)
    # Of several at one place the last one is seen.
    return _numbers([one for one in holding if len(one.folder) == longest][-1], btrfs)


def _btrfs() -> list[frozenset[str]]:
    found = []
    for folder in Path("/sys/fs/btrfs").glob("*/devices"):
        numbers = {_read(str(one / "dev")).strip() for one in folder.iterdir()}
        found.append(frozenset(numbers - {""}))
    return found


def _rdev(path: str) -> str:
    with suppress(OSError):
        found = Path(path).stat()
        if stat.S_ISBLK(found.st_mode):
            return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return ""


def _plain(word: str) -> str:
    """Without the kernel's octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
