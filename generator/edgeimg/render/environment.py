"""Jinja2, set up so that what it makes looks hand-written, and quoting for each format.

User text reaches an emitted file only through the quoting of that file's format.
"""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any

from edgeimg.manifest.base import ConfigValue
from edgeimg.resources import data

if TYPE_CHECKING:
    from jinja2 import Environment


def make_value(text: str) -> str:
    """The right side of `NAME := ...` so that make takes it as it is written.

    Raises:
        ValueError: a line break, which make has no quoting for.
    """
    if "\n" in text or "\r" in text:
        raise ValueError("a line break in a make value")
    quoted = re.sub(r"(\\*)#", r"\1\1\\#", text.replace("$", "$$"))
    # `$()` is nothing; it keeps a backslash or a blank at the end what it is.
    return f"{quoted}$()" if quoted.endswith("\\") or quoted != quoted.rstrip() else quoted


# What a text may take from make: folders that only the build knows.
MAKE_FOLDERS = re.compile(r"\$\((?:TOPDIR|BINARIES_DIR|BR2_EXTERNAL_[A-Z0-9_]+_PATH)\)")


def kconfig_line(symbol: str, value: ConfigValue) -> str:
    """A line of a defconfig.

    In text a `$` stays a `$` when make reads the .config, but for the folders above.
    """
    if value in ("n", False):
        return f"# {symbol} is not set"
    if value is True or value in ("y", "m"):
        return f"{symbol}={'y' if value is True else value}"
    if isinstance(value, int) or re.fullmatch(r"0x[0-9A-Fa-f]+", value):
        return f"{symbol}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    parts = MAKE_FOLDERS.split(escaped)
    folders = [*MAKE_FOLDERS.findall(escaped), ""]
    text = "".join(a.replace("$", "$$") + b for a, b in zip(parts, folders, strict=True))
    return f'{symbol}="{text}"'


# What `${@...}`, which BitBake executes, can come of: any `${` but `${NAME}`, and a `$` before
# one, which may end up before a brace.
REFERENCE = re.compile(r"\$(?=\$\{)|\$(?=\{(?![A-Za-z][A-Za-z0-9_:-]*\}))")


def bitbake_value(text: str, references: bool = False) -> str:
    """The right side of `NAME = ...`, with its quotes.

    BitBake has no way to write a `${` that it does not expand: a blank is put between.

    Args:
        text: one line.
        references: `${NAME}` is meant to be expanded; `${@...}` never is.
    """
    safe = REFERENCE.sub("$ ", text) if references else text.replace("${", "$ {")
    if '"' not in safe:
        return f'"{safe}"'
    return "'" + safe.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") + "'"


def bitbake_line(name: str, value: str) -> str:
    """A line of local.conf."""
    return f"{name} = {bitbake_value(value, references=True)}"


def yaml_value(text: str) -> str:
    """A scalar of YAML: plain where nobody can take it for something else, else in quotes."""
    plain = re.fullmatch(r"[A-Za-z/][A-Za-z0-9_./@+~-]*(:[A-Za-z0-9_./@+~-]+)*", text)
    if plain and text.lower() not in ("y", "n", "yes", "no", "on", "off", "true", "false", "null"):
        return text
    return json.dumps(text, ensure_ascii=False)


def shell_value(text: str) -> str:
    """The right side of a shell assignment."""
    return shlex.quote(text)


def markdown(text: str) -> str:
    """Text in a Markdown paragraph: nothing in it is markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+!|~$&" else letter for letter in text)


@cache
def environment(builder: str) -> Environment:
    """The templates of one builder; an undefined name is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(data("templates") / builder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters["bitbake"] = bitbake_value
    made.filters["make"] = make_value
    made.filters["shell"] = shell_value
    made.filters["md"] = markdown
    made.filters["yaml"] = yaml_value
    return made


def render(builder: str, template: str, context: dict[str, Any]) -> str:
    """Renders `templates/<builder>/<template>.j2`."""
    return environment(builder).get_template(f"{template}.j2").render(context)
