"""Drives the emitted project's own Makefile; its lines become events."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from edgeimg.builders.debian.render import command_line
from edgeimg.builders.image import Image, log_file, plain_environment
from edgeimg.cache import Cache
from edgeimg.errors import InternalError
from edgeimg.events import Log, Progress, Report, Step
from edgeimg.manifest.load import shown
from edgeimg.plan.plan import Plan
from edgeimg.prepare.inputs import mirror_of
from edgeimg.process import last_lines, run

COUNT = re.compile(r"edgeimg: (fetch|app) (\d+)/(\d+) (\S+)")
STEP = re.compile(r"edgeimg: step (\S+)")
ERROR = re.compile(r"edgeimg: ([a-z]+: .*)")


def build(plan: Plan, folder: Path, *, offline: bool, report: Report) -> Image:
    """Runs `make` in the emitted project.

    Raises:
        InternalError: a step failed; its message, and where the log is.
    """
    log = folder / "build" / "edgeimg.log"
    downloads = Cache().downloads
    with log_file(log) as file:

        def on_line(line: str) -> None:
            file.write(f"{line}\n")
            _report(line, report)

        args = ["make", "-C", str(folder), "--no-print-directory", f"-j{os.cpu_count() or 1}"]
        args += [f"DOWNLOADS={downloads}"]
        if mirror := mirror_of(plan):
            args += [f"MIRROR={mirror}"]
        if offline:
            args += ["OFFLINE=yes"]
        env = {**plain_environment(), **_compiler_cache(folder)}
        done = run(args, env=env, check=False, on_line=on_line)
    if done.status != 0:
        raise _failure(done.stdout + done.stderr, log)
    return image(plan, folder)


def image(plan: Plan, folder: Path) -> Image:
    """The image that a build in `folder` made."""
    images = folder / "build" / "images"
    disk = images / f"{plan.product}.img"
    compressed = disk.with_name(f"{disk.name}.zst")
    root = folder / "build" / "root.squashfs"
    return Image(
        disk=disk,
        compressed=compressed,
        kernel=images / "kernel",
        initrd=images / "initrd.img",
        root=root,
        cmdline=command_line(plan),
        shown=(("disk image", disk), ("compressed", compressed), ("root file system", root)),
    )


def _compiler_cache(folder: Path) -> dict[str, str]:
    """What has CMake compile through ccache, where there is one: the app is the same source in
    each product, and is compiled once for an architecture.

    Paths below the project's folder do not count; in the object files there are none.
    """
    if shutil.which("ccache") is None:
        return {}
    launcher = {f"CMAKE_{language}_COMPILER_LAUNCHER": "ccache" for language in ("C", "CXX")}
    return {
        **launcher,
        "CCACHE_DIR": str(Cache().folder("ccache")),
        "CCACHE_BASEDIR": str(folder.resolve()),
        "CCACHE_DEPEND": "1",  # a first compilation takes no longer than without: no preprocessing
    }


def _report(line: str, report: Report) -> None:
    if found := COUNT.match(line):
        name, done, total, detail = found.groups()
        report(Progress(name=name, done=int(done), total=int(total), detail=detail))
    elif step := STEP.match(line):
        report(Step(name=step[1]))
    else:
        report(Log(line=line))


def _failure(text: str, log: Path) -> InternalError:
    said = [match[1] for line in text.splitlines() if (match := ERROR.match(line))]
    said = [line for line in said if not line.startswith(("step", "fetch: step"))]
    message = said[0] if said else last_lines(text, 3).replace("\n", "; ")
    return InternalError(f"the build failed: {message}", hint=f"Log: {shown(log)}.")


def command(folder: Path) -> str:
    """What builds the project without edgeimg."""
    return f"make -C {shown(folder)}"
