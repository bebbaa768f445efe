"""Compilers for accelerators, on the host.

A compiler is one module of this package, chosen by the name that the accelerator's
catalogue entry gives as `compiler.module`. It has:

- `NAME`: what people call it;
- `FORMATS`: the model formats that it reads;
- `compile(job)`: the compiled file, and what the compiler says of each operator.

A compiler is a program of somebody else's on a file that came from anywhere: it runs in an
environment and a process of its own (`Job.run`), with limits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edgeimg.errors import InternalError, UserError
from edgeimg.prepare.modules import load_module
from edgeimg.process import Completed, last_lines, run

WALL_SECONDS = 1200.0
CPU_SECONDS = 900
MEMORY_MIB = 6144

# Limits first, then the tool's module, or a script of ours, in the same process: (memory,
# seconds, module, arguments).
_LAUNCH = """\
import contextlib, resource, runpy, sys
memory, seconds = int(sys.argv[1]) << 20, int(sys.argv[2])
with contextlib.suppress(ValueError):  # a lower limit of the user's stays
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
with contextlib.suppress(ValueError):
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
sys.argv = sys.argv[3:]
if sys.argv[0].endswith(".py"):
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the compiler says of one step, in the order of execution.

    Attributes:
        name: of the tensor that it makes, or of the operator, as the compiler calls it.
        type: of the operator that it was made from, as the compiler calls it.
        cycles: estimated.
        memory: bytes of the fast memory in use while it runs; 0 when it does not say.
        on_cpu: whether the accelerator leaves it to the CPU.
    """

    name: str
    type: str
    cycles: int
    memory: int
    on_cpu: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a compiler made.

    Attributes:
        file: the compiled model.
        rows: the steps; those on the CPU only where the compiled file does not tell them.
        reasons: why an operator stays on the CPU, by the name of the tensor that it makes.
        cycles: of one inference on the accelerator, estimated; None when it does not say.
        memory: bytes in use, by kind of memory: `sram`, `dram`, `flash`.
    """

    file: Path
    rows: tuple[Row, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    cycles: int | None = None
    memory: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model to compile.

    Attributes:
        python: of the environment that holds the compiler.
        model: the model file.
        folder: an empty folder to work in.
        options: of the catalogue entry.
        memory_kib: fast memory that the compiled model may use; None leaves it open.
    """

    python: Path
    model: Path
    folder: Path
    options: Sequence[str]
    memory_kib: int | None

    def run(
        self,
        name: str,
        module: str | Path,
        arguments: Sequence[str | Path],
        *,
        memory_mib: int = MEMORY_MIB,
    ) -> Completed:
        """Run a module of the compiler's environment, or a script in it, with limits.

        Raises:
            UserError: it fails, takes too long or too much memory.
        """
        launch = ["-I", "-c", _LAUNCH, str(memory_mib), str(CPU_SECONDS), module]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            done = run(
                [self.python, *launch, *arguments],
                cwd=self.folder,
                env=environment,
                timeout=WALL_SECONDS,
                check=False,
            )
        except InternalError as late:
            raise UserError(
                f"{name} took more than {WALL_SECONDS / 60:.0f} minutes and was ended",
                hint="Is the model very large, or damaged?",
            ) from late
        if done.status < 0:
            raise UserError(
                f"{name} crashed (signal {-done.status})",
                hint=f"The model is damaged, or takes more than {memory_mib} MiB or "
                f"{CPU_SECONDS // 60} minutes to compile.",
            )
        if done.status:
            said = last_lines(done.stderr, 1) or last_lines(done.stdout, 1)
            raise UserError(f"{name} does not compile it: {said[:300]}")
        return done


class CompilerModule(Protocol):
    """What a module of this package offers."""

    NAME: str
    FORMATS: tuple[str, ...]

    def compile(self, job: Job) -> Answer:
        """Compiles the job's model.

        Raises:
            UserError: the compiler does not take it, or its answer is not understood.
        """


def load(name: str) -> CompilerModule:
    """The module of a compiler.

    Raises:
        UserError: there is no such module.
    """
    module: CompilerModule = load_module(__name__, name, "compiler")
    return module
