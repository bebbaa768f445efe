"""model bench: latency and memory, here, in a guest, or on a device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli import options
from edgeimg.cli.build import built
from edgeimg.cli.draw import Drawer, Format, table
from edgeimg.cli.plan import resolved
from edgeimg.cli.verify import artefacts_of, check_bootable
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.events import Report
    from edgeimg.guest.ssh import Target
    from edgeimg.manifest.select import Selection
    from edgeimg.plan.plan import PlannedModel
    from edgeimg.prepare.bench import Bench, Setting
    from edgeimg.prepare.hosts import Host

HOST, GUEST = "host", "guest"
MODES = ("default", "reference")
MAX_THREADS = 64
EMULATED = "QEMU emulates the CPU: compare these times with each other, not with a device's."


def bench(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    project: options.Project = None,
    locked: options.Locked = False,
    offline: options.Offline = False,
    buildroot: options.Buildroot = None,
    where: Annotated[
        str,
        typer.Option(
            "--where", help="host; guest: the board's QEMU; or a device, ssh://[user@]host[:port]."
        ),
    ] = HOST,
    threads: Annotated[
        str, typer.Option("--threads", help="Numbers of threads, such as 1,2,4.")
    ] = "1",
    kernels: Annotated[
        str, typer.Option("--kernels", help="default, reference, or both with a comma.")
    ] = "default",
    iterations: Annotated[
        int, typer.Option("--iterations", min=1, max=1_000_000, help="Inferences of each.")
    ] = 200,
    time_limit: Annotated[
        float, typer.Option("--time-limit", min=1, help="Seconds for each that is measured.")
    ] = 600,
    verbose: options.Verbose = False,
    output: options.Output = Format.text,
) -> None:
    """Measure latency and memory of models. p50, p90, p99, load, first inference."""
    from edgeimg.guest.bench import bench_device

    wanted = _settings(threads, kernels)
    target = None if where in (HOST, GUEST) else _device(where)
    with Drawer(output, logs=verbose) as drawer:
        if where == GUEST:
            chosen = options.selection(file, board, model, builder, settings)
            folder = project or chosen.project
            how = _Build(chosen, folder, locked=locked, offline=offline)
            title, found = _in_guest(how, wanted, iterations, time_limit, drawer.report)
        else:
            models, host = _models(file, board, model, builder, settings)
            if target is None:
                title, found = _here(host, models, wanted, iterations, drawer.report)
            else:
                title = where
                found = list(
                    bench_device(
                        target,
                        models,
                        wanted,
                        iterations,
                        report=drawer.report,
                        time_limit=time_limit,
                    )
                )
    if output is Format.text:
        _print(title, found, grown=where == HOST)
    drawer.result({"where": where, "on": title, "results": [one.to_json() for one in found]})


def _device(where: str) -> Target:
    from edgeimg.guest.ssh import parse_target

    if not where.startswith("ssh:"):
        raise UserError(
            f"'{where[:80]}' is not host, guest or ssh://[user@]host[:port]", place="--where"
        )
    return parse_target(where, "--where")


class _Build:
    """What is built for the guest, and how."""

    def __init__(self, chosen: Selection, folder: Path, *, locked: bool, offline: bool) -> None:
        self.chosen, self.folder = chosen, folder
        self.locked, self.offline = locked, offline


def _settings(threads: str, kernels: str) -> list[Setting]:
    """Every kernel mode with every number of threads.

    Raises:
        UserError: it is not such a list.
    """
    from edgeimg.prepare.bench import Setting

    numbers = threads.split(",")
    if not all(word.isascii() and word.isdigit() and len(word) < 4 for word in numbers) or not all(
        1 <= int(word) <= MAX_THREADS for word in numbers
    ):
        raise UserError(
            f"'{threads[:40]}' is not a list of numbers from 1 to {MAX_THREADS}",
            place="--threads",
            hint="Write 1, or 1,2,4.",
        )
    modes = kernels.split(",")
    if not set(modes) <= set(MODES):
        raise UserError(
            f"'{kernels[:40]}' is not {' or '.join(MODES)}", place="--kernels", hint="Or both."
        )
    pairs = dict.fromkeys((mode, int(word)) for mode in modes for word in numbers)
    return [Setting(kernels=mode, threads=number) for mode, number in pairs]


def _models(
    file: Path | None,
    board: str | None,
    model: list[str] | None,
    builder: str | None,
    settings: list[str] | None,
) -> tuple[Sequence[PlannedModel], Host]:
    """The product's models and host interpreter; without a product, the named models'."""
    from edgeimg.cache import Cache
    from edgeimg.catalog.search import Catalog
    from edgeimg.manifest.select import DEFAULT_MODEL, find_product
    from edgeimg.plan.models import plan_model
    from edgeimg.plan.quantization import runtime_for
    from edgeimg.prepare.hosts import find_host

    if file or board or builder or settings or find_product():
        plan = resolved(options.selection(file, board, model, builder, settings))
        version = plan.runtime.version if plan.runtime.wheel else None
        return plan.models, find_host(plan.runtime.host, wanted=version)
    catalog = Catalog()
    paths = [catalog.find("model", name, place="--model") for name in model or [DEFAULT_MODEL]]
    models = [plan_model(path, Cache().folder("models"), catalog) for path in paths]
    formats = sorted({one.info.format for one in models})
    if len(formats) > 1:
        raise UserError(
            f"models of several formats: {', '.join(formats)}",
            place="--model",
            hint="One runtime runs all models of one measurement.",
        )
    runtime = runtime_for(formats[0], catalog)
    return models, find_host(runtime.host, wanted=runtime.releases[0].version)


def _here(
    host: Host,
    models: Sequence[PlannedModel],
    settings: Sequence[Setting],
    iterations: int,
    report: Report,
) -> tuple[str, list[Bench]]:
    from edgeimg.prepare.bench import bench_host
    from edgeimg.prepare.golden import cpu_name

    return cpu_name(), list(bench_host(host, models, settings, iterations, report))


def _in_guest(
    how: _Build, settings: Sequence[Setting], iterations: int, time_limit: float, report: Report
) -> tuple[str, list[Bench]]:
    """Builds, boots, measures.

    Raises:
        UserError: the board has no QEMU machine, or the runtime no such kernels.
    """
    from edgeimg.builders.image import holding
    from edgeimg.guest.bench import bench_guest

    plan = resolved(how.chosen)
    check_bootable(plan)
    qemu = plan.board.machine
    if qemu is None:
        raise UserError(f"the board {plan.board.name} has no QEMU machine", place="--where guest")
    lacking = {one.kernels for one in settings} - set(plan.runtime.kernel_modes)
    if lacking:
        raise UserError(
            f"runtime {plan.runtime.name} has no {lacking.pop()} kernels", place="--kernels"
        )
    with holding(how.folder):
        image = built(
            how.chosen, plan, how.folder, locked=how.locked, offline=how.offline, report=report
        )
        found = list(
            bench_guest(
                qemu,
                artefacts_of(image),
                plan.models,
                settings,
                iterations,
                report=report,
                time_limit=time_limit,
            )
        )
    return f"{plan.board.name} in QEMU. {EMULATED}", found


def _print(title: str, found: Sequence[Bench], *, grown: bool) -> None:
    columns = ["model", "kernels", "threads", "p50 ms", "p90 ms", "p99 ms", "first ms", "load ms"]
    rows = [
        [
            one.model,
            one.setting.kernels,
            str(one.setting.threads),
            *(f"{value:.3f}" for value in (one.p50_ms, one.p90_ms, one.p99_ms, one.first_ms)),
            f"{one.load_ms:.1f}",
            f"{one.memory_kib / 1024:.1f}",
            str(one.iterations),
        ]
        for one in found
    ]
    memory = "memory MiB" if grown else "peak MiB"
    table(f"{title}\n{found[0].runtime}", [*columns, memory, "iterations"], rows)
    if grown:
        print("memory: what the process grew by for the model, without the runtime itself.")
