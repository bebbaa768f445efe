"""Infer and compare: the verdict about an image, booted here or on a device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from edgeimg.errors import UserError
from edgeimg.events import Event, Log, Progress, Report, Step, silent
from edgeimg.guest.device import ERROR, Device, refusal
from edgeimg.guest.errors import GuestError
from edgeimg.guest.machine import Artefacts, Boot
from edgeimg.guest.qemu import SILENCE_LIMIT, TIME_LIMIT, GuestRun, boot
from edgeimg.guest.results import read_results
from edgeimg.plan.plan import Plan
from edgeimg.prepare.golden import Golden
from edgeimg.resources import data
from edgeimg.verify.judge import Judged, judge, planned_inputs
from edgeimg.verify.verdict import Failure, Verdict


def verify_guest(
    plan: Plan,
    artefacts: Artefacts,
    goldens: Sequence[Golden],
    *,
    expected: Mapping[str, str] | None = None,
    how: Boot | None = None,
    report: Report = silent,
    time_limit: float = TIME_LIMIT,
    silence_limit: float = SILENCE_LIMIT,
) -> Verdict:
    """Boot the image in the board's QEMU and compare its answers with the golden ones.

    Args:
        expected: path in the image -> SHA-256 of what must be there; without it, the
            plan's models and samples.
        how: None: as the artefacts say.
        time_limit, silence_limit: seconds, see `boot`.

    Raises:
        UserError: the board has no QEMU machine, or QEMU cannot be started.
    """
    qemu = plan.board.machine
    if qemu is None:
        raise UserError(
            f"the board {plan.board.name} has no QEMU machine",
            hint="Verify on one of the qemu boards, or on the hardware itself.",
        )
    how = how or artefacts.boots
    follow = _follow(report, len(goldens))

    def watch(event: Event) -> None:
        if isinstance(event, Log):
            follow(event.line)
        else:
            report(event)

    begin = time.monotonic()
    try:
        run = boot(
            qemu,
            artefacts,
            how=how,
            report=watch,
            time_limit=time_limit,
            silence_limit=silence_limit,
        )
    except GuestError as error:
        verdict = _verdict(plan, goldens, how, None, ((_failure(error),), ()), error.console)
        return replace(verdict, seconds=time.monotonic() - begin)
    report(Step(name="compare", detail=f"{len(goldens)} runs"))
    try:
        results = read_results(run.stream)
    except GuestError as error:
        return _verdict(plan, goldens, how, run, ((_failure(error),), ()), run.console)
    wanted = planned_inputs(plan.models) if expected is None else expected
    judged = judge(plan.models, goldens, results, wanted)
    return _verdict(plan, goldens, how, run, judged, run.console)


def verify_device(
    plan: Plan,
    device: Device,
    goldens: Sequence[Golden],
    *,
    report: Report = silent,
    time_limit: float = TIME_LIMIT,
) -> Verdict:
    """Let a device run its models over their samples, and compare as `verify_guest` does.

    Its services go on meanwhile. How it booted, and how fast, is not known.

    Raises:
        UserError: there is no way to the device, or it lacks the app, a program or the room.
    """
    report(Step(name="run", detail=f"on {device}"))
    script = (data("debian-image") / "root/usr/lib/edgeimg/verify").read_text("utf-8")
    modes = list(dict.fromkeys(golden.mode for golden in goldens))
    follow = _follow(report, len(goldens))
    begin = time.monotonic()
    judged: Judged
    try:
        answer = device.run(script, ["stdout", *modes], timeout=time_limit, on_line=follow)
        if answer.status and any(line.startswith(ERROR) for line in answer.stderr.splitlines()):
            raise refusal(answer, "the device cannot be verified", device)
        report(Step(name="compare", detail=f"{len(goldens)} runs"))
        results = read_results(answer.stdout)
        judged = judge(plan.models, goldens, results, planned_inputs(plan.models))
    except GuestError as error:
        judged = (_failure(error),), ()
    failures = tuple(_with_hint(one, plan) for one in judged[0])
    verdict = _verdict(plan, goldens, "", None, (failures, judged[1]), ())
    return replace(verdict, target=str(device), seconds=time.monotonic() - begin)


def _follow(report: Report, runs: int) -> Callable[[str], None]:
    """Reports each line that the script `verify` or the guest says, and how far they are."""
    begun: list[str] = []

    def follow(line: str) -> None:
        report(Log(line=line))
        _, said, doing = line.partition("edgeimg: verify ")
        run = doing.partition(",")[0]
        if not said or run == "end":
            return
        if run not in begun:
            begun.append(run)
        report(Progress(name="run", done=len(begun) - 1, total=runs, detail=doing))

    return follow


def _with_hint(failure: Failure, plan: Plan) -> Failure:
    if failure.kind != "application" or plan.accelerator is None or failure.hint:
        return failure
    hint = f"If only one program at a time may use the {plan.accelerator.title}: the model's "
    return replace(failure, hint=f"{hint}service runs; stop it and verify again.")


def _failure(error: GuestError) -> Failure:
    return Failure(kind=error.kind, message=error.message, hint=error.hint)


def _verdict(
    plan: Plan,
    goldens: Sequence[Golden],
    how: str,
    run: GuestRun | None,
    judged: Judged,
    console: Sequence[str],
) -> Verdict:
    failures, samples = judged
    versions = {
        "host": ", ".join(sorted({f"{golden.runtime} {golden.version}" for golden in goldens})),
        "guest": f"{plan.runtime.name} {plan.runtime.version}",
    }
    return Verdict(
        product=plan.product,
        board=plan.board.name,
        boot=how,
        failures=failures,
        samples=samples,
        seconds=run.seconds if run else 0.0,
        userspace_seconds=run.userspace_seconds if run else None,
        first_inference_seconds=run.first_inference_seconds if run else None,
        runtimes=versions,
        qemu=run.qemu if run else "",
        console=tuple(console),
    )
