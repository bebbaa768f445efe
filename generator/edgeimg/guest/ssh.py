"""A device that is reached by ssh: the user's own client, keys and known hosts."""

from __future__ import annotations

import os
import re
import selectors
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

from edgeimg.errors import UserError
from edgeimg.guest.console import clean
from edgeimg.guest.device import END, Answer, with_words
from edgeimg.guest.errors import CorruptedError, HangError, TruncatedError
from edgeimg.guest.results import MAX_STREAM
from edgeimg.process import Completed, last_lines, run, spawn

CONNECT_SECONDS = 15
POLL_SECONDS = 0.2
SSH_FAILED = 255
MAX_STDERR = 1 << 20  # bytes; of more, the end is kept

_TARGET = re.compile(
    r"ssh://(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@)?"
    # A name can be one of ~/.ssh/config; an address of a cable or of USB names its interface.
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\])"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)
# The first line of its diagnostics: from here on, what breaks is the connection.
_THERE = "edgeimg: there"
# The script comes through standard input, what follows it is the script's own input. A
# command line would be too short for it: dropbear takes 9000 bytes.
_LAUNCH = (
    f'echo \'{_THERE}\' >&2; s=; while IFS= read -r l && [ "$l" != {END} ]; do s="$s$l\n"; done; '
    'eval "$s"'
)
# What ssh says -> what to do.
_HINTS = {
    "IDENTIFICATION HAS CHANGED": "Its host key is another one than before: if it was written "
    "anew, forget the old key with `ssh-keygen -R`.",
    "Host key verification failed": "Its host key is not known here: log in once with `ssh` by "
    "hand and compare the fingerprint.",
    "Permission denied": "It does not take your key: name that in the product's "
    "`ssh.authorized_keys`, and to ssh in ~/.ssh/config or an agent.",
}
_HINT = "Its host key must be known here, and yours to it: try `ssh` by hand."


@dataclass(frozen=True, kw_only=True)
class Target:
    """A device that is reached by ssh.

    Attributes:
        options: more of ssh's own `-o` options; they count before the others.
    """

    host: str
    user: str | None
    port: int | None
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"ssh://{user}{host}" + (f":{self.port}" if self.port else "")

    def command(self, words: Sequence[str]) -> list[str]:
        """The command here that runs these words there: no questions, and only known hosts."""
        command = ["ssh", *(word for option in self.options for word in ("-o", option))]
        command += ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
        command += ["-o", f"ConnectTimeout={CONNECT_SECONDS}"]
        # A device that loses its power says nothing more; this asks.
        command += ["-o", f"ServerAliveInterval={CONNECT_SECONDS}", "-o", "ServerAliveCountMax=2"]
        command += ["-p", str(self.port)] if self.port else []
        command += ["-l", self.user] if self.user else []
        return [*command, "--", self.host, shlex.join(words)]


def parse_target(text: str, place: str) -> Target:
    """`ssh://[user@]host[:port]`.

    Args:
        place: the option that it was given to.

    Raises:
        UserError: it is not that.
    """
    found = _TARGET.fullmatch(text)
    if found is None or not 0 < int(found["port"] or 22) < 65536:
        raise UserError(f"'{text[:80]}' is not ssh://[user@]host[:port]", place=place)
    port = int(found["port"]) if found["port"] else None
    return Target(host=found["host"].strip("[]"), user=found["user"], port=port)


def run_there(
    target: Target,
    words: Sequence[str],
    *,
    timeout: float,
    input: str | bytes | None = None,
) -> Completed:
    """Run a command on the device; its exit status is the answer's.

    Raises:
        UserError: ssh does not get there, or the time is up.
    """
    done = run(target.command(words), timeout=timeout, input=input, check=False, error=UserError)
    if done.status == SSH_FAILED:
        raise no_way(target, done.stderr)
    return done


def no_way(target: Target, stderr: str) -> UserError:
    """The error for what ssh said, with what to do."""
    hint = next((hint for said, hint in _HINTS.items() if said in stderr), _HINT)
    said = clean(last_lines(stderr, 1))[:300]
    return UserError(f"ssh does not get to {target.host}: {said}", place=str(target), hint=hint)


@dataclass(frozen=True, kw_only=True)
class SshDevice:
    """See `edgeimg.guest.device.Device`."""

    target: Target

    def __str__(self) -> str:
        return str(self.target)

    def run(
        self,
        script: str,
        words: Sequence[str] = (),
        *,
        input: bytes = b"",
        timeout: float,
        limit: int = MAX_STREAM,
        on_line: Callable[[str], None] | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> Answer:
        """See `edgeimg.guest.device.Device`."""
        stdout = bytearray()

        def keep(data: bytes) -> None:
            stdout.extend(data)
            if len(stdout) > limit:
                raise CorruptedError(f"{self} answers more than {limit:,} bytes")
            if on_bytes is not None:
                on_bytes(len(stdout))

        whole = f"{with_words(script, words)}\n{END}\n".encode() + input
        status, stderr = self._session(whole, keep, on_line, timeout)
        if status == SSH_FAILED:
            raise TruncatedError(
                f"the connection to {self} broke after {len(stdout):,} bytes: "
                f"{last_lines(stderr, 1)[:300]}"
            )
        return Answer(status=status, stdout=bytes(stdout), stderr=stderr)

    def follow(
        self, script: str, words: Sequence[str], on_data: Callable[[bytes], None]
    ) -> tuple[int, str]:
        """Run a script that ends when the device or the user ends it.

        Args:
            on_data: called with its output, as it comes.

        Returns:
            Its exit status, ssh's 255 when the connection broke, and its diagnostics.

        Raises:
            UserError: there is no way to the device.
        """
        whole = f"{with_words(script, words)}\n{END}\n".encode()
        return self._session(whole, on_data, None, None)

    def _session(
        self,
        whole: bytes,
        on_data: Callable[[bytes], None],
        on_line: Callable[[str], None] | None,
        timeout: float | None,
    ) -> tuple[int, str]:
        said = _Said(on_line)
        command = self.target.command(["sh", "-c", _LAUNCH])
        with ExitStack() as stack:
            pipe = stack.enter_context(_input(whole, open_end=timeout is None))
            process = stack.enter_context(
                spawn(command, stdin=pipe, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            )
            if not _pump(process, on_data, said.feed, timeout):
                raise HangError(f"{self} did not answer within {timeout:g} seconds")
            status = process.wait()
        if status == SSH_FAILED and not said.there:
            raise no_way(self.target, said.text)
        return status, said.text


@contextmanager
def _input(whole: bytes, *, open_end: bool) -> Iterator[IO[bytes]]:
    """What ssh reads; with an open end, it comes to an end only when this does."""
    if not open_end:
        with tempfile.TemporaryFile() as file:
            file.write(whole)
            file.seek(0)
            yield file
        return
    reader, writer = os.pipe()  # takes 64 KiB at once; only short scripts are sent so
    with os.fdopen(reader, "rb") as pipe, os.fdopen(writer, "wb") as end:
        end.write(whole)
        end.flush()
        yield pipe


class _Said:
    """The diagnostics, line by line, cleaned."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self.there = False
        self.text = ""
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data or len(self._rest) > MAX_STDERR:
            lines, self._rest = [*lines, self._rest], b""
        for raw in lines:
            line = clean(raw.decode("utf-8", "replace"))
            if line == _THERE:
                self.there = True
            elif line:
                self.text = f"{self.text}{line}\n"[-MAX_STDERR:]
                if self._on_line is not None:
                    self._on_line(line)


def _pump(
    process: subprocess.Popen[bytes],
    on_data: Callable[[bytes], None],
    on_said: Callable[[bytes], None],
    timeout: float | None,
) -> bool:
    """Hand on both pipes until they end; false when the time is up before."""
    deadline = None if timeout is None else time.monotonic() + timeout
    assert process.stdout is not None and process.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, on_data)
        selector.register(process.stderr, selectors.EVENT_READ, on_said)
        while selector.get_map():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            ended = process.poll() is not None
            ready = selector.select(POLL_SECONDS if left is None else min(left, POLL_SECONDS))
            if ended and not ready:
                break  # what still holds a pipe is ssh's own master for the next connection
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                if data:
                    key.data(data)
                    continue
                selector.unregister(key.fileobj)
                if key.data == on_said:
                    on_said(b"")
    return True
