"""Vela, Arm's compiler for the Ethos-U.

Seen in the output of 3.12.0 and 5.2.0:

- `model_vela.tflite`: what runs on the Ethos-U is one custom operator for each stretch;
- `model_per-layer.csv`: a line for each of its steps; 5.x has those of the CPU too;
- `model_summary_<system>.csv`: cycles, and memory in KiB;
- warnings on standard output that say why an operator stays on the CPU.
"""

from __future__ import annotations

import csv
import math
import re
import shutil
from pathlib import Path

from edgeimg.errors import UserError
from edgeimg.prepare.compilers import Answer, Job, Row

NAME = "Vela"
FORMATS = ("tflite",)
MODULE = "ethosu.vela"
CONFIGURATIONS = "Arm/vela.ini"  # its own, which the options name sections of

_STAYS_3 = re.compile(r"^Warning: .*?\b([A-Z][A-Z0-9_]*) '(.*)'.*Placing on CPU instead")
_STAYS_INFO = re.compile(r"^Info: ([A-Z][A-Z0-9_]*) '(.*)' is (a CPU only op)$")
_STAYS_5 = re.compile(r"^Warning \(supported operators\) operator: (\S+), ofm: '(.*)'")
_MEMORY = {
    "sram": ("sram_memory_used",),
    "dram": ("dram_memory_used",),
    "flash": ("on_chip_flash_memory_used", "off_chip_flash_memory_used"),
}


def compile(job: Job) -> Answer:
    """See `edgeimg.prepare.compilers`."""
    # A name of ours: Vela's files are called after the model's.
    model = job.folder / "model.tflite"
    shutil.copyfile(job.model, model)
    arguments: list[str | Path] = [model, "--output-dir", job.folder, "--config", CONFIGURATIONS]
    # Not --show-cpu-operations: 5.2.0 dies of it on some sound models (KeyError).
    arguments += ["--verbose-performance", *job.options]
    if job.memory_kib is not None:
        # Not left to the memory mode: 5.2 takes only this option for a limit.
        arguments += ["--arena-cache-size", str(job.memory_kib << 10)]
    done = job.run(NAME, MODULE, arguments)
    return read_answer(job.folder, done.stdout)


def read_answer(folder: Path, said: str) -> Answer:
    """What Vela wrote for `model.tflite` into the folder, and printed.

    Raises:
        UserError: files are missing, or are not as they were in the versions known here.
    """
    compiled = folder / "model_vela.tflite"
    summaries = sorted(folder.glob("model_summary_*.csv"))
    if not compiled.is_file() or not summaries:
        raise UserError(
            f"{NAME} ended well and wrote no compiled model", hint="Is its version a known one?"
        )
    try:
        summary = _table(summaries[0])[0]
        cycles = _whole(summary["cycles_total"])
        memory = {
            kind: sum(round(float(summary[key]) * 1024) for key in keys)
            for kind, keys in _MEMORY.items()
        }
        rows = _rows(folder / "model_per-layer.csv")
    except (KeyError, IndexError, ValueError, OSError) as error:
        raise UserError(
            f"{NAME}'s report is not understood ({type(error).__name__}: {error})",
            hint="Take a version of it that is known here.",
        ) from error
    return Answer(
        file=compiled, rows=rows, reasons=_reasons(said), cycles=cycles or None, memory=memory
    )


def _rows(path: Path) -> tuple[Row, ...]:
    """The steps on the Ethos-U; the names of columns differ between versions."""
    found = []
    for line in _table(path) if path.is_file() else []:
        if line.get("Target", "NPU") != "NPU":
            continue
        kind = line.get("TFLite_operator") or line["Original Operator"]
        memory = line.get("SRAM Usage") or line["Staging Usage"]
        row = Row(
            name=line["Name"], type=kind, cycles=_whole(line["Op Cycles"]), memory=_whole(memory)
        )
        found.append(row)
    return tuple(found)


def _table(path: Path) -> list[dict[str, str]]:
    """Lines by column; several graphs repeat the header."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    if not lines:  # nothing is on the Ethos-U
        return []
    header = lines[0]
    table = [dict(zip(header, line, strict=False)) for line in lines[1:] if line != header]
    if any(len(line) < len(header) for line in lines[1:]):
        raise ValueError(f"{path.name} has a short line")
    return table


def _whole(text: str) -> int:
    value = float(text)
    return round(value) if math.isfinite(value) else 0


def _reasons(said: str) -> dict[str, str]:
    """Why operators stay on the CPU: mostly the line after each warning."""
    found: dict[str, str] = {}
    lines = said.splitlines()
    for number, line in enumerate(lines):
        if info := _STAYS_INFO.match(line):
            found.setdefault(info[2], info[3])
        match = _STAYS_3.match(line) or _STAYS_5.match(line)
        if match is None:
            continue
        why = next((one.strip(" -") for one in lines[number + 1 : number + 2]), "")
        found.setdefault(match[2], why.removeprefix("Reason: ")[:200])
    return found
