"""Parses recipes with the real BitBake, and prints what it read of them as JSON.

Standard input: `[{"build": folder with conf/, "recipes": [path]}]`. Standard output, one object
for each: `conf` (variable -> value), `recipes` (path -> `values`, `flags`, `tasks`, `uses`,
`skipped`) and `messages`, what BitBake warned of or refused. Every variable is expanded, and
the functions of every task are read as shell or Python.

BitBake is GPL-2.0-only, so this is a program of its own, and nothing imports it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import types
from pathlib import Path
from typing import Any

# Of BitBake's own parts the wheel lacks this one, which only builds need.
for module in ("hashserv", "hashserv.client"):
    sys.modules[module] = types.ModuleType(module)

import bb.cookerdata  # noqa: E402
import bb.siggen  # noqa: E402

FLAGS = ("SRC_URI", "PACKAGECONFIG", "do_rootfs")


class OEEquivHash(bb.siggen.SignatureGeneratorBasic):  # type: ignore[misc]
    """oe-core's handler by name, as a configuration may ask for it."""

    name = "OEEquivHash"


bb.siggen.SignatureGeneratorOEEquivHash = OEEquivHash


class Messages(logging.Handler):
    """Keeps what is a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        self.texts.append(f"{record.getMessage()}{f': {cause}' if cause else ''}")


def main() -> None:
    messages = Messages()
    logger = logging.getLogger("BitBake")
    logger.addHandler(messages)
    logger.propagate = False
    answers = []
    for request in json.load(sys.stdin):
        messages.texts = []
        answer: dict[str, Any] = {"conf": {}, "recipes": {}, "messages": messages.texts}
        os.chdir(request["build"])
        try:
            _parse(request, answer)
        except (Exception, SystemExit) as error:
            messages.texts.append(f"{type(error).__name__}: {error}")
        answers.append(answer)
    json.dump(answers, sys.stdout)


def _parse(request: dict[str, Any], answer: dict[str, Any]) -> None:
    configuration = bb.cookerdata.CookerConfiguration()
    configuration.env = {"BBPATH": request["build"], "PATH": os.environ["PATH"]}
    builder = bb.cookerdata.CookerDataBuilder(configuration)
    builder.parseBaseConfiguration()
    answer["conf"] = _values(builder.data)
    for recipe in request["recipes"]:
        stores = builder.parseRecipeVariants(recipe, [], layername="edgeimg")
        for variant, d in stores.items():
            name = recipe if not variant else f"{variant}:{recipe}"
            answer["recipes"][name] = _recipe(Path(recipe), d)


def _recipe(path: Path, d: Any) -> dict[str, Any]:
    tasks = sorted(d.getVar("__BBTASKS", False) or [])
    _, uses, _ = bb.data.generate_dependencies(d, set())
    return {
        "values": _values(d),
        "flags": {name: _flags(d, name) for name in FLAGS},
        "tasks": tasks,
        "uses": {task: sorted(_closure(task, uses)) for task in tasks},
        "skipped": d.getVar("__SKIPPED") or "",
        "folders": [str(path.parent / d.getVar(name)) for name in ("BP", "BPN")],
    }


def _values(d: Any) -> dict[str, str]:
    values = {name: d.getVar(name) for name in sorted(d.keys()) if not name.startswith("__")}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _flags(d: Any, name: str) -> dict[str, str]:
    flags = d.getVarFlags(name, expand=list(d.getVarFlags(name) or {})) or {}
    return {flag: value for flag, value in flags.items() if isinstance(value, str)}


def _closure(task: str, uses: dict[str, Any]) -> set[str]:
    """All variables and functions that a task's signature is made of."""
    found: set[str] = set()
    new = {task}
    while new:
        found |= new
        new = {one for name in new for one in uses.get(name, ())} - found
    return found


main()
