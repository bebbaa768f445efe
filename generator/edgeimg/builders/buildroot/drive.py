"""Drives the emitted project's own Makefile: a checkout, shared folders, and its lines."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgeimg.builders.buildroot.checkout import find_checkout
from edgeimg.builders.buildroot.follow import Follower
from edgeimg.builders.buildroot.kconfig import explain
from edgeimg.builders.buildroot.render import command_line
from edgeimg.builders.image import Image, log_file, plain_environment
from edgeimg.cache import Cache
from edgeimg.errors import UserError, UserErrors
from edgeimg.events import Report
from edgeimg.manifest.load import shown
from edgeimg.plan.plan import Plan
from edgeimg.process import run


def build(plan: Plan, folder: Path, *, offline: bool, report: Report) -> Image:
    """Runs `make` in the emitted project.

    Raises:
        UserError: what cannot work, before Buildroot builds: its release, a path, a symbol.
        InternalError: a package failed; which, in which step, its last lines as a note.
    """
    _drive(plan, folder, "all", offline=offline, report=report)
    _keep_wheel(plan)
    return image(plan, folder)


def configure(plan: Plan, folder: Path, *, offline: bool, report: Report) -> list[str]:
    """Configures the emitted project; the words that run its Makefile, without a target.

    Raises:
        UserError: as for `build`.
    """
    return _drive(plan, folder, "config", offline=offline, report=report)


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


def _drive(plan: Plan, folder: Path, target: str, *, offline: bool, report: Report) -> list[str]:
    """Runs `make TARGET`; the words that do it, without the target."""
    assert plan.buildroot is not None
    checkout = find_checkout(plan.buildroot.release, offline=offline, report=report)
    folder = folder.resolve()
    log = folder / "build" / "edgeimg.log"
    _lend_wheel(plan)
    make = ["make", "-C", str(folder), "--no-print-directory", *_variables(checkout)]
    if offline:
        make.append("OFFLINE=yes")
    output = folder / "build" / "output"
    follower = Follower(report=report, project=folder, output=output)
    with log_file(log) as file:

        def on_line(line: str) -> None:
            file.write(f"{line}\n")
            follower.line(line)

        done = run([*make, target], env=plain_environment(), check=False, on_line=on_line)
    if follower.dropped:
        places = plan.buildroot.asked
        raise UserErrors(explain(follower.dropped, places, checkout, output))
    if done.status != 0:
        raise follower.failure(shown(log))
    return make


def _variables(checkout: Path) -> list[str]:
    """What the project's Makefile is told of this machine.

    Raises:
        UserError: the cache has a path that make splits.
    """
    if len(str(Cache().root).split()) != 1:
        raise UserError(
            "make needs a path without blanks",
            place=shown(Cache().root),
            hint="Set EDGEIMG_CACHE to another folder.",
        )
    return [
        f"BUILDROOT={checkout}",
        f"DOWNLOADS={_downloads()}",
        f"CCACHE={Cache().folder('ccache')}",
    ]


def _downloads() -> Path:
    return Cache().folder("buildroot-downloads")


def _wheel(plan: Plan) -> tuple[str, Path] | None:
    """The runtime's wheel: its SHA-256, and where Buildroot looks for it."""
    wheel = plan.runtime.wheel
    if wheel is None:
        return None
    return wheel.sha256, _downloads() / plan.runtime.name / wheel.file


def _lend_wheel(plan: Plan) -> None:
    """What edgeimg has downloaded, Buildroot need not download again."""
    if (wheel := _wheel(plan)) and not wheel[1].exists() and (found := Cache().download(wheel[0])):
        _copy(found, wheel[1])


def _keep_wheel(plan: Plan) -> None:
    """And the other way round; Buildroot has checked its hash."""
    if (wheel := _wheel(plan)) and wheel[1].exists() and not Cache().download(wheel[0]):
        _copy(wheel[1], Cache().downloads / wheel[0])


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, new)
    new.replace(target)


def command(folder: Path) -> str:
    """What builds the project without edgeimg."""
    return f"make -C {shown(folder)}"
