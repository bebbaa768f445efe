"""rknn-toolkit2, Rockchip's compiler for the RKNPU.

Seen in the log of 2.3.2: a table with a line for each step, in the order of execution, and
the sums of memory. The compiled file does not say what runs where. The table has no tensors:
a step has the name of the operator that it was made from, perhaps with more behind it.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgeimg.errors import UserError
from edgeimg.prepare.compilers import Answer, Job, Row

NAME = "rknn-toolkit2"
FORMATS = ("onnx",)
SCRIPT = Path(__file__).with_name("rknn_child.py")
MEMORY_MIB = 16384  # of address space, much of it libraries of PyTorch that are never touched

# ID, kind, element type, target, shapes, cycles (memory, NPU, total), KiB, type:name.
_STEP = re.compile(
    r"\] \d+ +(?P<kind>\S+) +\S+ +(?P<target>NPU|CPU|GPU) .* \d+/\d+/(?P<cycles>\d+) +\S+ +"
    r"\w+:(?P<name>.*?) *$"
)
_MEMORY = re.compile(r"Total (?:Internal|Weight) Memory Size: ([\d.]+)([KMG]?)B")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_EDGES = ("InputOperator", "OutputOperator")  # not the model's: they stand for its ends


def compile(job: Job) -> Answer:
    """See `edgeimg.prepare.compilers`."""
    compiled = job.folder / "model.rknn"
    arguments: list[str | Path] = [job.model, compiled, *job.options]
    done = job.run(NAME, SCRIPT, arguments, memory_mib=MEMORY_MIB)
    return read_answer(compiled, done.stdout)


def read_answer(compiled: Path, said: str) -> Answer:
    """What the toolkit wrote, and its log.

    Raises:
        UserError: the file is missing, or the log is not as in the version known here.
    """
    if not compiled.is_file():
        raise UserError(
            f"{NAME} ended well and wrote no compiled model", hint="Is its version a known one?"
        )
    steps = [match for line in said.splitlines() if (match := _STEP.search(line))]
    rows = tuple(
        Row(
            name=step["name"],
            type=step["kind"],
            cycles=int(step["cycles"]),
            memory=0,
            on_cpu=step["target"] != "NPU",
        )
        for step in steps
        if step["kind"] not in _EDGES
    )
    if not rows:
        raise UserError(
            f"{NAME}'s log is not understood (it has no table of steps)",
            hint="Take a version of it that is known here.",
        )
    used = sum(round(float(size) * _UNITS[unit]) for size, unit in _MEMORY.findall(said))
    cycles = sum(row.cycles for row in rows if not row.on_cpu)
    return Answer(file=compiled, rows=rows, cycles=cycles or None, memory={"dram": used})
