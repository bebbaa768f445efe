"""Drawing: bars, colour and tables on a terminal; plain lines in a pipe; JSON.

Results go to standard output; progress and diagnostics go to standard error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from enum import StrEnum
from itertools import zip_longest
from types import TracebackType
from typing import IO, Any

from edgeimg.errors import EdgeimgError, UserErrors
from edgeimg.events import Event, Log, Progress, Step

PIPE_WIDTH = 120
# Columns that are made smaller break longer words only, such as paths.
NARROW = 100
LONGEST_WORD, LONGEST_WORD_NARROW = 60, 20


class Format(StrEnum):
    """How a command answers."""

    text = "text"
    json = "json"
    ndjson = "ndjson"


def is_terminal(stream: IO[str]) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def colored(text: str, style: str, stream: IO[str]) -> str:
    """The text in colour where there is a terminal that wants it."""
    codes = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2", "cyan": "36"}
    if not is_terminal(stream) or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{codes[style]}m{text}\033[0m"


_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")


def plain(text: str) -> str:
    """Anybody's text as a part of one line: no escape, line's end or control character.

    File names, what a device says of itself and what a program prints may hold any of them; this
    is where they end. Nothing is coloured before.
    """
    text = _ESCAPE.sub("", text)
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else " " if one.isspace() else repr(one)[1:-1] for one in text
    )


GLUE = "\u00a0"


def unbroken(text: str) -> str:
    """A part of a table's cell that stays in one line, where there is room for it."""
    return text.replace(" ", GLUE)


def note(text: str) -> None:
    """Something to know, on standard error."""
    print(f"{colored('note:', 'yellow', sys.stderr)} {plain(text)}", file=sys.stderr, flush=True)


class Drawer:
    """Draws events while it is entered. `report` is the callback for the steps."""

    def __init__(self, output: Format, *, logs: bool = False) -> None:
        self.output = output
        self.logs = logs
        self.live = output is Format.text and is_terminal(sys.stderr)
        self.began = time.monotonic()
        self.status = ""

    def __enter__(self) -> Drawer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._erase()

    def report(self, event: Event) -> None:
        if self.output is Format.ndjson:
            self._line({"event": type(event).__name__.lower(), **vars(event)})
        elif self.output is Format.text:
            self._draw(event)

    def _draw(self, event: Event) -> None:
        match event:
            case Step():
                detail = f" {plain(event.detail)}" if event.detail else ""
                seconds = f"{time.monotonic() - self.began:6.1f} s"
                self._say(f"{colored(seconds, 'dim', sys.stderr)}  {event.name}{detail}")
            case Progress() if self.live:
                filled = min(24 * event.done // max(event.total, 1), 24)
                text = f"{event.done}/{event.total} {event.name} {plain(event.detail)}"
                self._live(f"{'━' * filled}{'─' * (24 - filled)} {text}", "cyan", filled)
            case Log() if self.logs:
                self._say(plain(event.line))
            case Log() if self.live:
                self._live(text := plain(event.line), "dim", len(text))
            case _:
                pass

    def _say(self, text: str) -> None:
        self._erase()
        print(text, file=sys.stderr, flush=True)

    def _live(self, text: str, style: str, count: int) -> None:
        """One line that the next one replaces, its first `count` characters in colour.

        What went on to a second line would stay there.
        """
        text = text[: (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1]
        self._erase()
        self.status = colored(text[:count], style, sys.stderr) + text[count:]
        print(f"\r{self.status}", end="", file=sys.stderr, flush=True)

    def _erase(self) -> None:
        if self.status:
            print("\r\033[2K", end="", file=sys.stderr, flush=True)
            self.status = ""

    def _line(self, value: dict[str, Any]) -> None:
        print(json.dumps(value, default=str), flush=True)

    def result(self, value: dict[str, Any]) -> None:
        """The command's one object, for machines; text output prints its own."""
        self._erase()
        if self.output is Format.json:
            print(json.dumps(value, indent=2, default=str), flush=True)
        elif self.output is Format.ndjson:
            self._line({"event": "result", **value})


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output: drawn on a terminal, aligned plain text in a pipe.

    It is as wide as the terminal, in a pipe as COLUMNS says or 120: long cells get more lines.
    """
    # Lines of a cell are meant, of anybody's text they do no harm there.
    rows = [["\n".join(map(_plain_cell, cell.split("\n"))) for cell in row] for row in rows]
    drawn = is_terminal(sys.stdout)
    # A terminal that was told no size says 0.
    room = shutil.get_terminal_size((80 if drawn else PIPE_WIDTH, 24)).columns
    borders = 3 * len(columns) + 1
    widths = _widths([columns, *rows], room - borders if drawn else room - 2 * (len(columns) - 1))
    if title:
        print("\n".join(colored(plain(line), "bold", sys.stdout) for line in title.split("\n")))
    if drawn and sum(widths) + borders <= room:
        _draw_table(columns, rows, widths, room)
        return
    if drawn:  # the room of the lines between goes to the words
        widths = _widths([columns, *rows], room - 2 * (len(columns) - 1))
    for row in (columns, *rows):
        cells = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for line in zip_longest(*cells, fillvalue=""):
            padded = (part.ljust(width) for part, width in zip(line, widths, strict=True))
            print("  ".join(padded).rstrip())


def _plain_cell(line: str) -> str:
    return GLUE.join(plain(part) for part in line.split(GLUE))


def _draw_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], room: int
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table()
    for column, width in zip(columns, widths, strict=True):
        drawn.add_column("\n".join(_wrapped(column, width)), width=width, no_wrap=True)
    for row in rows:
        cells = zip(row, widths, strict=True)
        drawn.add_row(
            *(Text("\n".join(_wrapped(one, width)), style=_cell_style(one)) for one, width in cells)
        )
    Console(width=room).print(drawn)


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """The columns' widths: the widest give way, and none is less than its words need."""
    columns = list(zip(*rows, strict=True))
    widths = [max(len(line) for cell in one for line in cell.split("\n")) for one in columns]
    words = [
        max((len(word) for cell in one for word in re.split(r"[ \n]", cell)), default=1)
        for one in columns
    ]
    longest = LONGEST_WORD_NARROW if room < NARROW else LONGEST_WORD
    least = [min(one, longest) for one in words]
    while sum(widths) > room:
        width, at = max((width, at) for at, width in enumerate(widths))
        if width <= least[at]:
            able = [at for at, width in enumerate(widths) if width > least[at]]
            if not able:
                break
            at = max(able, key=lambda one: widths[one])
        widths[at] -= 1
    return widths


def _wrapped(cell: str, width: int) -> list[str]:
    lines = (
        textwrap.wrap(line, max(width, 1), break_on_hyphens=False) if len(line) > width else [line]
        for line in cell.split("\n")
    )
    return [part.replace(GLUE, " ") for line in lines for part in line]


def _cell_style(cell: str) -> str:
    return {"ok": "green", "exact": "green", "FAIL": "bold red", "missing": "bold red"}.get(
        cell, ""
    )


def draw_error(error: EdgeimgError, output: Format) -> None:
    """One line an error on standard error; an object for machines on standard output."""
    errors = error.errors if isinstance(error, UserErrors) else (error,)
    for one in errors:
        word = colored("error:", "red", sys.stderr)
        # One line each, whatever text of the user is in it.
        print(f"{word} {plain(str(one))}", file=sys.stderr, flush=True)
    answer_errors(errors, output)


def answer_errors(errors: Sequence[EdgeimgError], output: Format) -> None:
    """The object for machines alone."""
    if output is not Format.text:
        found = [one.as_json() for one in errors]
        print(json.dumps({"event": "error", "errors": found}), flush=True)
