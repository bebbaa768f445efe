"""A serial port of this machine, held alone, as raw bytes."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgeimg.errors import UserError

SPEEDS = {
    int(name[1:]): value
    for name, value in vars(termios).items()
    if re.fullmatch(r"B[1-9]\d+", name)
}
_LOCKS = Path("/var/lock")


class Port:
    """An open port."""

    def __init__(self, descriptor: int, place: str) -> None:
        self._descriptor = descriptor
        self._place = place

    def read(self, seconds: float) -> bytes:
        """What has come; empty when nothing comes for so long.

        Raises:
            UserError: the port is gone.
        """
        ready, _, _ = select.select([self._descriptor], [], [], max(0.0, seconds))
        if not ready:
            return b""
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone(error) from None
        if not data:
            raise self._gone(OSError(errno.EIO, os.strerror(errno.EIO)))
        return data

    def write(self, data: bytes, seconds: float = 30.0) -> None:
        """Send all of it.

        Raises:
            UserError: the port takes nothing for so long, or is gone.
        """
        end = time.monotonic() + seconds
        while data:
            _, ready, _ = select.select([], [self._descriptor], [], 1.0)
            try:
                sent = os.write(self._descriptor, data) if ready else 0
            except BlockingIOError:
                sent = 0
            except OSError as error:
                raise self._gone(error) from None
            data = data[sent:]
            if data and time.monotonic() > end:
                raise UserError("the port takes no bytes", place=self._place)

    def _gone(self, error: OSError) -> UserError:
        return UserError(
            f"the port is gone: {error.strerror}", place=self._place, hint="Was it unplugged?"
        )


@contextmanager
def open_port(path: Path, baud: int) -> Iterator[Port]:
    """The port, 8N1 without flow control; nobody else gets it meanwhile.

    Raises:
        UserError: it is not there, no terminal, held by another program, or not ours to use.
    """
    place = str(path)
    _check_lock_file(path)
    try:
        # Without waiting for a carrier, which a console's three wires do not have.
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(error, path) from None
    try:
        if not os.isatty(descriptor):
            raise UserError("is not a serial port", place=place)
        _hold(descriptor, path)
        before = termios.tcgetattr(descriptor)
        tty.setraw(descriptor, termios.TCSANOW)
        mode = termios.tcgetattr(descriptor)
        mode[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
        mode[4] = mode[5] = SPEEDS[baud]
        termios.tcsetattr(descriptor, termios.TCSANOW, mode)
        termios.tcflush(descriptor, termios.TCIOFLUSH)
        try:
            yield Port(descriptor, place)
        finally:
            with suppress(OSError, termios.error):
                termios.tcsetattr(descriptor, termios.TCSANOW, before)
                fcntl.ioctl(descriptor, termios.TIOCNXCL)
    except termios.error as error:
        raise UserError(f"cannot be set to {baud} baud: {error.args[-1]}", place=place) from None
    finally:
        os.close(descriptor)


def _refused(error: OSError, path: Path) -> UserError:
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = "Join its group, mostly with `sudo adduser $USER dialout`, and log in anew."
        return UserError("you may not use this port", place=str(path), hint=hint)
    if error.errno == errno.EBUSY:
        return _held(path, "")
    if error.errno == errno.ENOENT:
        there = sorted(
            str(one) for name in ("ttyUSB*", "ttyACM*") for one in Path("/dev").glob(name)
        )
        hint = f"There are {', '.join(there)}." if there else "No USB serial port is plugged in."
        return UserError("no such port", place=str(path), hint=hint)
    return UserError(f"cannot be opened: {error.strerror}", place=str(path))


def _hold(descriptor: int, path: Path) -> None:
    """Takes the port for us alone, as far as others ask."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise _held(path, "") from None
    fcntl.ioctl(descriptor, termios.TIOCEXCL)
    real = str(path.resolve())
    for holder in _holders(real):
        raise _held(path, holder)


def _holders(real: str) -> Iterator[str]:
    """Other processes of ours, or all for root, that have it open: those that lock nothing."""
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with suppress(OSError):
            if any(str(one.readlink()) == real for one in (process / "fd").iterdir()):
                name = (process / "comm").read_text(errors="replace").strip()
                yield f"{name} (process {process.name})"


def _check_lock_file(path: Path) -> None:
    """The old way, a file with the holder's process id."""
    with suppress(OSError, ValueError):
        number = int((_LOCKS / f"LCK..{path.name}").read_text(errors="replace").split()[0])
        if number != os.getpid() and Path(f"/proc/{number}").exists():
            raise _held(path, f"process {number}")


def _held(path: Path, holder: str) -> UserError:
    return UserError(
        f"the port is held by {holder or 'another program'}", place=str(path), hint="End that."
    )
