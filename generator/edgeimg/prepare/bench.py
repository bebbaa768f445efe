"""What a model takes: its times and its memory, on the host or as `edge-infer` measured them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from edgeimg.events import Progress, Report, Step
from edgeimg.plan.plan import PlannedModel
from edgeimg.prepare.hosts import Host, Load
from edgeimg.prepare.quantizers import frames_of

SECONDS = 60.0  # of measuring in one configuration; what is slow gets fewer iterations


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a model is run: `reference` or `default` kernels, and on how many threads."""

    kernels: str
    threads: int

    @property
    def name(self) -> str:
        return f"{self.kernels}-{self.threads}"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One measurement of one model.

    Attributes:
        memory_kib: peak of the process; on the host, what it grew by for the model.
        runtime: name and version.
    """

    model: str
    setting: Setting
    load_ms: float
    first_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    iterations: int
    memory_kib: int
    runtime: str

    def to_json(self) -> dict[str, Any]:
        """As plain data; kernels and threads stand beside the rest."""
        words = {key: value for key, value in vars(self).items() if key != "setting"}
        return {**words, "kernels": self.setting.kernels, "threads": self.setting.threads}


def bench_host(
    host: Host,
    models: Sequence[PlannedModel],
    settings: Sequence[Setting],
    iterations: int,
    report: Report,
) -> Iterator[Bench]:
    """Each model in each setting, by the host's interpreter, on the model's first sample.

    Raises:
        UserError: a sample is broken, or the interpreter does not take a model or a setting.
        InternalError: it crashed.
    """
    for setting in settings:
        host.check(setting.kernels)
    report(Step(name="measure", detail=f"{host.package} {host.version}"))
    total, done = len(models) * len(settings), 0
    for model in models:
        frame = list(islice(frames_of(model.samples[:1], model), 1))
        for setting in settings:
            load = Load(
                path=model.path,
                sha256=model.info.sha256,
                inputs=tuple(one.tensor for one in model.inputs),
                outputs=tuple(one.tensor for one in model.outputs),
                mode=setting.kernels,
                threads=setting.threads,
            )
            times, memory = host.bench([load], frame, iterations=iterations, seconds=SECONDS)
            done += 1
            report(Progress(name="measure", done=done, total=total, detail=model.name))
            yield Bench(
                model=model.name,
                setting=setting,
                load_ms=times[0].load_ms,
                first_ms=times[0].first_ms,
                p50_ms=times[0].percentile(50),
                p90_ms=times[0].percentile(90),
                p99_ms=times[0].percentile(99),
                iterations=len(times[0].times_ms),
                memory_kib=memory,
                runtime=f"{host.package} {host.version}",
            )


def from_app(model: str, setting: Setting, words: Mapping[str, Any]) -> Bench:
    """What `edge-infer --benchmark` printed.

    Raises:
        KeyError, TypeError, ValueError: it is not that.
    """
    numbers = {key: float(words[key]) for key in ("load_ms", "first_ms", "p50_ms", "p90_ms")}
    numbers["p99_ms"] = float(words["p99_ms"])
    if not all(math.isfinite(value) and value >= 0 for value in numbers.values()):
        raise ValueError("a time that is none")
    return Bench(
        model=model,
        setting=setting,
        **numbers,
        iterations=int(words["iterations"]),
        memory_kib=int(words["peak_rss_kib"]),
        runtime=f"{words['runtime']} {words['runtime_version']}",
    )
