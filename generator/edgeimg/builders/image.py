"""What a build made, and one edgeimg a project at a time."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from edgeimg.errors import InternalError, UserError
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import shown
from edgeimg.manifest.product import Budgets


@dataclass(frozen=True, kw_only=True)
class Image:
    """The files that a build made.

    Attributes:
        disk: the disk image, as it is written to a medium.
        compressed: the same, compressed.
        kernel, initrd: for booting without the disk's own boot chain; some need no initrd.
            No kernel: QEMU cannot boot it.
        root: the compressed root file system, where it is a file of its own.
        cmdline: the kernel command line.
        firmware: the disk has what firmware starts; else QEMU boots the kernel only.
        shown: what a person is told of, by what it is.
        identity: what the image carries in /etc/edgeimg/image.
    """

    disk: Path
    compressed: Path
    kernel: Path | None
    initrd: Path | None
    root: Path | None
    cmdline: str
    shown: tuple[tuple[str, Path], ...]
    identity: str = ""
    firmware: bool = True


@contextmanager
def log_file(log: Path) -> Iterator[TextIO]:
    """The log, open to be written line by line, as it is read meanwhile; a full disk names it."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", 1, encoding="utf-8", errors="replace") as file:
            yield file
    except OSError as error:
        error.filename = error.filename or shown(log)
        raise


# make splits at blanks; the others mean something to cmake or to the shell.
UNFIT = re.compile(r"""[\s"#$&'()*;<>?[\\\]`|]""")


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Holds the project folder; a second edgeimg on it is refused.

    The lock is the kernel's: it ends with its process, however that ends.

    Raises:
        UserError: another process holds it, the folder cannot be made, or has a path
            that make and cmake do not take.
    """
    folder = folder.resolve()  # a link to it is no second project
    if UNFIT.search(str(folder)):
        raise UserError(
            """make and cmake need a path without blanks or any of "#$&'()*;<>?[\\]`|""",
            place=str(folder),  # what is wrong may be above where we are
            hint="Name another folder with --project.",
        )
    path = folder.parent / f".{folder.name}.lock"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        held = _lock(path, folder)
    except BlockingIOError:
        raise UserError(
            "another edgeimg works on this project",
            place=shown(folder),
            hint="Wait for it, or name another folder with --project.",
        ) from None
    except OSError as error:
        raise UserError(f"cannot be made: {error.strerror}", place=shown(folder)) from None
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(held)


def _lock(path: Path, folder: Path) -> int:
    """The locked file's descriptor; the file goes when it is released."""
    while True:
        try:
            held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            if not folder.is_dir() or not os.access(folder, os.W_OK):
                raise
            # What is above is another's, as where a container was given this folder.
            path = folder
            held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(held), path.stat()):
                return held
        except BaseException:
            os.close(held)
            raise
        os.close(held)  # its last holder removed it just now


def check_limits(board: Board, budgets: Budgets, image: Image) -> None:
    """Compares the sizes with the board's storage and the product's budgets.

    Raises:
        InternalError: one is over; the image stays.
    """
    limits = (
        ("the board's storage_mib", board.storage_mib, image.disk),
        ("budgets.image_mib", budgets.image_mib, image.compressed),
        ("budgets.root_mib", budgets.root_mib, image.root),
    )
    for key, limit, path in limits:
        if path is None:
            continue
        size = path.stat().st_size / (1 << 20)
        if limit is not None and size > limit:
            raise InternalError(
                f"{path.name} has {size:.2f} MiB, over {key} of {limit:g}",
                hint="Take something out, or raise the limit.",
            )


# What the project's programs may see of our environment: no virtual environment, no flags.
KEPT = ("HOME", "USER", "TERM", "LANG", "TMPDIR", "SSL_CERT_FILE", "CURL_CA_BUNDLE")


def plain_environment() -> dict[str, str]:
    """The environment that a project's own programs are run in."""
    kept = {
        key: value for key, value in os.environ.items() if key in KEPT or "proxy" in key.lower()
    }
    return {**kept, "PATH": _plain_path()}


def _plain_path() -> str:
    """PATH without the virtual environment that we may run in."""
    ours = os.environ.get("VIRTUAL_ENV")
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    kept = [part for part in parts if part and not (ours and Path(part).is_relative_to(ours))]
    return os.pathsep.join(kept)
