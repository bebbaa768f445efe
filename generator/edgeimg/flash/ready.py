"""Whether an image may be written to a device, decided before anything is."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeimg.errors import UserError
from edgeimg.flash.bmap import BlockMap
from edgeimg.flash.devices import Device, backing_file, human
from edgeimg.flash.image import ImageFile
from edgeimg.manifest.load import shown


def check_device(device: Device, image: ImageFile) -> None:
    """What needs neither the image's size nor any right.

    Raises:
        UserError: the device is never written, or holds the image itself.
    """
    if device.refused:
        raise UserError(device.refused, place=device.path, hint=device.hint)
    file = backing_file(device)
    if file and os.path.exists(file) and os.path.samefile(file, image.path):  # noqa: PTH110, PTH121
        raise UserError("is the image itself", place=device.path, hint="Name another device.")


def check_room(device: Device, image: ImageFile) -> None:
    """What can be said of the size without reading all of an image.

    Raises:
        UserError: the image is larger than the device.
    """
    if image.size is not None and image.size > device.size:
        raise _too_large(device, f"{image.size} ({human(image.size)})")


def _too_large(device: Device, size: str) -> UserError:
    return UserError(
        f"has {device.size} bytes ({human(device.size)}), and the image {size}",
        place=device.path,
        hint="Take a larger one.",
    )


def check_size(device: Device, image: ImageFile, block_map: BlockMap) -> None:
    """Raises:
    UserError: the image is larger than the device, or not the one of its map.
    """
    if image.size not in (None, block_map.size):
        raise UserError(
            f"has {image.size} bytes, and its map {shown(block_map.path)} is for {block_map.size}",
            place=shown(image.path),
            hint="Build or fetch both again.",
        )
    if block_map.size > device.size:
        raise _too_large(device, f"{block_map.size} ({human(block_map.size)})")


def check_programs() -> None:
    """Before anybody is asked anything.

    Raises:
        UserError: what writes is missing.
    """
    if shutil.which("bmaptool") is None:
        raise UserError(
            "the program 'bmaptool' is missing", hint="It is Debian's package bmap-tools."
        )


def may_write(device: Device) -> bool:
    """Whether this user may write it; nothing is opened."""
    return os.access(device.path, os.R_OK | os.W_OK)


def as_root(arguments: Sequence[str | Path]) -> list[str]:
    """The command that runs `edgeimg` with these arguments as root.

    It is this very Python, that nothing of the folder where it is called comes into, and that
    leaves no files of root's behind.
    """
    words = ["sudo", sys.executable, "-P", "-B", "-m", "edgeimg"]
    return [*words, *(str(one) for one in arguments)]
