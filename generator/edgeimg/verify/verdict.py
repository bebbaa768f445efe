"""The verdict: the guest's outputs against the golden ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class SampleVerdict:
    """One output of one sample of one model in one kernel mode.

    Attributes:
        output: the output tensor's name.
        rule: the policy in a few words.
        unit: of `worst` and `allowed`: `lsb` or `abs`.
        top_1: label (or index) of the largest value on the host and in the guest;
            None without a ranking.
        expected: what the sample truly is, if that is known.
        reason: why it is wrong; empty when it is right.
    """

    model: str
    mode: str
    sample: str
    output: str
    passed: bool
    exact: bool
    rule: str
    unit: str
    worst: float
    allowed: float
    top_1: tuple[str | None, str | None]
    expected: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Something that keeps the image from being right.

    Attributes:
        kind: `panic`, `hang`, `qemu`, `truncated`, `corrupted`, `model`, `sample`, `file`,
            `application`, `missing`, `answer` or `budget`.
        message: what went wrong, for people; can have several lines.
        hint: what to do next; may be empty.
        model, mode, sample: where, as far as it is about one.
    """

    kind: str
    message: str
    hint: str = ""
    model: str = ""
    mode: str = ""
    sample: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of `verify`.

    Attributes:
        boot: how QEMU started the image; empty on a device.
        target: `qemu`, or the device as it was named.
        seconds: from the start of QEMU to its end; on a device, of the run.
        userspace_seconds: to the guest's init; None when it was not seen.
        first_inference_seconds: to the first answer on the console.
        runtimes: `host` and `guest` version of the runtime.
        qemu: QEMU's version.
        console: the last lines of the console.
    """

    product: str
    board: str
    boot: str
    failures: tuple[Failure, ...]
    samples: tuple[SampleVerdict, ...]
    seconds: float
    userspace_seconds: float | None
    first_inference_seconds: float | None
    runtimes: Mapping[str, str] = field(default_factory=dict)
    qemu: str = ""
    target: str = "qemu"
    console: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there is no failure, and something was compared at all."""
        return not self.failures and bool(self.samples)
