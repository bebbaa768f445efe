"""Reads layers and machines with BitBake's parser, which runs as a program of its own.

BitBake is GPL-2.0-only: it is never imported here. `child/` is started with the BitBake
that the user names, that lies with the BSP, or that the package `bitbake-setup` holds (extra
`bsp`). Layers may hold Python, and BitBake runs it: reading a layer trusts it as building does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgeimg.bsp.reading import Collection, Kernel, Layer, Machine, Reading, Recipe
from edgeimg.errors import InternalError, UserError
from edgeimg.events import Progress, Report
from edgeimg.manifest.load import shown
from edgeimg.process import run

CHILD = (sys.executable, "-P", "-m", "edgeimg.bsp.child")
SECONDS = 60  # for one step of reading a machine; by the clock, and others may have the CPU
PATIENCE = 600.0  # seconds for all
MEMORY_MIB = 2048
# How often a layer that is read apart may end the reader before the others are given up.
DEATHS = 5
# What is asked of a machine.
WORDS = (
    "BB_DANGLINGAPPENDS_WARNONLY",
    "DEFAULTTUNE",
    "DISTRO",
    "DISTRO_FEATURES",
    "EFI_PROVIDER",
    "IMAGE_FSTYPES",
    "INIT_MANAGER",
    "KERNEL_IMAGETYPE",
    "MACHINE_FEATURES",
    "PREFERRED_PROVIDER_u-boot",
    "PREFERRED_PROVIDER_virtual/bootloader",
    "PREFERRED_PROVIDER_virtual/kernel",
    "SERIAL_CONSOLES",
    "TCLIBC",
    "TUNE_ARCH",
    "TUNE_CCARGS",
    "TUNE_FEATURES",
    "UBOOT_CONFIG",
    "UBOOT_MACHINE",
)


def find_bitbake(named: Path | None, beside: Sequence[Path] = ()) -> Path:
    """The folder that holds the package `bb`: the named, else one with the BSP, else the wheel's.

    Raises:
        UserError: there is none.
    """
    if named is not None:
        for folder in (named / "lib", named):
            if (folder / "bb/__init__.py").is_file():
                return folder.resolve()
        raise UserError(
            "is no checkout of BitBake: it has no lib/bb",
            place=shown(named),
            hint="Name the folder that holds bin/bitbake.",
        )
    for folder in beside:
        if (folder / "lib/bb/__init__.py").is_file():
            return (folder / "lib").resolve()
    found = importlib.util.find_spec("bb")  # looks for it, and does not import it
    if found is not None and found.origin is not None:
        return Path(found.origin).resolve().parent.parent
    raise UserError(
        "BitBake is needed to read layers, and is not here",
        hint="Name yours with --bitbake, or install it: pip install 'edgeimg[bsp]'.",
    )


def read(
    bitbake: Path,
    layers: Sequence[Path] | None,
    *,
    build: Path | None = None,
    local: bool = False,
    local_conf: str = "",
    machines: Sequence[str] | None = None,
    own: Sequence[Path] | None = None,
    hints: Sequence[str] = (),
    preferred: bool = False,
    added: Mapping[str, str] | None = None,
    apart: bool = False,
    report: Report | None = None,
) -> Reading:
    """Reads a stack of layers.

    Args:
        bitbake: folder that holds the package `bb`.
        layers: in the order of BBLAYERS; None: those of the build folder's bblayers.conf.
        build: a build folder, with conf/.
        local: whether its conf/local.conf counts.
        local_conf: what stands for that file where there is no build folder.
        machines: names; None: all of the layers `own`.
        own: None: all layers but oe-core.
        hints: recipes that are looked at for each machine.
        preferred: tell each machine's PREFERRED_VERSION and PREFERRED_PROVIDER.
        added: variables; what the configuration would say if local.conf set them.
        apart: read each layer's layer.conf by itself, and no machine.

    Raises:
        UserError: BitBake does not run, or the layers end it.
    """
    request: dict[str, Any] = {
        "bitbake": str(bitbake),
        "layers": None if layers is None else [str(one) for one in layers],
        "local": local or bool(local_conf),
        "own": None if own is None else [str(one) for one in own],
        "machines": None if machines is None else list(machines),
        "recipes": list(hints),
        "words": WORDS,
        "preferred": preferred,
        "added": dict(added or {}),
        "seconds": SECONDS,
        "memory_mib": MEMORY_MIB,
        "apart": apart,
    }
    answers = _Answers(report)
    for _ in range(DEATHS):
        ended = _ask(request, build, local_conf, answers)
        if answers.ended:
            return answers.reading()
        at = answers.begun
        if not apart or at is None:
            few = "Name those machines that you want with --machine."
            hint = few if answers.stack else _hint(bitbake)
            raise UserError(f"BitBake cannot read these layers: {ended}", hint=hint)
        answers.layers[at] = {
            "path": at,
            "problem": f"ended the reader: {ended}",
            "collections": (),
            "corenames": (),
        }
        request["layers"] = [one for one in request["layers"] if one not in answers.layers]
    raise UserError(
        f"{DEATHS} layers have ended the reader, the last one is {at}: {ended}",
        hint="Put those that you want in a folder of their own.",
    )


def _hint(bitbake: Path) -> str:
    return f"It was BitBake in {shown(bitbake)}; --bitbake names another."


def _ask(request: dict[str, Any], build: Path | None, local_conf: str, answers: _Answers) -> str:
    """Runs the reader once; what ended it."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    env |= {"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    seconds = PATIENCE
    answers.begun, answers.ended = None, False
    with tempfile.TemporaryDirectory(prefix="edgeimg-bsp-") as scratch:
        if local_conf:
            (Path(scratch) / "conf").mkdir()
            (Path(scratch) / "conf/local.conf").write_text(local_conf, "utf-8")
        text = json.dumps({**request, "build": str((build or Path(scratch)).resolve())})
        try:
            done = run(
                CHILD,
                env=env,
                cwd=Path(scratch),
                input=text,
                timeout=seconds,
                check=False,
                # What local_conf says wrong is at a line of it, not of a folder that is gone.
                on_line=lambda line: answers.take(line.replace(f"{Path(scratch).resolve()}/", "")),
            )
        except InternalError:
            return f"took longer than {seconds:g} seconds"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if lines:
        return lines[-1].strip()[:300]
    return f"status {done.status}" if done.status >= 0 else "took too much memory or time"


class _Answers:
    """What the reader has said, line by line."""

    def __init__(self, report: Report | None) -> None:
        self.report = report
        self.begun: str | None = None
        self.ended = False
        self.layers: dict[str, dict[str, Any]] = {}
        self.problem: str | None = None
        self.stack: dict[str, Any] = {}
        self.machines: dict[str, dict[str, Any]] = {}

    def take(self, line: str) -> None:
        with suppress(ValueError, AttributeError, KeyError, TypeError):
            self._take(json.loads(line))

    def _take(self, answer: dict[str, Any]) -> None:
        if "layers" in answer:
            self.problem = answer["problem"]
        elif "layer" in answer:
            self.layers[answer["layer"]["path"]] = answer["layer"]
        elif "stack" in answer:
            self.stack = answer["stack"]
        elif "begin" in answer:
            self.begun = answer["begin"]
            if self.report is not None and self.stack:
                done, total = len(self.machines), len(self.stack["wanted"])
                self.report(
                    Progress(name="machines", done=done, total=total, detail=answer["begin"])
                )
        elif "machine" in answer:
            self.machines[answer["machine"]["name"]] = answer["machine"]
        elif "end" in answer:
            self.ended = True

    def reading(self) -> Reading:
        stack = self.stack
        found = {
            name: tuple(Path(one) for one in paths)
            for name, paths in stack.get("machines", {}).items()
        }
        return Reading(
            layers=tuple(_layer(one) for one in self.layers.values()),
            problem=self.problem or stack.get("problem"),
            core=bool(stack.get("core")),
            found=found,
            machines=tuple(_machine(self.machines[name], found) for name in sorted(self.machines)),
            recipes=tuple(_recipe(one) for one in stack.get("recipes", ())),
            appends=tuple(_recipe(one) for one in stack.get("appends", ())),
            values=_known(stack.get("values", {})),
            added=_known(stack.get("added") or {}),
            preferred=dict(stack.get("preferred", {})),
            masks=tuple(stack.get("masks", ())),
        )


def _known(values: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: one["value"] for name, one in values.items() if "value" in one}


def _layer(said: dict[str, Any]) -> Layer:
    collections = tuple(
        Collection(
            name=one["name"],
            priority=_number(one["priority"]),
            series=tuple(one["series"]),
            # Such as `core (>= 12)`: only the name is taken.
            depends=tuple(re.sub(r"\([^)]*\)", " ", one["depends"]).split()),
        )
        for one in said["collections"]
    )
    return Layer(
        path=Path(said["path"]),
        problem=said["problem"],
        collections=collections,
        corenames=tuple(said["corenames"]),
        missing=tuple(said.get("missing", ())),
    )


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else 0


def _machine(said: dict[str, Any], found: dict[str, tuple[Path, ...]]) -> Machine:
    name = said["name"]
    values = said.get("values", {})
    kernel = said.get("kernel") or None
    return Machine(
        name=name,
        paths=found.get(name, ()),
        problem=said["problem"],
        missing=tuple(said.get("missing", ())),
        values=_known(values),
        unknown={key: one["problem"] for key, one in values.items() if "problem" in one},
        kernel=kernel
        and Kernel(
            provider=kernel["provider"],
            wanted=kernel["wanted"],
            recipe=Path(kernel["recipe"]) if "recipe" in kernel else None,
            versions=tuple(kernel.get("versions", ())),
        ),
        hints=tuple(_recipe(one) for one in said.get("hints", ())),
        preferred=dict(said.get("preferred", {})),
        layers=tuple(Path(one) for one in said.get("layers", ())),
        deploys=said.get("deploys"),
    )


def _recipe(said: dict[str, Any]) -> Recipe:
    return Recipe(
        path=Path(said["path"]),
        name=said["name"],
        version=said["version"],
        collection=said["collection"],
        masked=said["masked"],
        compatible=said.get("compatible"),
    )
