"""`bsp import`: from the layers of a BSP to the boards' YAML on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeimg.bsp.board import Facts, draft
from edgeimg.bsp.draft import Draft, one_line
from edgeimg.bsp.find import Bsp, no_machine
from edgeimg.bsp.origin import Origin, origin
from edgeimg.bsp.read import read
from edgeimg.bsp.reading import Machine, Reading
from edgeimg.cache import write_atomic
from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.architectures import Architectures
from edgeimg.catalog.builders import YoctoCatalog
from edgeimg.catalog.search import Catalog
from edgeimg.errors import UserError, did_you_mean
from edgeimg.events import Report, Step
from edgeimg.manifest.load import shown


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A machine, and what became of it.

    Attributes:
        state: `written`, `same`, `kept` (the user's file was left), or `failed`.
        problem: why it failed.
        open: keys that somebody has to fill in.
        facts: what was found, by a word.
    """

    machine: str
    state: str
    board: str = ""
    path: Path | None = None
    problem: str = ""
    open: tuple[str, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "board": self.board,
            "state": self.state,
            "path": str(self.path) if self.path else None,
            "problem": self.problem,
            "to fill in": list(self.open),
            **self.facts,
        }


def facts(catalog: Catalog) -> Facts:
    """What the catalogue says of architectures, layers and accelerators."""
    path = catalog.file("catalog/architectures.yaml")
    return Facts(
        yocto=catalog.read(catalog.file("catalog/yocto.yaml"), YoctoCatalog).value,
        architectures=catalog.read(path, Architectures).value.architectures,
        accelerators=[
            catalog.read(path, Accelerator).value for path in catalog.files("accelerator")
        ],
    )


def import_boards(
    bsp: Bsp,
    known: Facts,
    out: Path,
    *,
    machines: Sequence[str],
    force: bool,
    report: Report,
) -> tuple[list[Imported], list[str]]:
    """Writes a board for each machine of the BSP; what happened, and what the user should know.

    Args:
        out: the folder for the files; made when it is missing.
        machines: names of those that are wanted; none: all.
        force: overwrite what is there.

    Raises:
        UserError: there is no machine, or none of that name.
    """
    report(Step(name="layers", detail=str(len(bsp.layers)) if bsp.layers else str(bsp.build)))
    reading = read(
        bsp.bitbake,
        bsp.layers,
        build=bsp.build,
        machines=list(machines) or None,
        own=bsp.own,
        hints=tuple(known.parts),
        report=report,
    )
    if reading.problem:
        raise UserError(f"BitBake cannot read these layers: {reading.problem}")
    for name in machines:
        if name not in reading.found:
            raise UserError(
                f"no machine '{name[:60]}'",
                place="--machine",
                hint=did_you_mean(name, sorted(reading.found)),
            )
    if not reading.machines:
        there = [one for one in bsp.own or () if any((one / "conf/machine").glob("*.conf"))]
        if there:
            raise UserError(
                "has machines and does not add itself to BBPATH: BitBake cannot find them",
                place=shown(there[0] / "conf/layer.conf"),
                hint='Add: BBPATH .= ":${LAYERDIR}"',
            )
        raise UserError(
            "no layer here has a machine (conf/machine/NAME.conf)",
            hint=no_machine(bsp.missing),
        )
    origins = origins_of(reading)
    taken: dict[str, str] = {}
    done = []
    for machine in reading.machines:
        done.append(_one(machine, reading, origins, known, bsp, out, taken, force=force))
    notes = [*bsp.notes, *(f"not checked out: {one}" for one in bsp.missing)]
    notes += [f"{shown(one.path)}: {one.problem}" for one in reading.layers if one.problem]
    notes += _not_found(reading, bsp)
    if not reading.core and bsp.build is not None:
        notes.append("openembedded-core is not among the layers")
    return done, list(dict.fromkeys(notes))


def _not_found(reading: Reading, bsp: Bsp) -> list[str]:
    """For each file that machines include and that is in no layer: a line, and what to do."""
    machines: dict[str, list[str]] = {}
    for machine in reading.machines:
        for file in machine.missing:
            machines.setdefault(file, []).append(machine.name)
    lines = []
    for file, names in machines.items():
        more = f" and {len(names) - 1} more need" if names[1:] else " needs"
        has = next((one for one in bsp.beside if (one / file).is_file()), None)
        todo = f"{shown(has)} has it" if has is not None else "another layer has it"
        lines.append(f"{one_line(file)} was not found, which {names[0]}{more}: {todo}; name it too")
    return lines


def origins_of(reading: Reading) -> dict[Path, Origin]:
    """The checkout of each layer."""
    series = tuple(name for layer in reading.layers for name in layer.corenames)
    return {one.path: origin(one.path, series) for one in reading.layers}


def _one(
    machine: Machine,
    reading: Reading,
    origins: dict[Path, Origin],
    known: Facts,
    bsp: Bsp,
    out: Path,
    taken: dict[str, str],
    *,
    force: bool,
) -> Imported:
    if machine.problem is not None:
        return Imported(machine=machine.name, state="failed", problem=machine.problem)
    made = draft(machine, reading, origins, known, chosen=bsp.chosen, out=out)
    if not made.name or made.name in taken:
        other = f"; {taken[made.name]} has it" if made.name in taken else ""
        why = f"'{made.name or machine.name}' cannot be the name of its board{other}"
        return Imported(machine=machine.name, state="failed", problem=why)
    taken[made.name] = machine.name
    path = out / f"{made.name}.yaml"
    return Imported(
        machine=machine.name,
        board=made.name,
        state=put(path, made, force=force),
        path=path,
        open=tuple(made.open),
        facts=made.shown,
    )


def put(path: Path, made: Draft, *, force: bool) -> str:
    """Writes a board, but not over what somebody may have written; what was done."""
    content = made.text.encode()
    if path.is_file() and path.read_bytes() == content:
        return "same"
    if path.exists() and not force:
        return "kept"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)
    return "written"
