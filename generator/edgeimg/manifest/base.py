"""What all manifests share: strictness, names, safe paths."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic import StringConstraints as Constraints


class Manifest(BaseModel):
    """A frozen mapping of a manifest; a key that is not described is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True
    )


def _one(value: Any) -> Any:
    # True and 1.0 are equal to 1, so that a plain Literal[1] would take them.
    if type(value) is not int or value != 1:
        raise ValueError(f"'{str(value)[:60]}' is not a format that is read here; write 1")
    return value


Version = Annotated[
    Literal[1],
    BeforeValidator(_one),
    Field(description="Version of this file's format; always 1."),
]

# Patterns are the Rust engine's, whose `$` is the very end, not a place before a newline.
NAME_PATTERN = r"^[a-z0-9][a-z0-9-]*$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
WORD_PATTERN = r"^[A-Za-z0-9_.,:=/@+\-]+$"
PACKAGE_PATTERN = r"^[a-z0-9][a-z0-9+.\-]+$"
DEVICE_PATTERN = r"^/dev/[A-Za-z0-9_.:/\-]+$"
MODULE_PATTERN = r"^[A-Za-z0-9_\-]+$"
SYMBOL_PATTERN = r"^BR2_[A-Za-z0-9_]+$"
KERNEL_SYMBOL_PATTERN = r"^CONFIG_[A-Za-z0-9_]+$"
VARIABLE_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*(:[a-z0-9-]+)*$"
COMMIT_PATTERN = r"^[0-9a-f]{40}$"

# What a text that does not match is not, and what it may hold.
PATTERN_SAYS = {
    NAME_PATTERN: (
        "is not a name",
        "Lower-case letters, digits and hyphens, beginning with a letter or digit.",
    ),
    SHA256_PATTERN: ("is not a SHA-256", "64 hexadecimal digits, in lower case."),
    WORD_PATTERN: ("is not a plain word", "Letters, digits and _ . , : = / @ + -, no spaces."),
    PACKAGE_PATTERN: (
        "is not the name of a package",
        "Lower-case letters, digits and + . -, beginning with a letter or digit.",
    ),
    MODULE_PATTERN: (
        "is not the name of a kernel module",
        "Letters, digits, _ and -, without a path or '.ko'.",
    ),
    DEVICE_PATTERN: ("is not a device", "Such as /dev/video0."),
    SYMBOL_PATTERN: ("is not a symbol of Buildroot's", "BR2_ and letters, digits, _."),
    KERNEL_SYMBOL_PATTERN: ("is not a symbol of the kernel's", "CONFIG_ and letters, digits, _."),
    VARIABLE_PATTERN: ("is not a variable of BitBake's", "Such as IMAGE_FSTYPES or FOO:append."),
    COMMIT_PATTERN: ("is not a commit", "All 40 hexadecimal digits, in lower case."),
}

Name = Annotated[
    str,
    Constraints(pattern=NAME_PATTERN, max_length=64),
    Field(description="Lower-case letters, digits and hyphens, beginning with a letter or digit."),
]

Sha256 = Annotated[str, Constraints(pattern=SHA256_PATTERN)]

# A word of a command line or of the kernel's: one that needs no quoting anywhere.
Word = Annotated[str, Constraints(pattern=WORD_PATTERN, max_length=256)]

PackageName = Annotated[str, Constraints(pattern=PACKAGE_PATTERN, max_length=128)]

DevicePath = Annotated[str, Constraints(pattern=DEVICE_PATTERN, max_length=200)]

ModuleName = Annotated[str, Constraints(pattern=MODULE_PATTERN, max_length=64)]


def _one_line(text: str) -> str:
    # Control characters, and what YAML takes for the end of a line.
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValueError("control characters are not allowed; write one line of text")
    return text


Text = Annotated[str, Constraints(max_length=500), AfterValidator(_one_line)]

# A line that may be long, such as a public key.
Line = Annotated[str, Constraints(max_length=16384), AfterValidator(_one_line)]


def _no_comment(text: str) -> str:
    if "#" in text:
        raise ValueError("make reads a '#' in a .config as the begin of a comment; leave it out")
    return text


# What Kconfig knows: y or n (true, false), m, a number, or text.
ConfigValue = bool | int | Annotated[Line, AfterValidator(_no_comment)]
Config = dict[Annotated[str, Constraints(pattern=SYMBOL_PATTERN, max_length=128)], ConfigValue]
KernelConfig = dict[
    Annotated[str, Constraints(pattern=KERNEL_SYMBOL_PATTERN, max_length=128)], ConfigValue
]

Commit = Annotated[str, Constraints(pattern=COMMIT_PATTERN)]

# Lines of local.conf: `NAME = "value"`; `${NAME}` in a value is expanded, Python is not.
YoctoConf = dict[Annotated[str, Constraints(pattern=VARIABLE_PATTERN, max_length=128)], Line]


def _specifier(text: str) -> str:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise ValueError(f"'{text[:60]}' is no version specifier, such as >=6.8,<6.12") from None
    return text


Number = Annotated[str, Constraints(pattern=r"^[0-9]+(\.[0-9]+)*$", max_length=32)]
Versions = Annotated[str, Constraints(max_length=64), AfterValidator(_specifier)]


class Provided(Manifest):
    """A part that is there in this version, for what asks for it."""

    version: Number
    source: Text = Field(description="What provides it, and where this is known from.")
    checked: Text = Field(description="When and how it was checked.")


# By part: `kernel`, `mesa`, or what else somebody's `requires` names.
Provides = dict[Name, Provided]


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("leaves the folder; write a path below it, without '..'")
    return _path(path)


def _path(path: str) -> str:
    if not path:
        raise ValueError("is empty")
    return _one_line(path)


# A path below the manifest's own folder, and one that may point anywhere.
InsideWord = Annotated[
    str, Constraints(pattern=WORD_PATTERN, max_length=500), AfterValidator(_inside)
]
InsidePath = Annotated[str, Constraints(max_length=500), AfterValidator(_inside)]
AnyPath = Annotated[str, Constraints(max_length=4096), AfterValidator(_path)]
