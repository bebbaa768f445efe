"""Writes symbols of Buildroot's into a product's file, and leaves the rest of it as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edgeimg.cache import write_atomic
from edgeimg.manifest.base import ConfigValue


def keep_config(path: Path, values: Mapping[str, ConfigValue]) -> bool:
    """Puts the symbols under `buildroot.config`; whether the file could be changed so.

    It is changed line by line, so comments stay. When the outcome does not read as it
    must (somebody wrote a mapping in braces), nothing is written.
    """
    before = path.read_text(encoding="utf-8")
    wanted = _read(before)
    buildroot = wanted.setdefault("buildroot", {}) or {}
    config = buildroot.get("config") or {}
    wanted["buildroot"] = {**buildroot, "config": {**config, **values}}
    lines = _with(before.splitlines(), values)
    after = "\n".join(lines) + "\n"
    try:
        good = _read(after) == wanted
    except yaml.YAMLError:
        good = False
    if good:
        write_atomic(path, after.encode())
    return good


def yaml_lines(values: Mapping[str, ConfigValue], *, indent: int) -> list[str]:
    """The symbols as lines of YAML."""
    return [f"{' ' * indent}{symbol}: {_scalar(value)}" for symbol, value in values.items()]


def _read(text: str) -> dict[str, Any]:
    read = yaml.load(text, yaml.BaseLoader)  # every scalar as it is written
    return read if isinstance(read, dict) else {}


def _scalar(value: ConfigValue) -> str:
    if isinstance(value, str) and value not in ("y", "n", "m"):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _with(lines: list[str], values: Mapping[str, ConfigValue]) -> list[str]:
    """The lines of a product with the symbols in their block."""
    top = _block(lines, 0, len(lines), "buildroot")
    if top is None:
        return [*lines, "buildroot:", "  config:", *yaml_lines(values, indent=4)]
    inner = _block(lines, top[0] + 1, top[1], "config")
    if inner is None:
        at = _indent(lines, top, 2)
        new = [f"{' ' * at}config:", *yaml_lines(values, indent=at + 2)]
        return [*lines[: top[1]], *new, *lines[top[1] :]]
    at = _indent(lines, inner, _indent(lines, top, 2) + 2)
    block = [line for line in lines[inner[0] : inner[1]] if not _is_one_of(line, values)]
    return [*lines[: inner[0]], *block, *yaml_lines(values, indent=at), *lines[inner[1] :]]


def _block(lines: list[str], start: int, end: int, key: str) -> tuple[int, int] | None:
    """The lines of `key:` and what is below it; blank lines and comments after it are not."""
    for index in range(start, end):
        found = re.match(rf"( *){key}:\s*(#.*)?$", lines[index])
        if not found:
            continue
        last = index + 1
        for other in range(index + 1, end):
            text = lines[other]
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            if len(text) - len(text.lstrip()) <= len(found[1]):
                break
            last = other + 1
        return index, last
    return None


def _indent(lines: list[str], block: tuple[int, int], default: int) -> int:
    """How far what is in the block is indented."""
    for line in lines[block[0] + 1 : block[1]]:
        if line.strip() and not line.lstrip().startswith("#"):
            return len(line) - len(line.lstrip())
    return default


def _is_one_of(line: str, values: Mapping[str, ConfigValue]) -> bool:
    return line.strip().partition(":")[0] in values
