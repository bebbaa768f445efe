"""Drives the emitted project's own Makefile; Buildroot's step lines become events."""

from __future__ import annotations

import os
import re
from pathlib import Path

from edgeimg.builders.buildroot.render import command_line
from edgeimg.builders.image import Image, plain_environment
from edgeimg.cache import Cache
from edgeimg.errors import InternalError
from edgeimg.events import Log, Progress, Report, Step
from edgeimg.manifest.load import shown
from edgeimg.plan.plan import Plan
from edgeimg.process import last_lines, run

STEP = re.compile(r"edgeimg: step (\S+)")
# Buildroot's own: ">>> busybox 1.37.0 Building", in bold on a terminal.
BUILDROOT = re.compile(r"(?:\x1b\[7m)?>>> (\S*) (\S*) ?([A-Z][^\x1b]*)")


def build(plan: Plan, folder: Path, *, offline: bool, report: Report) -> Image:
    """Runs `make` in the emitted project.

    Raises:
        InternalError: a step failed; the package, the step, and where the log is.
    """
    log = folder / "build" / "edgeimg.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    checkout = os.environ.get("EDGEIMG_BUILDROOT")
    flags = [f"BR2_DL_DIR={Cache().folder('buildroot-downloads')}"]
    flags += [f"BR2_CCACHE_DIR={Cache().folder('ccache')}"]
    args = ["make", "-C", str(folder), "--no-print-directory", f"BR_FLAGS={' '.join(flags)}"]
    if checkout:
        args.append(f"BUILDROOT={checkout}")
    with log.open("w", encoding="utf-8", errors="replace") as file:

        def on_line(line: str) -> None:
            file.write(f"{line}\n")
            _report(line, report)

        done = run(args, env=plain_environment(), check=False, on_line=on_line)
    if done.status != 0:
        raise InternalError(
            f"the build failed: {last_lines(done.stdout + done.stderr, 3)}",
            hint=f"Log: {shown(log)}.",
        )
    return image(plan, folder)


def image(plan: Plan, folder: Path) -> Image:
    """The image that a build in `folder` made."""
    images = folder / "build" / "images"
    disk = images / f"{plan.product}.img"
    compressed = disk.with_name(f"{disk.name}.zst")
    root = next(iter(sorted(images.glob("root.*"))), images / "root")
    return Image(
        disk=disk,
        compressed=compressed,
        kernel=images / "kernel",
        initrd=None,
        root=root,
        cmdline=command_line(plan),
        shown=(("disk image", disk), ("compressed", compressed), ("root file system", root)),
    )


def _report(line: str, report: Report) -> None:
    if step := STEP.match(line):
        report(Step(name=step[1]))
    elif found := BUILDROOT.match(line):
        report(Progress(name="build", done=0, total=0, detail=f"{found[1]} {found[3]}"))
    else:
        report(Log(line=line))
