"""A verdict for people and for machines: table rows, JSON, JUnit XML."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree

from edgeimg.prepare.golden import Golden
from edgeimg.verify.verdict import Failure, SampleVerdict, Verdict

# What XML 1.0 cannot hold, even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model in one kernel mode.

    Attributes:
        passed, compared: numbers of outputs.
        exact: how many of them are equal to the last bit.
        worst, allowed: of the output that used most of what is allowed; `unit` is
            `lsb` or `abs`.
        right, labelled: samples that the guest answers as they are labelled.
    """

    model: str
    mode: str
    passed: int
    compared: int
    exact: int
    rule: str
    unit: str
    worst: float
    allowed: float
    right: int
    labelled: int


def rows(verdict: Verdict) -> tuple[Row, ...]:
    """A table: one row for each model and kernel mode, in the order of the verdict."""
    groups: dict[tuple[str, str], list[SampleVerdict]] = {}
    for sample in verdict.samples:
        groups.setdefault((sample.model, sample.mode), []).append(sample)
    return tuple(_row(model, mode, samples) for (model, mode), samples in groups.items())


def as_json(verdict: Verdict, goldens: Sequence[Golden] = ()) -> dict[str, Any]:
    """Everything, as what JSON can hold; a difference without a number is null."""
    return {
        "passed": verdict.passed,
        "product": verdict.product,
        "board": verdict.board,
        "target": verdict.target,
        "boot": verdict.boot,
        "seconds": round(verdict.seconds, 3),
        "userspace_seconds": _rounded(verdict.userspace_seconds),
        "first_inference_seconds": _rounded(verdict.first_inference_seconds),
        "runtimes": dict(verdict.runtimes),
        "qemu": verdict.qemu,
        "failures": [asdict(failure) for failure in verdict.failures],
        "samples": [
            {**asdict(sample), "worst": _finite(sample.worst), "top_1": list(sample.top_1)}
            for sample in verdict.samples
        ],
        "goldens": [
            {
                "model": golden.model,
                "mode": golden.mode,
                "runtime": golden.runtime,
                "version": golden.version,
                "guest_version": golden.guest_version,
                "cpu": golden.cpu,
                "right": golden.right,
                "labelled": golden.labelled,
            }
            for golden in goldens
        ],
        "console": list(verdict.console) if not verdict.passed else [],
    }


def junit_xml(verdict: Verdict) -> str:
    """JUnit's XML: a test case for each model, kernel mode and sample.

    Failures that belong to no compared sample (a panic, a model that differs) are
    cases of their own.
    """
    cases: dict[tuple[str, str, str], list[SampleVerdict]] = {}
    for sample in verdict.samples:
        cases.setdefault((sample.model, sample.mode, sample.sample), []).append(sample)
    suite = ElementTree.Element("testsuite", name=_xml(f"{verdict.product}.{verdict.board}"))
    suite.set("hostname", _xml(verdict.target))
    failed = 0
    for (model, mode, name), outputs in cases.items():
        case = _case(suite, f"{model}.{mode}", name)
        wrong = [output for output in outputs if not output.passed]
        if wrong:
            failed += 1
            text = "\n".join(f"{output.output}: {output.reason}" for output in wrong)
            _fail(case, "answer", text, "")
    others = [f for f in verdict.failures if f.kind != "answer"]
    for failure in others:
        owner = ".".join(filter(None, (failure.model, failure.mode))) or "guest"
        case = _case(suite, owner, failure.sample or failure.kind)
        console = "" if failure.model else "\n".join(verdict.console)
        _fail(case, failure.kind, _text(failure), console)
    suite.set("tests", str(len(cases) + len(others)))
    suite.set("failures", str(failed + len(others)))
    suite.set("errors", "0")
    suite.set("time", f"{verdict.seconds:.3f}")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _row(model: str, mode: str, samples: Sequence[SampleVerdict]) -> Row:
    # 0 of 0 allowed is nothing used; anything of 0 allowed is everything.
    worst = max(
        samples,
        key=lambda s: s.worst / s.allowed if s.allowed else s.worst * math.inf if s.worst else 0.0,
    )
    labelled = [s for s in samples if s.expected is not None]
    return Row(
        model=model,
        mode=mode,
        passed=sum(s.passed for s in samples),
        compared=len(samples),
        exact=sum(s.exact for s in samples),
        rule=worst.rule,
        unit=worst.unit,
        worst=worst.worst,
        allowed=worst.allowed,
        right=sum(s.expected == s.top_1[1] for s in labelled),
        labelled=len(labelled),
    )


def _case(suite: ElementTree.Element, owner: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=_xml(owner), name=_xml(name))


def _fail(case: ElementTree.Element, kind: str, text: str, console: str) -> None:
    first = text.splitlines()[0] if text else kind
    element = ElementTree.SubElement(case, "failure", type=_xml(kind), message=_xml(first))
    element.text = _xml(text)
    if console:
        ElementTree.SubElement(case, "system-out").text = _xml(console)


def _text(failure: Failure) -> str:
    return f"{failure.message}\n{failure.hint}" if failure.hint else failure.message


def _xml(text: str) -> str:
    return _NOT_XML.sub("", text)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
