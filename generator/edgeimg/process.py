"""The only place that starts programs.

A program runs without a shell, in a process group of its own. Whatever ends the
wait for it (a time limit, Ctrl-C, an error in a callback) ends the whole group:
TERM first, KILL when it does not listen.
"""

from __future__ import annotations

import codecs
import os
import re
import selectors
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from edgeimg.errors import EdgeimgError, InternalError, UserError

GRACE_SECONDS = 5.0
SHOWN_LINES = 8
_POLL_SECONDS = 0.1

Argument = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A program that has ended; `status` is negative when a signal ended it."""

    args: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


def run(
    args: Sequence[Argument],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str | bytes | None = None,
    timeout: float | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
    on_tick: Callable[[], None] | None = None,
    on_stop: Callable[[int], None] | None = None,
    returns: bool = False,
    keep: int | None = None,
    error: type[EdgeimgError] = InternalError,
) -> Completed:
    """Run a program to its end.

    Args:
        args: the program and its arguments; nothing is expanded.
        env: the whole environment; None inherits ours.
        input: what the program reads; without it, its standard input is empty.
        timeout: seconds until the whole process group is ended.
        check: whether an exit status other than 0 is an error.
        on_line: called with each line of stdout and stderr, as it comes.
        on_tick: called ten times a second, or oftener, while it runs.
        on_stop: called with its process id when the wait for it ends before it does, for
            what takes more than a signal to its group to end.
        returns: whether a carriage return ends a line too, as in bars that draw over themselves.
        keep: of what it says in each pipe, the most characters that are kept, which are the last;
            of a program that is not trusted. A line is no longer either.
        error: the kind of error that a failure is.

    Raises:
        UserError: the program is missing or may not be executed.
        EdgeimgError: of the kind `error`: it failed or took longer than `timeout`;
            the message ends with the last lines of its diagnostics.
    """
    with tempfile.TemporaryFile() as stdin:
        stdin.write(input.encode() if isinstance(input, str) else input or b"")
        stdin.seek(0)
        with spawn(
            args, cwd=cwd, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                pipes = (_Lines(on_line, returns, keep), _Lines(on_line, returns, keep))
                stdout, stderr, in_time = _collect(process, timeout, *pipes, on_tick)
            except BaseException:
                if on_stop is not None:
                    on_stop(process.pid)
                raise
    words = tuple(os.fspath(arg) for arg in args)
    done = Completed(args=words, status=process.returncode, stdout=stdout, stderr=stderr)
    if not in_time:
        raise error(_describe(done, f"took longer than {timeout:g} seconds"))
    if check and done.status != 0:
        raise error(_describe(done, _ending(done.status)))
    return done


def become(args: Sequence[Argument], *, cwd: Path, env: Mapping[str, str]) -> NoReturn:
    """Run a program in our place, with our terminal; its exit status is ours.

    Raises:
        UserError: the program is missing or may not be executed.
    """
    words = [os.fspath(arg) for arg in args]
    os.chdir(cwd)
    try:
        os.execvpe(words[0], words, dict(env))
    except OSError as problem:
        raise UserError(f"cannot run '{words[0]}': {problem.strerror}") from problem


@contextmanager
def spawn(
    args: Sequence[Argument],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs beside us; leaving the block ends its process group.

    Raises:
        UserError: the program is missing or may not be executed.
    """
    words = [os.fspath(arg) for arg in args]
    if cwd is not None and not cwd.is_dir():
        raise UserError(f"cannot run '{words[0]}' in {cwd}: not a folder")
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    except FileNotFoundError as missing:
        hint = "Install it, or run `edgeimg doctor`."
        raise UserError(f"the program '{words[0]}' is missing", hint=hint) from missing
    except OSError as problem:
        raise UserError(f"cannot run '{words[0]}': {problem.strerror}") from problem
    try:
        yield process
    finally:
        _end_group(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def last_lines(text: str, count: int = SHOWN_LINES) -> str:
    """The last lines of a program's output that say something."""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-count:])


def _describe(done: Completed, ending: str) -> str:
    said = last_lines(done.stderr) or last_lines(done.stdout)
    command = shlex.join(done.args)
    if len(command) > 200:
        command = command[:200] + " ..."
    return f"`{command}` {ending}" + (f":\n{said}" if said else "")


def _ending(status: int) -> str:
    if status >= 0:
        return f"failed with status {status}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


class _Lines:
    """The text of one pipe: kept as a whole, and handed on line by line."""

    def __init__(
        self, on_line: Callable[[str], None] | None, returns: bool, keep: int | None
    ) -> None:
        # A return at the very end may be half of a line's end.
        self._end = re.compile(r"\r?\n|\r(?=[^\n])" if returns else r"\n")
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._on_line = on_line
        self._keep = keep
        self._size = 0
        self._rest = ""
        self._parts: list[str] = []

    def feed(self, data: bytes, *, final: bool = False) -> None:
        text = self._decoder.decode(data, final)
        self._parts.append(text)
        self._size += len(text)
        if self._keep is not None and self._size > 2 * self._keep:
            self._parts = ["".join(self._parts)[-self._keep :]]
            self._size = self._keep
        if self._on_line is None:
            return
        *lines, self._rest = self._end.split(self._rest + text)
        if self._rest and (final or (self._keep is not None and len(self._rest) > self._keep)):
            lines.append(self._rest)
            self._rest = ""
        for line in lines:
            self._on_line(line.rstrip("\r"))

    @property
    def text(self) -> str:
        return "".join(self._parts)


def _collect(
    process: subprocess.Popen[bytes],
    timeout: float | None,
    stdout: _Lines,
    stderr: _Lines,
    on_tick: Callable[[], None] | None,
) -> tuple[str, str, bool]:
    """Standard output, standard error, and whether the program ended in time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    assert process.stdout is not None and process.stderr is not None
    in_time = True
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, stdout)
        selector.register(process.stderr, selectors.EVENT_READ, stderr)
        while selector.get_map():
            ended = process.poll() is not None
            ready = selector.select(_POLL_SECONDS)
            if on_tick is not None:
                on_tick()
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                key.data.feed(data, final=not data)
                if not data:
                    selector.unregister(key.fileobj)
            if not ready and ended:
                break  # what still holds the pipe is a child that was left behind
            if deadline is not None and time.monotonic() > deadline:
                in_time = False
                break
        for key in list(selector.get_map().values()):
            key.data.feed(b"", final=True)
    if in_time:
        try:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            process.wait(left)
        except subprocess.TimeoutExpired:
            in_time = False
    return stdout.text, stderr.text, in_time


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and all it has started; a second Ctrl-C does not stop this half-way."""
    _signal_group(process.pid, signal.SIGTERM)
    if process.returncode is None:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
    else:
        _signal_group(process.pid, signal.SIGKILL)


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
