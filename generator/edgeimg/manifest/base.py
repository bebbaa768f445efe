"""What all manifests share: strictness, names, safe paths."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class Manifest(BaseModel):
    """A frozen mapping of a manifest; a key that is not described is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Version = Annotated[Literal[1], Field(description="Version of this file's format; always 1.")]

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64),
    Field(description="Lower-case letters, digits and hyphens, beginning with a letter or digit."),
]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

# A word of a command line or of the kernel's: one that needs no quoting anywhere.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.,:=/@+\-]+$", max_length=256)]

PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.\-]+$", max_length=128)]


def _one_line(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("control characters are not allowed; write one line of text")
    return text


Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(_one_line)]


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("leaves the folder; write a path below it, without '..'")
    return _path(path)


def _path(path: str) -> str:
    if not path:
        raise ValueError("is empty")
    return _one_line(path)


# A path below the manifest's own folder, and one that may point anywhere.
InsidePath = Annotated[str, StringConstraints(max_length=500), AfterValidator(_inside)]
AnyPath = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_path)]
