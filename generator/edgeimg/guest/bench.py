"""`edge-infer --benchmark` where it will run: in a booted image, or on a device over SSH."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from edgeimg.errors import UserError
from edgeimg.events import Progress, Report, Step
from edgeimg.guest.errors import CorruptedError
from edgeimg.guest.machine import Artefacts
from edgeimg.guest.qemu import boot
from edgeimg.guest.results import read_results
from edgeimg.guest.ssh import Target, run_there
from edgeimg.manifest.board import Qemu
from edgeimg.plan.plan import PlannedModel
from edgeimg.prepare.bench import Bench, Setting, from_app
from edgeimg.process import last_lines

PORT = "edgeimg.bench"


def bench_guest(
    qemu: Qemu,
    artefacts: Artefacts,
    models: Sequence[PlannedModel],
    settings: Sequence[Setting],
    iterations: int,
    *,
    report: Report,
    time_limit: float,
) -> Iterator[Bench]:
    """Boot the image and let it measure each model in each setting.

    QEMU emulates the CPU: the times compare models and settings, and are not the device's.

    Raises:
        UserError: QEMU or the image is missing, or the app refuses a model or a setting.
        GuestError: the guest did not get to its end, or sent something else.
    """
    port = " ".join([PORT, str(iterations), *(one.name for one in settings)])
    guest = boot(
        qemu,
        artefacts,
        port=port,
        report=report,
        time_limit=time_limit,
        silence_limit=time_limit,  # a slow model says nothing while it is measured
    )
    results = read_results(guest.stream)
    for model in models:
        if results.inputs.get(model.image_file) != model.info.sha256:
            raise CorruptedError(f"{model.name}: the image holds another model file")
        for setting in settings:
            done = results.runs.get((model.name, setting.name))
            if done is None:
                raise CorruptedError(f"the guest did not measure {model.name} {setting.name}")
            text = "\n".join(done.lines)
            yield _read(model, setting, done.status, text, done.stderr, "the guest")


def bench_device(
    target: Target,
    models: Sequence[PlannedModel],
    settings: Sequence[Setting],
    iterations: int,
    *,
    report: Report,
    time_limit: float,
) -> Iterator[Bench]:
    """Let a device with one of our images measure each model in each setting.

    The device's key must be known to ssh here, and ssh must get in without a password.

    Raises:
        UserError: ssh does not get there, or the device lacks the app or the model.
    """
    where = str(target)
    report(Step(name="measure", detail=f"on {where}"))
    total, done = len(models) * len(settings), 0
    for model in models:
        asked = run_there(target, ["sha256sum", model.image_file], timeout=time_limit)
        if asked.stdout.split()[:1] != [model.info.sha256]:
            said = last_lines(asked.stderr, 1)
            raise UserError(
                f"{where} does not hold {model.name} as it is here" + (f": {said}" if said else ""),
                place=model.image_file,
                hint="Build an image of this model and write it to the device.",
            )
        for setting in settings:
            words = ["edge-infer", "--config", f"/etc/edge-infer/{model.name}.json"]
            words += ["--benchmark", "--input", model.image_samples]
            words += ["--iterations", str(iterations), "--kernels", setting.kernels]
            words += ["--threads", str(setting.threads)]
            ran = run_there(target, words, timeout=time_limit)
            done += 1
            report(Progress(name="measure", done=done, total=total, detail=model.name))
            yield _read(model, setting, ran.status, ran.stdout, ran.stderr, where)


def _read(
    model: PlannedModel, setting: Setting, status: int, text: str, stderr: str, where: str
) -> Bench:
    """The app's answer, or its error."""
    what = f"{model.name}, {setting.kernels} kernels, {setting.threads} threads"
    if status:
        raise UserError(
            f"edge-infer on {where} ended with status {status} ({what}): {last_lines(stderr, 1)}",
        )
    try:
        return from_app(model.name, setting, json.loads(text))
    except (KeyError, TypeError, ValueError):
        raise CorruptedError(f"{where} answers what is no measurement ({what})") from None
