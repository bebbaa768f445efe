"""Many questions of one kind, answered side by side by processes that are forked from this one."""

from __future__ import annotations

import json
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn


@dataclass
class _Worker:
    process: int
    names: list[str]  # those that it has not answered; it is at the first one
    until: float  # of time.monotonic(), for the first one
    said: bytearray = field(default_factory=bytearray)


class Forks:
    """Processes that each answer a share of the questions, one after the other.

    As many as there are CPUs, and not one for each question: that costs more than it gains, since
    BitBake keeps in memory what it has read before. Nothing may have started a thread.

    Args:
        answer: called with each name in a forked process; what it returns goes through JSON.
        begin: called here with each name, before.
        seconds: for one answer; then its process is killed, whatever it does.
    """

    def __init__(
        self, answer: Callable[[str], Any], begin: Callable[[str], None], seconds: float
    ) -> None:
        self.answer = answer
        self.begin = begin
        self.seconds = seconds
        self.workers = selectors.DefaultSelector()

    def ask(self, names: Sequence[str]) -> Iterator[tuple[str, Any, str]]:
        """(name, answer, ""), or (name, None, what ended the process before it answered).

        They come as they are ready. A process that ends loses one answer: another goes on with
        the rest of its share.
        """
        count = len(os.sched_getaffinity(0))
        try:
            for start in range(min(count, len(names))):
                self._start(list(names[start::count]))
            while self.workers.get_map():
                yield from self._wait()
        finally:
            for key in list(self.workers.get_map().values()):
                self._end(key)
            self.workers.close()

    def _start(self, names: list[str]) -> None:
        self.begin(names[0])
        ours, theirs = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(ours)
            self._work(theirs, names)
        os.close(theirs)
        worker = _Worker(process, names, time.monotonic() + self.seconds)
        self.workers.register(ours, selectors.EVENT_READ, worker)

    def _work(self, pipe: int, names: list[str]) -> NoReturn:
        """Answers, and leaves alone what the parent has open."""
        status, process = 1, os.getpid()
        try:
            with open(pipe, "w") as out:
                for name in names:
                    line = json.dumps(self.answer(name))
                    if os.getpid() != process:  # what is asked has forked, and goes on twice
                        break
                    out.write(line + "\n")
                    out.flush()
            status = 0
        finally:
            os._exit(status)

    def _wait(self) -> Iterator[tuple[str, Any, str]]:
        """Until there is an answer, or a process has ended or had its time."""
        first = min(key.data.until for key in self.workers.get_map().values())
        for key, _ in self.workers.select(max(0.0, first - time.monotonic())):
            worker = key.data
            data = os.read(key.fd, 65536)
            *lines, worker.said = (worker.said + data).split(b"\n")
            for line in lines:
                yield worker.names.pop(0), json.loads(line), ""
                worker.until = time.monotonic() + self.seconds
                if worker.names:
                    self.begin(worker.names[0])
            if not worker.names:
                self._end(key)
            elif not data:
                yield self._lost(key)
        late = time.monotonic()
        for key in [one for one in self.workers.get_map().values() if one.data.until <= late]:
            yield self._lost(key, "took too long")

    def _lost(self, key: selectors.SelectorKey, problem: str = "") -> tuple[str, None, str]:
        ending = self._end(key)
        name, *rest = key.data.names
        if rest:
            self._start(rest)
        return name, None, problem or ending

    def _end(self, key: selectors.SelectorKey) -> str:
        """Ends a process if it has not; how it ended."""
        self.workers.unregister(key.fd)
        os.close(key.fd)
        with suppress(ProcessLookupError):
            os.kill(key.data.process, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(key.data.process, 0)[1])
        if status >= 0:
            return f"status {status}"
        return signal.strsignal(-status) or f"signal {-status}"
