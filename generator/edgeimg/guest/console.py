"""The guest's serial console: bytes in, clean lines with their time out."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

MAX_LINE = 4096  # characters; a console that never ends its line is cut here

# Control sequences, strings to the terminal (titles), and other escapes.
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MARKER = re.compile(r"edgeimg: (?:(init)|(?:verify|bench) (?:(end)|([a-z0-9-]+ [a-z0-9, -]+)))$")
_INFERENCE = re.compile(r"([a-z0-9][a-z0-9-]*): \{")
PANIC = "Kernel panic - not syncing"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the console.

    Attributes:
        seconds: from the start of QEMU to the line's end.
    """

    seconds: float
    text: str


class Console:
    """Everything that the guest has written so far, and what it means.

    Attributes:
        lines: all lines.
        userspace_seconds: when the guest's init said so.
        first_inference_seconds: when a service gave its first answer.
        panic: the line of a kernel panic.
        doing: what `verify` or `bench` is at: `digits reference, 3 answered`.
        ended: whether they are through.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.userspace_seconds: float | None = None
        self.first_inference_seconds: float | None = None
        self.panic: str | None = None
        self.doing = ""
        self.ended = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def feed(self, data: bytes, seconds: float, *, final: bool = False) -> list[Line]:
        """Take bytes that arrived `seconds` after QEMU's start; returns the new lines.

        With `final`, what has no line end is a line too.
        """
        *texts, rest = (self._rest + self._decoder.decode(data, final)).split("\n")
        while len(rest) > MAX_LINE:
            texts.append(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        if final and rest:
            texts.append(rest)
            rest = ""
        self._rest = rest
        new = [Line(seconds=seconds, text=clean(text)) for text in texts]
        new = [line for line in new if line.text]
        for line in new:
            self._note(line)
        self.lines.extend(new)
        return new

    def tail(self, count: int = 40) -> tuple[str, ...]:
        """The last lines, each with its time."""
        return tuple(f"{line.seconds:7.2f} {line.text}" for line in self.lines[-count:])

    def _note(self, line: Line) -> None:
        if self.panic is None and PANIC in line.text:
            self.panic = line.text
        if self.first_inference_seconds is None and _INFERENCE.match(line.text):
            self.first_inference_seconds = line.seconds
        found = _MARKER.search(line.text)
        if found is None:
            return
        if found[1] and self.userspace_seconds is None:
            self.userspace_seconds = line.seconds
        self.ended = self.ended or bool(found[2])
        self.doing = found[3] or self.doing


def clean(text: str) -> str:
    """A line without escapes and control characters; of a line that was overwritten,
    the last version."""
    text = _ESCAPE.sub("", text.rstrip("\r")).rstrip("\r")
    return _CONTROL.sub("", text.rsplit("\r", 1)[-1]).rstrip()
