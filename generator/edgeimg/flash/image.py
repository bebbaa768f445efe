"""An image file: how it is packed, how large it is, and whether it is one."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgeimg.errors import UserError
from edgeimg.manifest.load import shown
from edgeimg.process import spawn

# What writes a packed file's content to standard output, by the end of its name; bmaptool
# goes by the name as well.
UNPACK = {
    ".zst": ("zstd", "--quiet", "--decompress", "--stdout"),
    ".gz": ("gzip", "--decompress", "--stdout"),
    ".xz": ("xz", "--decompress", "--stdout"),
    ".bz2": ("bzip2", "--decompress", "--stdout"),
}
MAGIC = {
    b"\x28\xb5\x2f\xfd": ".zst",
    b"\x50\x2a\x4d\x18": ".zst",  # a frame that is skipped, which pzstd begins with
    b"\x1f\x8b": ".gz",
    b"\xfd7zXZ\x00": ".xz",
    b"BZh": ".bz2",
}
OTHER = "A board whose image is an archive is flashed over USB: name it with --board."
AGAIN = "Build or fetch it again."
# Not images: what bmaptool would unpack, and write what is in it one after the other.
ARCHIVES = (".tar", ".tgz", ".tbz", ".tbz2", ".tb2", ".txz", ".tzo", ".tlz4", ".tzst", ".zip")
TAR_AT, TAR = 257, b"ustar"
HEAD = 4096


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A disk image, packed or not.

    Attributes:
        packed: the end of its name that says how: `.zst`, or empty.
    """

    path: Path
    packed: str

    @property
    def size(self) -> int | None:
        """Its size on the device, where that is known without unpacking it."""
        return None if self.packed else self.path.stat().st_size


def open_image(path: Path) -> ImageFile:
    """Looks at the first bytes of what would be written.

    Raises:
        UserError: it is not there, is not called what it is, or is no disk image.
    """
    try:
        # Before it is opened: of a pipe that would never end.
        if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
            raise UserError("is not a file", place=shown(path), hint="Name the image's file.")
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise UserError(
            (error.strerror or "cannot be read").lower(),
            place=shown(path),
            hint="`edgeimg build` makes an image.",
        ) from None
    packed = path.suffix if path.suffix in UNPACK else ""
    name = path.name.removesuffix(packed)
    if name.endswith(ARCHIVES):
        raise UserError("is an archive and no disk image", place=shown(path), hint=OTHER)
    real = next((end for magic, end in MAGIC.items() if head.startswith(magic)), "")
    if real != packed:
        is_packed = f"is packed as {real}" if real else "is not packed"
        raise UserError(
            f"{is_packed} and is not called so",
            place=shown(path),
            hint=f"Give it the name {path.name.removesuffix(packed)}{real}.",
        )
    image = ImageFile(path=path, packed=packed)
    if packed:
        with content(image) as stream:
            head = stream.read(HEAD)
    if not head:
        raise UserError("is empty", place=shown(path), hint=AGAIN)
    if head[TAR_AT : TAR_AT + len(TAR)] == TAR:
        raise UserError("is an archive and no disk image", place=shown(path), hint=OTHER)
    return image


class Content:
    """An image's bytes, unpacked; they need not be read to the end."""

    def __init__(
        self, stream: IO[bytes], file: int, process: subprocess.Popen[bytes] | None
    ) -> None:
        self._stream, self._file, self._process = stream, file, process

    def read(self, count: int) -> bytes:
        """So many bytes; fewer at the end only.

        Raises:
            UserError: the file is cut off or spoilt.
        """
        data = self._stream.read(count)
        if len(data) < count and self._process is not None and self._process.wait() != 0:
            raise UserError("cannot be unpacked: it is cut off or spoilt", hint=AGAIN)
        return data

    @property
    def position(self) -> int:
        """How much of the file itself has been read."""
        # What unpacks reads through our descriptor: its position is ours.
        return os.lseek(self._file, 0, os.SEEK_CUR)


@contextmanager
def content(image: ImageFile) -> Iterator[Content]:
    """The image, to be read.

    Raises:
        UserError: what unpacks it is missing.
    """
    with image.path.open("rb") as file:
        if not image.packed:
            yield Content(file, file.fileno(), None)
            return
        words = UNPACK[image.packed]
        with spawn(words, stdin=file, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                yield Content(process.stdout, file.fileno(), process)
            except UserError as error:
                error.place = error.place or shown(image.path)
                raise
