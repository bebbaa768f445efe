"""Vendors' tools that flash boards: `catalog/flashers/`."""

from __future__ import annotations

import re

from pydantic import Field

from edgeimg.catalog.types import Pattern
from edgeimg.manifest.base import Manifest, Name, Text, Version, Word

# What its texts name in braces is filled in.
WORDS = re.compile(r"\{([a-z][a-z0-9-]*)\}")


class FlasherFailure(Manifest):
    """What a line of a vendor's tool means."""

    says: Pattern = Field(description="Pattern of its line.")
    means: Text
    next: Text = Field(description="What to do, as a sentence.")


class Flasher(Manifest):
    """A vendor's tool that flashes boards over USB; data of `catalog/flashers/`."""

    version: Version
    name: Name
    summary: Text
    programs: dict[Word, Text] = Field(
        min_length=1, description="What it needs, and the Debian package or other place of each."
    )
    root: bool = Field(default=False, description="Whether it runs as root.")
    rights: Text = Field(description="How an ordinary user may reach the board, as a sentence.")
    unpack: Name | None = Field(
        default=None, description="The file that is an archive; the steps run in what it holds."
    )
    raw: tuple[Name, ...] = Field(
        default=(), description="The files that it takes unpacked only, such as `image`."
    )
    steps: tuple[tuple[Text, ...], ...] = Field(
        min_length=1, description="Its commands; a word in braces is a file."
    )
    progress: Pattern | None = Field(
        default=None, description="Pattern of a line whose first group is the percentage done."
    )
    minutes: int = Field(gt=0, le=600, description="How long one step may take.")
    failures: tuple[FlasherFailure, ...] = ()
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")

    @property
    def words(self) -> set[str]:
        """The files that its steps name."""
        named = {word for step in self.steps for one in step for word in WORDS.findall(one)}
        return named | ({self.unpack} if self.unpack else set())
