"""run, verify: boot the image; look at it, or judge it, here or on a device."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli import options
from edgeimg.cli.build import built, print_image
from edgeimg.cli.draw import Drawer, Format, colored, plain, table
from edgeimg.cli.plan import resolved
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.builders.image import Image
    from edgeimg.guest.machine import Artefacts
    from edgeimg.plan.plan import Plan
    from edgeimg.prepare.golden import Golden
    from edgeimg.verify.verdict import Failure, Verdict

# Failures that the console's last lines may tell more of.
ON_CONSOLE = {"panic", "hang", "qemu", "truncated", "corrupted", "application", "missing"}
MAX_CONSOLE_LINE = 240  # characters shown: an answer of thousands of values is one line


class Way(StrEnum):
    """How QEMU starts the image."""

    disk = "disk"
    kernel = "kernel"


Boot = Annotated[
    Way | None,
    typer.Option(
        "--boot",
        help="Boot the disk image itself (the default, where it has a boot chain), or its kernel "
        "without firmware.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(verify)


def check_bootable(plan: Plan, how: Way | None = None) -> None:
    """Before the build, which may take hours.

    Raises:
        UserError: QEMU cannot boot what the builder makes, or not so, or not on this machine.
    """
    from edgeimg.guest.machine import check_machine

    machine = plan.board.machine
    if machine is None or (plan.yocto is not None and plan.yocto.kernel is None):
        raise UserError(
            f"QEMU does not boot an image of {plan.builder} for {plan.board.name}",
            hint="`edgeimg build` makes it; `edgeimg verify --target ssh://...` judges the device.",
        )
    if plan.yocto is not None and how is Way.disk:
        raise UserError(
            "an image of yocto for QEMU is a root file system, without a boot chain",
            place="--boot disk",
            hint="Leave it out: the kernel is booted.",
        )
    check_machine(machine, "kernel" if plan.yocto is not None or how is Way.kernel else "disk")


def artefacts_of(image: Image) -> Artefacts:
    from edgeimg.guest.machine import Artefacts

    assert image.kernel is not None
    return Artefacts(
        image=image.disk,
        kernel=image.kernel,
        initrd=image.initrd,
        cmdline=image.cmdline,
        firmware=image.firmware,
    )


def run(
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    project: options.Project = None,
    locked: options.Locked = False,
    offline: options.Offline = False,
    buildroot: options.Buildroot = None,
    boot: Boot = None,
    ssh_port: Annotated[
        int | None,
        typer.Option(
            "--ssh-port",
            min=1,
            max=65535,
            help="Port here that leads to the guest's SSH; default: free.",
        ),
    ] = None,
) -> None:
    """Build, boot in QEMU, and give its console. Ctrl-A X ends it."""
    from edgeimg.builders.image import holding
    from edgeimg.guest.qemu import run_console
    from edgeimg.guest.running import SSH, free_port

    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    check_bootable(plan, boot)
    qemu = plan.board.machine
    if qemu is None:
        raise UserError(f"the board {plan.board.name} has no QEMU machine")
    if not sys.stdin.isatty():
        raise UserError("there is no terminal for the console", hint="`edgeimg verify` needs none.")
    folder = project or chosen.project
    with Drawer(Format.text) as drawer, holding(folder):
        image = built(chosen, plan, folder, locked=locked, offline=offline, report=drawer.report)
    port = ssh_port
    if any(SSH in feature.ports for feature in plan.features):
        port = port or free_port()
        print(f"SSH: ssh -p {port} root@127.0.0.1", file=sys.stderr)
    status = run_console(qemu, artefacts_of(image), how=boot.value if boot else None, ssh_port=port)
    if status:
        raise typer.Exit(1)


def verify(
    context: typer.Context,
    file: options.File = None,
    board: options.Board = None,
    model: options.Models = None,
    builder: options.Builder = None,
    settings: options.Settings = None,
    project: options.Project = None,
    locked: options.Locked = False,
    offline: options.Offline = False,
    buildroot: options.Buildroot = None,
    boot: Boot = None,
    target: options.Target = None,
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit",
            min=1,
            help="Seconds for a guest's start and for each sample; with --target, for all.",
        ),
    ] = 600,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Where to write JUnit XML; default: in build/.")
    ] = None,
    verbose: options.Verbose = False,
    output: options.Output = Format.text,
) -> None:
    """Build, boot in QEMU, and judge the model's answers. With --target, those of a device."""
    from edgeimg.builders.image import check_limits, holding
    from edgeimg.cache import Cache
    from edgeimg.guest.device import open_device
    from edgeimg.prepare.golden import make_goldens
    from edgeimg.verify.run import verify_device, verify_guest

    device = None if target is None else open_device(target)
    if device is not None:
        options.refuse(context, ("boot", "buildroot", "locked"), "a device: nothing is built")
    chosen = options.selection(file, board, model, builder, settings)
    plan = resolved(chosen)
    if device is None:
        check_bootable(plan, boot)
    folder = project or chosen.project
    if junit is not None:
        _check_writable(junit)
    if device is not None:
        with Drawer(output, logs=verbose) as drawer:
            goldens = make_goldens(plan, Cache(), drawer.report)
            verdict = verify_device(
                plan, device, goldens, report=drawer.report, time_limit=time_limit
            )
            # Beside the project, which need not be there.
            _write_reports(verdict, goldens, Path(f"{folder.resolve()}-device"), junit)
        _answer(verdict, goldens, drawer, None)
        return
    with Drawer(output, logs=verbose) as drawer, holding(folder):
        goldens = make_goldens(plan, Cache(), drawer.report)
        image = built(chosen, plan, folder, locked=locked, offline=offline, report=drawer.report)
        check_limits(plan.board, plan.budgets, image)
        verdict = verify_guest(
            plan,
            artefacts_of(image),
            goldens,
            how=boot.value if boot else None,
            report=drawer.report,
            time_limit=time_limit,
        )
        verdict = _in_budget(plan, verdict)
        _write_reports(verdict, goldens, image.disk.parent.parent, junit)
    _answer(verdict, goldens, drawer, image)


def _answer(
    verdict: Verdict, goldens: Sequence[Golden], drawer: Drawer, image: Image | None
) -> None:
    from edgeimg.verify.report import as_json

    if drawer.output is Format.text:
        _print(verdict, image)
    where = {} if image is None else {"image": str(image.disk)}
    drawer.result({**as_json(verdict, goldens), **where})
    if not verdict.passed:
        raise typer.Exit(1)


def _check_writable(report: Path) -> None:
    """Before the work, not after it.

    Raises:
        UserError: the report cannot be written there.
    """
    from edgeimg.cache import in_place

    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        held = report if in_place(report) and report.exists() else report.parent
        if report.is_dir() or not os.access(held, os.W_OK):
            raise PermissionError(0, "cannot be written")
    except OSError as error:
        raise UserError(f"{error.strerror}", place=f"--junit {report}") from None


def _in_budget(plan: Plan, verdict: Verdict) -> Verdict:
    from edgeimg.verify.verdict import Failure

    limit = plan.budgets.first_inference_seconds
    seconds = verdict.first_inference_seconds
    if limit is None or (seconds is not None and seconds <= limit):
        return verdict
    found = "was not seen on the console" if seconds is None else f"came after {seconds:.1f} s"
    message = f"first inference {found}; budgets.first_inference_seconds is {limit:g}"
    failure = Failure(kind="budget", message=message)
    return replace(verdict, failures=(*verdict.failures, failure))


def _write_reports(
    verdict: Verdict, goldens: Sequence[Golden], folder: Path, junit: Path | None
) -> None:
    import json

    from edgeimg.cache import write_atomic, write_named
    from edgeimg.verify.report import as_json, junit_xml

    xml = junit or folder / "verify.xml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(as_json(verdict, goldens), indent=2, ensure_ascii=False)
        write_atomic(folder / "verify.json", f"{text}\n".encode())
        write_named(xml, junit_xml(verdict).encode())
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", place=error.filename) from None


def _print(verdict: Verdict, image: Image | None) -> None:
    from edgeimg.verify.report import rows

    where = verdict.board if image is not None else f"{verdict.target} ({verdict.board})"
    table(
        f"{verdict.product} on {where}: golden outputs",
        ["model", "kernels", "verdict", "outputs", "exact", "worst", "allowed", "labels right"],
        [
            [
                row.model,
                row.mode,
                "ok" if row.passed == row.compared else "FAIL",
                f"{row.passed}/{row.compared}",
                f"{row.exact}/{row.compared}",
                f"{row.worst:.3g} {row.unit}",
                f"{row.allowed:.3g} {row.unit}",
                f"{row.right}/{row.labelled}" if row.labelled else "-",
            ]
            for row in rows(verdict)
        ],
    )
    for failure in verdict.failures:
        _print_failure(failure)
    if verdict.console and any(one.kind in ON_CONSOLE for one in verdict.failures):
        print(f"The last {len(verdict.console)} lines of the console:", file=sys.stderr)
        for line in verdict.console:
            more = f" ... ({len(line):,} characters)" if len(line) > MAX_CONSOLE_LINE else ""
            print(f"  | {line[:MAX_CONSOLE_LINE]}{more}", file=sys.stderr)
    if image is not None:
        print_image(image)
    seconds = verdict.first_inference_seconds
    if seconds is not None:
        print(f"{seconds:8.2f} s   from QEMU's start to the first inference ({verdict.boot} boot)")
    word = colored("passed", "green", sys.stdout)
    print(word if verdict.passed else colored("FAILED", "red", sys.stdout))


def _print_failure(failure: Failure) -> None:
    where = " ".join(part for part in (failure.model, failure.mode, failure.sample) if part)
    text = f"{where}: {failure.message}" if where else failure.message
    hint = f" {failure.hint}" if failure.hint else ""
    # It may have several lines, and names that anybody gave, as of tensors.
    said = "\n".join(map(plain, f"{text}.{hint}".split("\n")))
    print(f"{colored('FAIL', 'red', sys.stderr)}: {said}", file=sys.stderr)
