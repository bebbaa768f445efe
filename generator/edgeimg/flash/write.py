"""Writes an image through bmaptool, then reads back what was written."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
import re
import selectors
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgeimg.errors import EdgeimgError, InternalError, Stopped, UserError
from edgeimg.events import Log, Progress, Report, Step
from edgeimg.flash.bmap import BlockMap, Range
from edgeimg.flash.image import ImageFile
from edgeimg.manifest.load import shown
from edgeimg.process import spawn

CHUNK = 4 << 20
POLL_SECONDS = 0.2
FLUSH_BUFFERS = 0x1261  # BLKFLSBUF of linux/fs.h
SAID = re.compile(r"(?:bmaptool: )?ERROR: (.*)")
COLOR = re.compile(r"\x1b\[[0-9;]*m")
# It says so before the first block.
BEGINS = "bmaptool: info: copying image"
INFORMS = re.compile(r"bmaptool: info:")


@contextmanager
def held(device: Path) -> Iterator[None]:
    """Keeps udev, and with it a desktop's automount, away from a device.

    See https://systemd.io/BLOCK_DEVICE_LOCKING/. The lock is the kernel's: it ends with us.

    Raises:
        UserError: somebody else holds it, or it is in use where we do not see it.
    """
    try:
        file = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(device, error) from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if device.is_block_device():
                # A mount in another namespace, a pool of ZFS: the kernel knows them all.
                os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EWOULDBLOCK):
                raise _unreadable(device, error) from None
            raise UserError(
                "is in use",
                place=str(device),
                hint="Another program or container has it: end that, or name another device.",
            ) from None
        yield
    finally:
        os.close(file)


def _unreadable(device: Path, error: OSError) -> UserError:
    text = (error.strerror or "cannot be opened").lower()
    return UserError(f"cannot be opened: {text}", place=str(device), hint="See `lsblk`.")


def half(device: Path) -> str:
    """What an ending in the middle leaves behind."""
    return f"{device} now holds a part of the image and does not boot; flash it again"


def write(image: ImageFile, block_map: BlockMap, device: Path, report: Report) -> None:
    """Writes the mapped ranges; what bmaptool reads is checked against the map as it goes.

    Raises:
        Stopped: the user stopped it.
        UserError: the image does not fit its map, the device failed or went away.
        InternalError: bmaptool failed otherwise.
    """
    total = block_map.mapped >> 20
    report(Step(name="write", detail=f"{total} MiB to {device}"))
    # Whole paths: bmaptool takes `-a.img` for an option.
    paths = [str(one.absolute()) for one in (block_map.path, image.path, device)]
    words = ["bmaptool", "copy", "--bmap", *paths]
    try:
        with (
            tempfile.TemporaryFile() as log,
            spawn(words, stdout=log, stderr=log) as process,
        ):
            done = 0
            place = _Place(process.pid, device)
            for _ in _ticks(process):
                # Less than before: its descriptor is closed before the process has gone.
                if (now := block_map.before(place.now()) >> 20) > done:
                    done = now
                    report(Progress(name="write", done=done, total=total, detail="MiB"))
            log.seek(0)
            lines = COLOR.sub("", log.read().decode(errors="replace")).splitlines()
    except KeyboardInterrupt:
        raise Stopped("stopped while it wrote", hint=f"{half(device)}.") from None
    for line in lines:
        report(Log(line=line))
    if process.returncode != 0:
        raise _failure(process.returncode, lines, image, block_map, device)
    report(Progress(name="write", done=total, total=total, detail="MiB"))


def _ticks(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Five times a second until it has ended; its end is seen at once."""
    # Popen's own wait with a time limit sleeps up to 50 ms too long.
    ending = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(ending, selectors.EVENT_READ)
            while not selector.select(POLL_SECONDS):
                yield
    finally:
        os.close(ending)
    process.wait()


class _Place:
    """Where in the device a process is.

    bmaptool's own bar needs a terminal, its pipe is broken in 3.6, its log no interface.
    """

    def __init__(self, process: int, device: Path) -> None:
        self._folder, self._node = Path(f"/proc/{process}"), device.stat()
        self._about = ""  # of its descriptor, once that is known: to look for it takes a while

    def now(self) -> int:
        """In bytes; 0 while it has not opened the device, or has closed it."""
        with suppress(OSError, ValueError):
            self._about = self._about or self._find()
            if self._about:
                with open(self._about, encoding="ascii") as file:  # noqa: PTH123
                    return int(file.readline().split()[1])  # pos: 0
        return 0

    def _find(self) -> str:
        for name in os.listdir(self._folder / "fd"):  # noqa: PTH208
            if os.path.samestat(os.stat(self._folder / "fd" / name), self._node):  # noqa: PTH116
                return str(self._folder / "fdinfo" / name)
        return ""


def _failure(
    status: int, lines: list[str], image: ImageFile, block_map: BlockMap, device: Path
) -> EdgeimgError:
    """What bmaptool's failure is for the user."""
    began = any(BEGINS in line for line in lines)
    text = " ".join(line for line in lines if not INFORMS.search(line))
    for path in (image.path, block_map.path):  # a name may hold any of the words
        text = text.replace(str(path.absolute()), "")
    after = half(device) if began else f"nothing was written to {device}"
    if gone(device):
        return UserError(
            "went away while it was written",
            place=str(device),
            hint=f"Look at cable, reader and power; {after}.",
        )
    for pattern, message, hint in KNOWN:
        if re.search(pattern, text):
            if block_map.made and "{bmap}" in message:
                message, hint = CHANGED
            place = str(device) if "device" in message else shown(image.path)
            words = message.format(bmap=shown(block_map.path))
            return UserError(words, place=place, hint=f"{hint} {after}.")
    said = [found[1] for line in lines if (found := SAID.search(line))]
    how = f"ended with status {status}" if status > 0 else "was killed"
    error = InternalError(
        f"bmaptool {how}{f': {said[-1]}' if said else ''}",
        place=str(device),
        hint=f"{after[0].upper()}{after[1:]}.",
    )
    error.add_note("\n".join(lines[-12:]))
    return error


CHANGED = ("has changed since it was read, a moment ago", "Wait for what writes it;")
# Words of bmaptool's, what they mean, and what to do.
KNOWN = (
    (
        r"checksum mismatch|does not belong to this image",
        "is not the image of {bmap}, or is spoilt",
        "Build or fetch both again;",
    ),
    (r"No space left on device", "the device is full before the image ends", "Take a larger one;"),
    (
        r"Input/output error|Errno 5\]|Errno 121|Remote I/O",
        "the device cannot be written: input/output error",
        "The medium is bad, or the reader or cable: try others;",
    ),
    (
        r"Read-only file system|Operation not permitted",
        "the device is read-only",
        "See its switch;",
    ),
    (
        r"[Uu]nexpected end|corrupt|not in gzip|truncated|[Dd]ecoding error",
        "is cut off or spoilt",
        "Build or fetch it again;",
    ),
)


def gone(device: Path) -> bool:
    """Whether a device has been pulled out."""
    try:
        file = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM)
    try:
        return device.is_block_device() and os.lseek(file, 0, os.SEEK_END) == 0
    except OSError:
        return True
    finally:
        os.close(file)


def verify(block_map: BlockMap, device: Path, report: Report) -> None:
    """Reads each mapped range back from the medium and compares its checksum.

    Raises:
        Stopped: the user stopped it.
        InternalError: a range reads otherwise than it was written, or not at all.
    """
    total = block_map.mapped
    report(Step(name="verify", detail=f"{total >> 20} MiB of {device}"))
    done = 0
    try:
        with _Medium(device) as medium:
            for one in block_map.ranges:
                digest = hashlib.new(block_map.algorithm)
                for piece in medium.read(one):
                    digest.update(piece)
                    done += len(piece)
                    progress = Progress(
                        name="verify", done=done >> 20, total=total >> 20, detail="MiB"
                    )
                    report(progress)
                if digest.hexdigest() != one.checksum:
                    raise _bad(device, one, "reads otherwise than it was written")
    except KeyboardInterrupt:
        raise Stopped(
            "stopped while it verified",
            hint=f"{device} is written and not verified; flash it again to be sure.",
        ) from None


def _bad(device: Path, where: Range, what: str) -> InternalError:
    if gone(device):
        return InternalError(
            "went away while it was verified",
            place=str(device),
            hint="Look at cable, reader and power, and flash it again.",
        )
    return InternalError(
        f"{what}: {where.length} bytes at offset {where.offset}",
        place=str(device),
        hint="The medium is bad, or the reader or cable: try others, and flash again.",
    )


class _Medium:
    """Reads a device past the page cache, which holds what was meant to be written."""

    def __init__(self, device: Path) -> None:
        self._device = device
        self._buffer = mmap.mmap(-1, CHUNK)  # aligned to a page, as O_DIRECT wants it
        self._file = -1

    def __enter__(self) -> _Medium:
        flags = os.O_RDONLY | os.O_CLOEXEC
        try:
            try:
                self._file = os.open(self._device, flags | os.O_DIRECT)
            except OSError as error:
                if error.errno != errno.EINVAL:  # a file system without O_DIRECT
                    raise
                self._file = os.open(self._device, flags)
        except OSError as error:
            raise _unreadable(self._device, error) from None
        with suppress(OSError):  # root's; O_DIRECT alone does without
            fcntl.ioctl(self._file, FLUSH_BUFFERS, 0)
        os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def read(self, where: Range) -> Iterator[memoryview]:
        """The bytes of a range, in pieces that hold until the next one."""
        offset, end = where.offset, where.offset + where.length
        while offset < end:
            # Whole blocks only: the last one may be longer than the image.
            wanted = min(CHUNK, -(-(end - offset) // 4096) * 4096)
            with memoryview(self._buffer) as buffer:
                try:
                    count = os.preadv(self._file, [buffer[:wanted]], offset)
                except OSError as error:
                    raise _bad(self._device, where, f"cannot be read ({error.strerror})") from None
                if count == 0:
                    raise _bad(self._device, where, "ends before the image does")
                piece = buffer[: min(count, end - offset)]
                yield piece
                offset += len(piece)
                piece.release()
