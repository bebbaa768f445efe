"""A serial line with a real shell at its end, and everything that a line can do to it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pty
import re
import select
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.guest.device_kit import SHELLS

from edgeimg.errors import UserError
from edgeimg.guest import serial
from edgeimg.guest.device import Answer, open_device
from edgeimg.guest.errors import CorruptedError, HangError, TruncatedError
from edgeimg.guest.serial import parse_serial

Change = Callable[[bytes], bytes]
SHELL_OF = {"sh": ["sh", "-i"], "busybox": ["busybox", "sh", "-i"]}


def same(data: bytes) -> bytes:
    return data


class Line:
    """A null-modem cable: our port here, the device's console there, something in between."""

    def __init__(self, there: int, to: Change = same, back: Change = same) -> None:
        self.here, ours = pty.openpty()
        self.port = os.ttyname(ours)
        self._ours = ours
        self._there = there
        self._stop, self._stopped = os.pipe()
        self._ways = {self.here: (there, to), there: (self.here, back)}
        self._thread = threading.Thread(target=self._relay)
        self._thread.start()

    def _relay(self) -> None:
        while True:
            ready, _, _ = select.select([*self._ways, self._stop], [], [])
            if self._stop in ready:
                return
            for one in ready:
                other, change = self._ways[one]
                try:
                    os.write(other, change(os.read(one, 4096)))
                except OSError:
                    return

    def close(self) -> None:
        os.close(self._stopped)
        self._thread.join()
        for one in (self.here, self._ours, self._stop):
            os.close(one)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def console(
    folder: Path, shell: str = "sh", to: Change = same, back: Change = same
) -> Iterator[Line]:
    """A shell at the end of a line. It leaves its files in `folder`."""
    there, tty = pty.openpty()
    process = subprocess.Popen(
        SHELL_OF[shell],
        stdin=tty,
        stdout=tty,
        stderr=tty,
        start_new_session=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "vt102", "HOME": str(folder)},
        preexec_fn=_take_terminal,  # noqa: PLW1509, before our thread is started
    )
    line = Line(there, to, back)
    try:
        yield line
    finally:
        process.kill()
        process.wait()
        line.close()
        os.close(there)
        os.close(tty)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "PROMPT_SECONDS", 1.0)
    monkeypatch.setattr(serial, "ACK_SECONDS", 0.3)
    monkeypatch.setattr(serial, "AGAIN_SECONDS", 0.5)


def ask(line: Line, script: str, *words: str, input: bytes = b"", timeout: float = 60) -> Answer:
    return open_device(f"serial://{line.port}").run(script, words, input=input, timeout=timeout)


@pytest.mark.parametrize("shell", SHELLS)
def test_bytes_go_there_and_come_back(tmp_path: Path, shell: str) -> None:
    data = bytes(range(256)) * 3 + b"\n'%s\\\n"
    with console(tmp_path, shell) as line:
        answer = ask(line, 'cat; echo "$1: $#" >&2; exit 3', "it's", "b c", input=data)
        assert (answer.status, answer.stdout, answer.stderr) == (3, data, "it's: 2")
        # The console is as it was, and the next one finds its shell.
        assert ask(line, "stty -a | grep -c -w -- -echo; printf %s ü").text.endswith("ü")


def test_a_kernel_that_talks_in_between(tmp_path: Path) -> None:
    """Its lines break into ours: those are asked for again."""
    long = 0

    def talk(data: bytes) -> bytes:
        nonlocal long
        long += len(data) > 60
        # Never twice in a row: how long the pieces are depends on what else the machine does, and
        # by their length the same line could be hit each time that it is asked for.
        if len(data) > 60 and long % 3 == 0:
            middle = len(data) // 2
            return data[:middle] + b"[   12.345678] usb 1-1: new device\r\n" + data[middle:]
        return data

    data = os.urandom(20_000)
    with console(tmp_path, back=talk) as line:
        assert ask(line, "cat", input=data[:500]).stdout == data[:500]
        (tmp_path / "data").write_bytes(data)
        assert ask(line, f"cat {tmp_path}/data").stdout == data


def test_a_line_that_loses_what_is_sent(tmp_path: Path) -> None:
    def lose(data: bytes) -> bytes:
        return data.replace(b"echo lost", b"echo lst")

    with (
        console(tmp_path, to=lose) as line,
        pytest.raises(CorruptedError, match="did not come there whole"),
    ):
        ask(line, "echo lost")


def test_a_line_that_changes_what_comes_back(tmp_path: Path) -> None:
    def change(data: bytes) -> bytes:
        return re.sub(rb"(:=1 [0-9a-f]{8})[0-9a-f]", rb"\1f", data)

    with (
        console(tmp_path, back=change) as line,
        pytest.raises(CorruptedError, match="wrong checksum"),
    ):
        (tmp_path / "data").write_bytes(hashlib.sha256(b"x").digest() * 8)
        ask(line, f"cat {tmp_path}/data")


def test_a_line_that_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "TRIES", 2)
    monkeypatch.setattr(serial, "ACK_SECONDS", 0.1)
    with (
        console(tmp_path, back=lambda data: b"" if b":=" in data else data) as line,
        pytest.raises(TruncatedError, match="cut short: 0 of 1 lines"),
    ):
        ask(line, "echo x")


def test_a_script_that_does_not_end(tmp_path: Path) -> None:
    with console(tmp_path) as line:
        with pytest.raises(HangError, match="did not answer in time"):
            ask(line, "sleep 30", timeout=2)
        # It was ended there, and the shell is free again.
        assert ask(line, "echo free").text == "free"


def test_more_than_is_wanted(tmp_path: Path) -> None:
    with console(tmp_path) as line, pytest.raises(CorruptedError, match="more than 1,000 bytes"):
        device = open_device(f"serial://{line.port}")
        device.run("head -c 5000 /dev/zero", timeout=60, limit=1000)


@contextmanager
def played(says: bytes) -> Iterator[Line]:
    """A console that answers the same to everything."""
    there, tty = pty.openpty()
    mode = termios.tcgetattr(tty)
    mode[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(tty, termios.TCSANOW, mode)
    line = Line(there, to=lambda data: (os.write(line.here, says), b"")[1])
    try:
        yield line
    finally:
        line.close()
        os.close(there)
        os.close(tty)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (b"", "nothing answers on the line"),
        (b"\r\ncamera-7 login: ", "the console asks for a login"),
        (b"\x00\xff\xfe\x80\x9c\xe0\x00\xfc\x1c", "makes no sense at 115200 baud"),
        (b"=> \x1b[31m\r\n", "no shell answers at the console; its last line is '=>'"),
    ],
)
def test_no_shell_at_the_console(
    monkeypatch: pytest.MonkeyPatch, says: bytes, message: str
) -> None:
    monkeypatch.setattr(serial, "PROMPT_SECONDS", 0.2)
    with played(says) as line, pytest.raises(UserError, match=re.escape(message)) as caught:
        ask(line, "true")
    assert "\x1b" not in str(caught.value)


def test_a_port_that_another_program_holds() -> None:
    with played(b"") as line:
        held = os.open(line.port, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            with pytest.raises(UserError, match="the port is held by another program"):
                ask(line, "true")
        finally:
            os.close(held)


def test_a_port_that_another_program_holds_without_a_lock() -> None:
    with played(b"") as line:
        with Path(line.port).open("rb") as port:
            held = subprocess.Popen(["sleep", "60"], stdin=port)
        try:
            with pytest.raises(UserError, match=rf"held by sleep \(process {held.pid}\)"):
                ask(line, "true")
        finally:
            held.kill()
            held.wait()


def test_what_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name, said in (("file", "is not a serial port"), ("none", "no such port")):
        with pytest.raises(UserError, match=said):
            open_device(f"serial://{tmp_path}/{name}").run("true", timeout=1)


@pytest.mark.parametrize(
    "text", ["serial://", "serial:ttyUSB0", "serial:///dev/x?speed=1", "serial:///dev/a%0Ab"]
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(UserError, match="is not serial:///dev/ttyUSB0"):
        parse_serial(text, "--target")


def test_a_speed_that_no_port_has() -> None:
    assert str(parse_serial("serial:///dev/ttyUSB0?baud=9600", "")).endswith("?baud=9600")
    with pytest.raises(UserError, match="no port has 115201 baud"):
        parse_serial("serial:///dev/ttyUSB0?baud=115201", "--target")
