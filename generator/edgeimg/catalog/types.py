"""What several kinds of catalogue entries are made of."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from edgeimg.manifest.base import Manifest, Name, Text, Versions


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"'{pattern[:60]}' is no pattern: {error}") from None
    return pattern


Pattern = Annotated[Text, AfterValidator(_compiles)]


class Requirement(Manifest):
    """What one release asks of another part."""

    by: Text = Field(description="Which of its parts asks, such as `the driver`.")
    part: Name = Field(
        description="What it asks for: `kernel`, `glibc`, a runtime, an architecture, a CPU "
        "feature, or another part that a board or a builder provides."
    )
    versions: Versions = Field(
        default="", description="Version specifier, such as `<6.12`; empty: any, if it is there."
    )
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")
