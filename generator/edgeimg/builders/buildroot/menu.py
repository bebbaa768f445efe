"""Buildroot's menu on our terminal, and what was changed in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from edgeimg.builders.image import plain_environment
from edgeimg.errors import InternalError
from edgeimg.manifest.base import ConfigValue
from edgeimg.manifest.load import shown
from edgeimg.process import spawn


def open_menu(
    make: list[str], folder: Path, own: Mapping[str, ConfigValue], lists: Collection[str]
) -> tuple[dict[str, ConfigValue], list[str]]:
    """Opens the menu of a configured project.

    Args:
        make: the words that run the project's Makefile.
        folder: the project.
        own: the symbols of the product, before.
        lists: symbols of which a product says only what comes behind the entries of others.

    Returns:
        The changed symbols as the product says them, and those that it cannot say so.

    Raises:
        InternalError: it cannot be opened; make has said why.
    """
    changed = folder / "build" / "menuconfig"
    changed.unlink(missing_ok=True)
    with spawn(
        [*make, "--silent", "menuconfig"],
        env=plain_environment(),
        stdin=sys.stdin.fileno(),
        stdout=sys.stdout.fileno(),
        stderr=sys.stderr.fileno(),
    ) as process:
        status = process.wait()
    if status != 0 or not changed.exists():
        raise InternalError(
            "the menu cannot be opened",
            place=shown(folder),
            hint="Above is why; it needs the headers of ncurses (Debian: libncurses-dev).",
        )
    values = read_lines(changed.read_text(encoding="utf-8"))
    joined = read_lines((folder / "build" / "defconfig").read_text(encoding="utf-8"))
    lost = []
    for symbol in values.keys() & set(lists):
        others = str(joined.get(symbol, "")).removesuffix(str(own.get(symbol, "")))
        if str(values[symbol]).startswith(others):
            values[symbol] = str(values[symbol]).removeprefix(others).strip()
        else:
            del values[symbol]
            lost.append(symbol)
    return values, sorted(lost)


def read_lines(text: str) -> dict[str, ConfigValue]:
    """Lines of a .config as values of a manifest."""
    values: dict[str, ConfigValue] = {}
    for line in text.splitlines():
        if unset := re.fullmatch(r"# (BR2_\w+) is not set", line):
            values[unset[1]] = "n"
        elif found := re.fullmatch(r"(BR2_\w+)=(.*)", line):
            values[found[1]] = _value(found[2])
    return values


def _value(text: str) -> ConfigValue:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1]).replace("$$", "$")
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
