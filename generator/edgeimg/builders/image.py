"""What a build made, and one edgeimg a project at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from edgeimg.errors import InternalError, UserError
from edgeimg.manifest.load import shown
from edgeimg.manifest.product import Budgets


@dataclass(frozen=True, kw_only=True)
class Image:
    """The files that a build made.

    Attributes:
        disk: the disk image, as it is written to a medium.
        compressed: the same, compressed.
        kernel, initrd: for booting without the disk's own boot chain.
        root: the compressed root file system.
        cmdline: the kernel command line.
        shown: what a person is told of, by what it is.
    """

    disk: Path
    compressed: Path
    kernel: Path
    initrd: Path
    root: Path
    cmdline: str
    shown: tuple[tuple[str, Path], ...]


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Holds the project folder; a second edgeimg on it is refused.

    The lock is the kernel's: it ends with its process, however that ends.

    Raises:
        UserError: another process holds it, or the folder cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.parent / f".{folder.name}.lock")
        lock.acquire(timeout=0)
    except Timeout:
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
        lock.release()


def check_budgets(budgets: Budgets, image: Image) -> None:
    """Compares the sizes with the product's limits.

    Raises:
        InternalError: one is over; the image stays.
    """
    limits = (
        ("image_mib", budgets.image_mib, image.compressed),
        ("root_mib", budgets.root_mib, image.root),
    )
    for key, limit, path in limits:
        size = path.stat().st_size / (1 << 20)
        if limit is not None and size > limit:
            raise InternalError(
                f"{path.name} has {size:.2f} MiB, over budgets.{key} of {limit:g}",
                hint="Take something out, or raise the budget.",
            )
