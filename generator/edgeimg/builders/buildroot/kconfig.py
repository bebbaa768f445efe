"""Why Buildroot does not have a symbol as it was asked for, read from its Kconfig."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edgeimg.errors import UserError, did_you_mean
from edgeimg.process import run

LEGACY = "Config.in.legacy"
NO = 0
# Type of a symbol -> how a defconfig writes a value of it, and a manifest.
TAKES = {
    "bool": ("[yn]", "y or n"),
    "tristate": ("[ymn]", "y, m or n"),
    "int": ("-?[0-9]+", "a whole number, without quotes"),
    "hex": ("0x[0-9A-Fa-f]+", "a number that begins with 0x"),
    "string": ('".*"', "text: put it in quotes"),
}


def explain(
    dropped: Sequence[tuple[str, str]],
    places: Mapping[str, str],
    buildroot: Path,
    output: Path,
) -> list[UserError]:
    """An error for each symbol: what it depends on and is not so, or what became of it.

    Args:
        dropped: symbols, with the values asked for as a defconfig has them.
        places: where the product asks for a symbol, if it does.
        buildroot: the checkout.
        output: the output folder, whose .config says what is set.
    """
    with environment(buildroot, output):
        kconfig = read_kconfig(buildroot / "Config.in", output / ".config")
        return [
            _error(kconfig, symbol, value, places.get(symbol, f"{symbol}={value}"))
            for symbol, value in dropped
        ]


def read_kconfig(file: Path, config: Path) -> Any:
    """A Kconfig tree with the values of a .config. `srctree` in the environment is its base."""
    import kconfiglib

    kconfig = kconfiglib.Kconfig(str(file), warn=False)
    kconfig.load_config(str(config))
    return kconfig


def _error(kconfig: Any, name: str, value: str, place: str) -> UserError:
    symbol = kconfig.syms.get(name)
    if symbol is None or not symbol.nodes:
        known = [one for one in kconfig.syms if one.startswith("BR2_")]
        hint = did_you_mean(name, known) if _near(name, known) else "Look for it in menuconfig."
        return UserError(f"this Buildroot has no {name}", place=place, hint=hint)
    if any(node.filename.endswith(LEGACY) for node in symbol.nodes):
        return UserError(f"upstream has removed or renamed {name}", place=place, hint=_help(symbol))
    said = f"Buildroot drops {name}={value}: "
    if unmet := list(dict.fromkeys(_unmet(symbol))):
        needs = "it depends on" if len(unmet) == 1 else "it depends on all of"
        hint = "Set what is missing in buildroot.config, or leave it out."
        if all(one.startswith("BR2_HOST_GCC_AT_LEAST_") for one in unmet):
            hint = "This machine's gcc is too old for it."
        return UserError(f"{said}{needs} {', '.join(unmet)}", place=place, hint=hint)
    return UserError(f"{said}{_otherwise(symbol, value)}", place=place)


def _near(name: str, known: list[str]) -> bool:
    import difflib

    return bool(difflib.get_close_matches(name, known, n=1, cutoff=0.6))


def _help(symbol: Any) -> str:
    """What upstream's help says of a symbol that is gone."""
    texts = [" ".join(node.help.split()) for node in symbol.nodes if node.help]
    prompts = [node.prompt[0] for node in symbol.nodes if node.prompt]
    return next(iter([*texts, *prompts]), "")


def _unmet(symbol: Any) -> Iterator[str]:
    """The parts of the dependency that are not so, as Kconfig writes them."""
    import kconfiglib

    if kconfiglib.expr_value(symbol.direct_dep) == NO:
        yield from _false_parts(symbol.direct_dep)
        return
    for node in symbol.nodes:
        if node.prompt and kconfiglib.expr_value(node.prompt[1]) == NO:
            yield from _false_parts(node.prompt[1])


def _false_parts(expression: Any) -> Iterator[str]:
    import kconfiglib

    if kconfiglib.expr_value(expression) != NO:
        return
    if isinstance(expression, tuple) and expression[0] is kconfiglib.AND:
        for part in expression[1:]:
            yield from _false_parts(part)
    else:
        yield kconfiglib.expr_str(expression)


def _otherwise(symbol: Any, value: str) -> str:
    """Why its value is another although it may be set."""
    import kconfiglib

    if value == "n":
        selecting = [
            kconfiglib.expr_str(one)
            for one in kconfiglib.split_expr(symbol.rev_dep, kconfiglib.OR)
            if kconfiglib.expr_value(one) != NO
        ]
        if selecting:
            return f"it is selected by {', '.join(selecting)}"
    if not any(node.prompt for node in symbol.nodes):
        return "it cannot be set, others select it"
    if symbol.choice is not None and symbol.choice.selection is not None:
        return f"{symbol.choice.selection.name} is chosen in its place"
    pattern, takes = TAKES[kconfiglib.TYPE_TO_STR[symbol.type]]
    if not re.fullmatch(pattern, value):
        return f"it takes {takes}"
    return f"its value there is '{symbol.str_value}'"


@contextmanager
def environment(buildroot: Path, output: Path) -> Iterator[None]:
    """What Buildroot's make tells Kconfig; the parser reads it from our own environment."""
    ours = {
        "srctree": str(buildroot),
        "BASE_DIR": str(output),
        "BR2_BASE_DIR": str(output),
        **_external_trees(output),
        "HOSTARCH": os.uname().machine,
        "HOST_GCC_VERSION": _gcc(buildroot / "Config.in"),
        "BR2_VERSION_FULL": "",
        "CONFIG_": "",
        "SKIP_LEGACY": "",
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _external_trees(output: Path) -> dict[str, str]:
    """Symbols that paths of Kconfig files name; Kconfig expands them, the parser does not."""
    with suppress(OSError):
        text = (output / ".br2-external.in.paths").read_text(encoding="utf-8")
        return dict(re.findall(r'^config (\w+)\n\tstring\n\tdefault "(.*)"$', text, re.MULTILINE))
    return {}


def _gcc(file: Path) -> str:
    """The host compiler's version as Buildroot's make tells it, no newer than it knows."""
    if shutil.which("gcc") is None:
        return ""
    text = file.read_text(encoding="utf-8", errors="replace")
    known = [int(one) for one in re.findall(r"^config BR2_HOST_GCC_AT_LEAST_(\d+)$", text, re.M)]
    major = run(["gcc", "-dumpversion"], check=False).stdout.partition(".")[0]
    return str(min(int(major), max(known, default=0))) if major.isdigit() else ""
