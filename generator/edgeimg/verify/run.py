"""Boot, infer, compare: the verdict about an image."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgeimg.errors import UserError
from edgeimg.events import Report, Step, silent
from edgeimg.guest.errors import GuestError
from edgeimg.guest.machine import Artefacts, Boot
from edgeimg.guest.qemu import SILENCE_LIMIT, TIME_LIMIT, GuestRun, boot
from edgeimg.guest.results import read_results
from edgeimg.plan.plan import Plan
from edgeimg.prepare.golden import Golden
from edgeimg.verify.judge import Judged, judge, planned_inputs
from edgeimg.verify.verdict import Failure, Verdict


def verify_guest(
    plan: Plan,
    artefacts: Artefacts,
    goldens: Sequence[Golden],
    *,
    expected: Mapping[str, str] | None = None,
    how: Boot = "disk",
    report: Report = silent,
    time_limit: float = TIME_LIMIT,
    silence_limit: float = SILENCE_LIMIT,
) -> Verdict:
    """Boot the image in the board's QEMU and compare its answers with the golden ones.

    Args:
        expected: path in the image -> SHA-256 of what must be there; without it, the
            plan's models and samples.
        time_limit, silence_limit: seconds, see `boot`.

    Raises:
        UserError: the board has no QEMU machine, or QEMU cannot be started.
    """
    qemu = plan.board.qemu
    if qemu is None:
        raise UserError(
            f"the board {plan.board.name} has no QEMU machine",
            hint="Verify on one of the qemu boards, or on the hardware itself.",
        )
    begin = time.monotonic()
    try:
        run = boot(
            qemu,
            artefacts,
            how=how,
            report=report,
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


def _failure(error: GuestError) -> Failure:
    return Failure(kind=error.kind, message=error.message, hint=error.hint)


def _verdict(
    plan: Plan,
    goldens: Sequence[Golden],
    how: Boot,
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
