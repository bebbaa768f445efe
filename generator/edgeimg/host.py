"""The host: which programs are needed, which are here, and what the machine offers.

One list, `catalog/host.yaml`, is read by `edgeimg doctor` and by the Makefile.
"""

from __future__ import annotations

import locale
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANYTHING = "all"
SPEED = "speed only"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at: `ok`, `missing`, `old` or `note`."""

    what: str
    needed_for: str
    state: str
    found: str
    package: str = ""

    def serves(self, words: Collection[str]) -> bool:
        """Whether it is needed for one of these: a builder, an architecture."""
        return self.needed_for in (ANYTHING, SPEED) or self.needed_for in words


def read_tools(path: Path) -> list[dict[str, Any]]:
    """The list of `host.yaml`, in the flow style that it is written in."""
    import yaml

    tools: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["tools"]
    return tools


def packages_for(words: Collection[str], path: Path) -> list[str]:
    """Debian packages of the list that serve one of these words: a builder, an architecture."""
    return sorted(
        {str(tool["package"]) for tool in read_tools(path) if set(words) & set(tool["for"])}
    )


def check_tools(tools: Sequence[dict[str, Any]]) -> list[Check]:
    """Looks for each program and file, and asks for versions where one is demanded."""
    return [check for tool in tools for check in _check_tool(tool)]


def _check_tool(tool: dict[str, Any]) -> list[Check]:
    needed_for = ", ".join(tool["for"])
    package = str(tool["package"])
    checks = []
    for program in tool["programs"]:
        path = _which(program)
        state, found = ("missing", "") if path is None else ("ok", path)
        if path is not None and "minimum" in tool:
            version = _version(path)
            found = f"{path} {version}"
            if _numbers(version) < _numbers(tool["minimum"]):
                state, found = "old", f"{found}, {tool['minimum']} is needed"
        checks.append(
            Check(what=program, needed_for=needed_for, state=state, found=found, package=package)
        )
    for name in tool.get("files", []):
        state = "ok" if Path(name).is_file() else "missing"
        checks.append(
            Check(what=name, needed_for=needed_for, state=state, found="", package=package)
        )
    return checks


def _which(program: str) -> str | None:
    # mkfs.vfat and mke2fs lie in sbin, which a user's PATH may lack.
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def _version(path: str) -> str:
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "0"
    match = re.search(r"\d+(\.\d+)+|\b\d+\b", done.stdout + done.stderr)
    return match[0] if match else "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


# What a first build takes, and what BitBake does not start without.
YOCTO_GIB = 84.0
YOCTO_LOCALE = "en_US.UTF-8"


def has_locale(name: str) -> bool:
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_ALL, before)
    return True


def check_machine(cache: Path) -> list[Check]:
    """Disk, memory, locale, and whether KVM boots a guest."""
    free = shutil.disk_usage(cache).free / (1 << 30)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    encoding = sys.getfilesystemencoding()
    return [
        Check(
            what="free disk",
            needed_for="debian",
            found=f"{free:.1f} GiB",
            state="ok" if free > 2 else "missing",
        ),
        Check(
            what="memory",
            needed_for="debian",
            found=f"{memory:.1f} GiB",
            state="ok" if memory > 1.5 else "missing",
        ),
        Check(
            what="locale",
            needed_for=ANYTHING,
            found=encoding,
            state="ok" if encoding == "utf-8" else "missing",
        ),
        Check(
            what="free disk",
            needed_for="yocto",
            found=f"{free:.1f} GiB",
            state="ok" if free > YOCTO_GIB else "missing",
        ),
        Check(
            what=f"locale {YOCTO_LOCALE}",
            needed_for="yocto",
            found="",
            state="ok" if has_locale(YOCTO_LOCALE) else "missing",
        ),
        Check(what="KVM", needed_for=SPEED, state="note", found=kvm()),
    ]


# A boot sector that writes to the isa-debug-exit port: `mov al, 0x15; out 0xf4, al; hlt`.
BOOT_SECTOR = b"\xb0\x15\xe6\xf4\xf4" + bytes(505) + b"\x55\xaa"
BOOTED = (0x15 << 1) | 1


def kvm() -> str:
    """Whether KVM boots a guest, found out by booting one; /dev/kvm alone proves nothing."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "no /dev/kvm for this user; QEMU emulates"
    program = shutil.which("qemu-system-x86_64")
    if program is None or os.uname().machine != "x86_64":
        return "not tried; QEMU emulates"
    with tempfile.TemporaryDirectory() as folder:
        sector = Path(folder) / "boot.img"
        sector.write_bytes(BOOT_SECTOR)
        args = [program, "-accel", "kvm", "-display", "none", "-nodefaults", "-no-reboot"]
        args += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        args += ["-drive", f"file={sector},format=raw"]
        try:
            done = subprocess.run(args, capture_output=True, timeout=10, check=False)
        except subprocess.TimeoutExpired:
            return "/dev/kvm answers but boots no guest; QEMU emulates"
    if done.returncode == BOOTED:
        return "runs a guest's code; verify emulates all the same, so that answers repeat"
    return "/dev/kvm answers but boots no guest; QEMU emulates"
