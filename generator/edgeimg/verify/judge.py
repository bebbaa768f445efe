"""Golden outputs and guest results to failures and sample verdicts: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from signal import Signals

from edgeimg.guest.results import GuestResults, ModelRun
from edgeimg.plan.plan import PlannedModel, PlannedOutput
from edgeimg.plan.policy import policy_for
from edgeimg.prepare.golden import Golden, GoldenSample
from edgeimg.verify.compare import compare_output
from edgeimg.verify.verdict import Failure, SampleVerdict

SHARE = PurePosixPath("/usr/share/edge-infer")
STDERR_LINES = 8

Judged = tuple[tuple[Failure, ...], tuple[SampleVerdict, ...]]


def planned_inputs(models: Iterable[PlannedModel]) -> dict[str, str]:
    """Path in the image -> SHA-256, of every model and sample."""
    expected = {}
    for model in models:
        expected[model.image_file] = model.info.sha256
        for sample in model.samples:
            expected[f"{model.image_samples}/{sample.name}"] = sample.sha256
    return expected


def judge(
    models: Sequence[PlannedModel],
    goldens: Sequence[Golden],
    results: GuestResults,
    expected: Mapping[str, str],
) -> Judged:
    """Compare everything.

    What ran on another model or sample than the planned one is not compared: its
    answers say nothing.

    Args:
        expected: path in the image -> SHA-256, of what the guest must have run.
    """
    failures = list(check_inputs(results.inputs, expected))
    foreign = {(f.model, f.sample) for f in failures}
    by_name = {model.name: model for model in models}
    verdicts: list[SampleVerdict] = []
    for golden in goldens:
        if (golden.model, "") in foreign:
            continue
        run = results.runs.get((golden.model, golden.mode))
        if run is None:
            failures.append(
                Failure(
                    kind="missing",
                    message=f"the guest did not run {golden.model} with {golden.mode} kernels",
                    model=golden.model,
                    mode=golden.mode,
                )
            )
            continue
        died = check_run(golden, run) or _silent(golden, run)
        failures.extend([died] if died else [])
        for sample in golden.samples:
            if (golden.model, sample.name) in foreign:
                continue
            lost, compared = _judge_sample(by_name[golden.model], golden, sample, run)
            # An application that died has one failure, not one for each missing output.
            failures.extend([] if died else lost)
            verdicts.extend(compared)
    wrong = [verdict for verdict in verdicts if not verdict.passed]
    everywhere = {verdict.model for verdict in wrong if verdict.mode == "reference"}
    failures.extend(_wrong(one, only_default=one.model not in everywhere) for one in wrong)
    return tuple(failures), tuple(verdicts)


def check_inputs(found: Mapping[str, str], expected: Mapping[str, str]) -> list[Failure]:
    """Models, samples and other files that are not the planned ones."""
    failures = []
    for path, digest in sorted(expected.items()):
        if found.get(path) == digest:
            continue
        parts = PurePosixPath(path).relative_to(SHARE).parts
        sample = "/".join(parts[2:]) if parts[1:2] == ("samples",) else ""
        kind = "sample" if sample else "file" if path.endswith(".txt") else "model"
        if path in found:
            message = f"the {kind} {path} in the image is not the planned one: SHA-256 differs"
        else:
            message = f"the {kind} {path} is missing in the image"
        failures.append(
            Failure(
                kind=kind,
                message=message,
                hint="Build the image again from the same manifests.",
                model=parts[0],
                sample=sample,
            )
        )
    return failures


def check_run(golden: Golden, run: ModelRun) -> Failure | None:
    """Whether the application ended well; a failure with its last words otherwise."""
    if run.status == 0:
        return None
    if run.status > 128:
        how = f"was killed by {_signal(run.status - 128)}"
    elif run.status == 3:
        how = "could not use a sample (status 3)"
    else:
        how = f"failed with status {run.status}"
    words = [line for line in run.stderr.splitlines() if line.strip()][-STDERR_LINES:]
    said = "".join(f"\n  {_printable(line)}" for line in words)
    return Failure(
        kind="application",
        message=f"edge-infer {how} on {golden.model}, {golden.mode} kernels" + said,
        model=golden.model,
        mode=golden.mode,
    )


def _silent(golden: Golden, run: ModelRun) -> Failure | None:
    """A failure where the application ended well and left not one output."""
    if run.raw or not golden.samples:
        return None
    return Failure(
        kind="missing",
        message=f"edge-infer ended with 0 on {golden.model}, {golden.mode} kernels, and left no "
        "output",
        hint="An app of your own writes each into --raw-output, as docs/design.md says.",
        model=golden.model,
        mode=golden.mode,
    )


def _judge_sample(
    model: PlannedModel, golden: Golden, sample: GoldenSample, run: ModelRun
) -> Judged:
    lost, compared = [], []
    for index, output in enumerate(model.outputs):
        data = run.raw.get((sample.name, index))
        if data is None:
            lost.append(
                Failure(
                    kind="missing",
                    message=f"the guest gave no output {output.tensor.name} for "
                    f"{golden.model}/{sample.name}, {golden.mode} kernels",
                    model=golden.model,
                    mode=golden.mode,
                    sample=sample.name,
                )
            )
            continue
        names = output.labels
        compared.append(
            _compared(model, golden, sample, output, sample.outputs[index], data, names)
        )
    return tuple(lost), tuple(compared)


def _compared(
    model: PlannedModel,
    golden: Golden,
    sample: GoldenSample,
    output: PlannedOutput,
    wanted: bytes,
    found: bytes,
    names: Sequence[str],
) -> SampleVerdict:
    policy = policy_for(golden.mode, output, model.tolerance)
    comparison = compare_output(wanted, found, policy)
    ranked = output.top_k > 0
    host, guest = (_label(i, names) if ranked else None for i in comparison.top_1)
    return SampleVerdict(
        model=golden.model,
        mode=golden.mode,
        sample=sample.name,
        output=output.tensor.name,
        passed=comparison.passed,
        exact=comparison.exact,
        rule=policy.describe(),
        unit="abs" if policy.rule == "float" else "lsb",
        worst=comparison.worst,
        allowed=comparison.allowed,
        top_1=(host, guest),
        expected=sample.label if ranked else None,
        reason=comparison.reason,
    )


def _wrong(verdict: SampleVerdict, *, only_default: bool) -> Failure:
    answers = ""
    if verdict.top_1[0] is not None:
        answers = f" (host: {verdict.top_1[0]}, guest: {verdict.top_1[1]})"
    return Failure(
        kind="answer",
        message=f"wrong answer: {verdict.model}/{verdict.sample}, {verdict.mode} kernels, "
        f"output {verdict.output}: {verdict.reason}{answers}",
        hint=_allowing(verdict) if only_default else "",
        model=verdict.model,
        mode=verdict.mode,
        sample=verdict.sample,
    )


def _allowing(verdict: SampleVerdict) -> str:
    """What allows a difference that optimised kernels can make; empty where none can."""
    worst, allowed = verdict.worst, verdict.allowed
    # An eighth of an int8's range, and what weights of int8 cost a float model.
    far = 32 if verdict.unit == "lsb" else 200 * allowed
    if verdict.rule == "equal" or not allowed < worst <= far:
        return ""
    key = f"lsb: {worst:.0f}" if verdict.unit == "lsb" else f"absolute: {1.1 * worst:.1e}"
    return (
        "Optimised kernels differ between CPUs. If that much is right for the model, its manifest "
        f"allows it: `tolerance: {{{key}}}`."
    )


def _label(index: int | None, names: Sequence[str]) -> str | None:
    if index is None:
        return None
    return names[index] if index < len(names) else str(index)


def _signal(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in line)[:400]
