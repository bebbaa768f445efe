"""The YAML of a board while it is written: lines, open keys, text of others made safe."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edgeimg.manifest.base import NAME_PATTERN

HEAD = "# What no layer says is a commented key: take the `#` away and fill it in.\n"


@dataclass(kw_only=True)
class Draft:
    """The lines of a board, and what is shown of it.

    Attributes:
        open: keys that somebody has to fill in.
        shown: what was found, by a word.
    """

    name: str
    lines: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    def say(self, line: str, indent: int = 0) -> None:
        self.lines.append(f"{' ' * indent}{line}")

    def unknown(self, key: str, why: str, indent: int = 0, *, needed: bool = True) -> None:
        """A key that is left to be filled in."""
        self.say(f"# {key}: # {one_line(why)}", indent)
        if needed:
            self.open.append(key)


FLASH = "such as {card: Put the card into the board}; how an image comes onto it"


def one_line(text: str, limit: int = 200) -> str:
    """Somebody's text as a part of a comment; what is too long ends with a whole word."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    if len(line) <= limit:
        return line
    start = line[: limit - 3]
    return f"{start.rpartition(' ')[0] or start}..."


def quoted(text: str) -> str:
    """Somebody's text as a value."""
    text = one_line(text, 400)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9 ._/()+-]*[A-Za-z0-9)]", text) and text.lower() not in (
        *("yes", "no", "on", "off", "true", "false", "null"),
        *("y", "n"),
    ):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def board_name(machine: str) -> str:
    """The machine as the name of a board; empty when nothing of it can be one."""
    name = re.sub(r"[^a-z0-9]+", "-", machine.lower()).strip("-")[:64]
    return name if re.match(NAME_PATTERN, name) else ""
