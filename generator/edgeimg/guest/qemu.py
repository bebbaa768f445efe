"""Boot an image in QEMU, watch it, and always end it."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from edgeimg.errors import UserError
from edgeimg.events import Log, Report, Step, silent
from edgeimg.guest.console import Console, Line
from edgeimg.guest.errors import CorruptedError, HangError, PanicError, QemuError
from edgeimg.guest.machine import PORT, Artefacts, Boot, arguments, qemu_version
from edgeimg.guest.results import MAX_STREAM
from edgeimg.manifest.board import Qemu
from edgeimg.process import last_lines, spawn

TIME_LIMIT = 600.0
SILENCE_LIMIT = 180.0
POWER_OFF_SECONDS = 20.0  # from `edgeimg: verify end` until we end QEMU ourselves
PANIC_SECONDS = 1.0  # for the lines that follow the panic's first
# Where the cursor is: U-Boot and systemd ask it to learn the console's size, and wait for it.
_QUERY = b"\x1b[6n"
_REPLY = b"\x1b[24;80R"
_MAX_REPLIES = 16
_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class GuestRun:
    """A guest that has ended.

    Attributes:
        qemu: QEMU's version.
        seconds: from QEMU's start to its end.
        userspace_seconds, first_inference_seconds: None when not seen.
        lines: the whole console.
        stream: what the guest sent through the port.
    """

    qemu: str
    seconds: float
    userspace_seconds: float | None
    first_inference_seconds: float | None
    lines: tuple[Line, ...]
    console: tuple[str, ...]
    stream: bytes = field(repr=False)


def boot(
    qemu: Qemu,
    artefacts: Artefacts,
    *,
    how: Boot | None = None,
    port: str = PORT,
    report: Report = silent,
    time_limit: float = TIME_LIMIT,
    silence_limit: float = SILENCE_LIMIT,
) -> GuestRun:
    """Boot the image with a port for its results and wait until the guest ends.

    QEMU's exit status 0 says nothing (a panic has it too); the results do.

    Args:
        how: None: as the artefacts say.
        port: `edgeimg.verify`, or another one that the guest's script knows.
        time_limit: seconds in which the guest gets no further: with its start, a sample, or
            what it sends.
        silence_limit: seconds without a sign of life on the console or the port.

    Raises:
        UserError: QEMU or a file that it needs is missing, or this QEMU is refused.
        PanicError, HangError, QemuError: the guest did not get to its end.
    """
    version = qemu_version(qemu)
    how = how or artefacts.boots
    report(Step(name="boot", detail=f"{qemu.program} {version}, {how}"))
    with tempfile.TemporaryDirectory(prefix="edgeimg-guest-") as folder:
        scratch = Path(folder)
        stream = scratch / "results.tar"
        serial = ["-chardev", "stdio,id=edgeimg-console,signal=off"]
        serial += ["-serial", "chardev:edgeimg-console", "-monitor", "none"]
        words = arguments(
            qemu, artefacts, how, scratch=scratch, serial=serial, stream=stream, port=port
        )
        watch = _Watch(report, stream, time_limit, silence_limit)
        begin = time.monotonic()
        pipe = subprocess.PIPE
        with spawn(words, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            watch.follow(process, begin)
        seconds = time.monotonic() - begin
        data = stream.read_bytes() if stream.is_file() else b""
    console = watch.console
    return GuestRun(
        qemu=version,
        seconds=seconds,
        userspace_seconds=console.userspace_seconds,
        first_inference_seconds=console.first_inference_seconds,
        lines=tuple(console.lines),
        console=console.tail(),
        stream=data,
    )


def run_console(
    qemu: Qemu,
    artefacts: Artefacts,
    *,
    how: Boot | None = None,
    ssh_port: int | None = None,
    report: Report = silent,
) -> int:
    """Boot the image with its console on our terminal; returns QEMU's exit status.

    Ctrl-A X ends QEMU, Ctrl-A C opens its monitor; Ctrl-C goes to the guest.

    Args:
        how: None: as the artefacts say.
        ssh_port: of this machine, forwarded to the guest's SSH.

    Raises:
        UserError: QEMU or a file that it needs is missing, or this QEMU is refused.
    """
    version = qemu_version(qemu)
    how = how or artefacts.boots
    with tempfile.TemporaryDirectory(prefix="edgeimg-guest-") as folder:
        serial = ["-serial", "mon:stdio"]
        words = arguments(
            qemu, artefacts, how, scratch=Path(folder), serial=serial, ssh_port=ssh_port
        )
        report(Step(name="boot", detail=f"{qemu.program} {version}, {how}; Ctrl-A X ends it"))
        if ssh_port is not None:
            report(Log(line=f"SSH: ssh -p {ssh_port} root@127.0.0.1"))
        with (
            _terminal_kept(),
            spawn(words, stdin=sys.stdin.fileno(), stdout=sys.stdout.fileno(), stderr=2) as process,
        ):
            return process.wait()


class _Watch:
    """Follows one QEMU: its console, its diagnostics, its stream, the clock."""

    def __init__(
        self, report: Report, stream: Path, time_limit: float, silence_limit: float
    ) -> None:
        self.console = Console()
        self._report = report
        self._stream = stream
        self._time_limit = time_limit
        self._silence_limit = silence_limit
        self._stderr = bytearray()
        self._asked = b""  # the last bytes of the console: a query may come in two pieces
        self._replies = 0
        self._stream_size = 0
        self._alive = 0.0  # seconds of the last sign of life
        self._doing = ""
        self._further = 0.0  # seconds when the guest last got further
        self._panic_at: float | None = None
        self._end_at: float | None = None

    def follow(self, process: subprocess.Popen[bytes], begin: float) -> None:
        """Return when the guest is through; raise when it will never be."""
        assert process.stdout is not None and process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, "console")
            selector.register(process.stderr, selectors.EVENT_READ, "stderr")
            while True:
                ended = process.poll() is not None
                ready = selector.select(0 if ended else _POLL_SECONDS)
                now = time.monotonic() - begin
                for key, _ in ready:
                    data = os.read(key.fd, 65536)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.data == "console":
                        self._reply(process, data)
                        self._take(data, now)
                    else:
                        self._stderr += data
                if ended and not ready:
                    break
                if self._through(now):
                    break
        self._take(b"", time.monotonic() - begin, final=True)
        self._judge(process)

    def _take(self, data: bytes, now: float, *, final: bool = False) -> None:
        if data:
            self._alive = now
        for line in self.console.feed(data, now, final=final):
            self._report(Log(line=line.text))
        if self.console.doing != self._doing:
            self._doing, self._further = self.console.doing, now

    def _reply(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        """Be a terminal of 80x24 to who asks; what waits for an answer waits in vain else."""
        asked = self._asked + data
        self._asked = asked[-len(_QUERY) + 1 :]
        count = min(asked.count(_QUERY), _MAX_REPLIES - self._replies)
        if count > 0 and process.stdin is not None:
            self._replies += count
            with suppress(OSError):  # QEMU has ended
                os.write(process.stdin.fileno(), count * _REPLY)

    def _through(self, now: float) -> bool:
        """Whether there is nothing more to wait for; raises when the time is up."""
        size = self._stream.stat().st_size if self._stream.exists() else 0
        if size > MAX_STREAM:
            raise CorruptedError(
                f"the guest's results are larger than {MAX_STREAM >> 20} MiB",
                console=self.console.tail(),
            )
        if size != self._stream_size:
            self._stream_size, self._alive, self._further = size, now, now
        if self.console.panic is not None:
            self._panic_at = now if self._panic_at is None else self._panic_at
            return now > self._panic_at + PANIC_SECONDS
        if self.console.ended:
            self._end_at = now if self._end_at is None else self._end_at
            return now > self._end_at + POWER_OFF_SECONDS
        silent_for = now - self._alive
        if now - self._further > self._time_limit:
            raise self._hang(
                f"the guest got no further within {self._time_limit:g} seconds",
                hint="If it was still at work, give it more with --time-limit.",
            )
        if silent_for > self._silence_limit:
            raise self._hang(f"the guest hangs: silent for {silent_for:.0f} seconds")
        return False

    def _hang(self, message: str, hint: str = "") -> HangError:
        last = self.console.lines[-1] if self.console.lines else None
        where = f", after {last.seconds:.1f} s: {last.text[:160]}" if last else ", without a word"
        return HangError(message + where, console=self.console.tail(), hint=hint)

    def _judge(self, process: subprocess.Popen[bytes]) -> None:
        """Raises when the guest or QEMU ended badly."""
        console = self.console
        if console.panic is not None:
            raise PanicError(
                f"the guest's kernel panicked: {console.panic}", console=console.tail()
            )
        status = process.poll()
        if status in (None, 0) or console.ended:
            return
        said = last_lines(self._stderr.decode(errors="replace"))
        how = f"with status {status}" if status > 0 else f"by {_signal_name(-status)}"
        raise QemuError(f"QEMU ended {how}" + (f": {said}" if said else ""), console=console.tail())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """QEMU changes the terminal's settings; they come back however it ends."""
    if not sys.stdin.isatty():
        raise UserError(
            "the console needs a terminal", hint="Use `edgeimg verify` where there is none."
        )
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
