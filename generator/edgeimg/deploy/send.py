"""A bundle to a device, and what the device says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgeimg.errors import InternalError, UserError
from edgeimg.events import Log, Report, Step
from edgeimg.guest.console import clean
from edgeimg.guest.ssh import SSH_FAILED, Target, no_way
from edgeimg.process import Completed, last_lines, run

PROGRAM = "/usr/lib/edgeimg/deploy"
IMAGE = "-"  # instead of an id: what the image itself holds
MAX_LINE = 500  # characters that are shown
MAX_SAID = 1 << 20  # of what it says, the end is kept
TRY = "try"  # the step from which the device decides alone

OWN = "the device decides alone: it keeps the new one when it stays up, else it goes back"
NOTHING = "nothing was changed on the device"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How it ended.

    Attributes:
        kind: `deployed`: it runs and is kept; `refused`: nothing was changed; `back`: it was
            tried, and what ran before runs again.
        text: the id of what runs now, or the device's reason.
    """

    kind: Literal["deployed", "refused", "back"]
    text: str


def send(
    target: Target, data: bytes, signature: str, *, report: Report, time_limit: float
) -> Outcome:
    """Sends a bundle, and waits until the device has decided.

    Raises:
        UserError: ssh does not get there, or the device has no feature `deploy`.
        InternalError: the connection broke; the message says what the device does then.
    """
    report(Step(name="send", detail=f"{len(data) / 1e6:.1f} MB to {target}"))
    return _ask(target, ["put", str(len(data)), signature], data, report, time_limit)


def roll_back(target: Target, *, report: Report, time_limit: float) -> Outcome:
    """Back to what ran before; raises what `send` does."""
    report(Step(name="roll back", detail=f"on {target}"))
    return _ask(target, ["rollback"], b"", report, time_limit)


def _ask(
    target: Target, words: Sequence[str], data: bytes, report: Report, time_limit: float
) -> Outcome:
    seen = [""]

    def on_line(raw: str) -> None:
        line = clean(raw)[:MAX_LINE]
        if line.startswith("step "):
            name, _, detail = line.removeprefix("step ").partition(" ")
            seen.append(name)
            report(Step(name=name, detail=detail))
        else:
            report(Log(line=line))

    try:
        done = run(
            target.command([PROGRAM, *words]),
            input=data,
            timeout=time_limit,
            check=False,
            on_line=on_line,
            keep=MAX_SAID,
            error=InternalError,
        )
    except (KeyboardInterrupt, InternalError) as error:
        left = OWN if TRY in seen else NOTHING
        if isinstance(error, KeyboardInterrupt):
            report(Step(name="interrupted", detail=left))
            raise
        raise InternalError(
            f"{target} took longer than {time_limit:g} seconds; {left}",
            place="--time-limit",
            hint="Run the same again to see: what is deployed already is not deployed twice.",
        ) from None
    return _outcome(target, done, seen)


def _outcome(target: Target, done: Completed, seen: Sequence[str]) -> Outcome:
    for line in reversed(done.stdout.splitlines()):
        word, _, text = clean(line)[:MAX_LINE].partition(" ")
        match word:
            case "deployed" | "refused" | "back":
                return Outcome(kind=word, text=text)
    said = clean(last_lines(done.stderr, 1))[:MAX_LINE]
    if done.status == SSH_FAILED and len(seen) == 1:
        raise no_way(target, done.stderr)
    if done.status in (126, 127):
        raise UserError(
            "the device's image has no feature `deploy`",
            place=str(target),
            hint="Build an image with it (features: {deploy: {keys: [...]}}), and write that once.",
        )
    left = OWN if TRY in seen else NOTHING
    raise InternalError(
        f"the connection to {target.host} broke after the step '{seen[-1] or 'send'}'; {left}"
        + (f": {said}" if said else ""),
        place=str(target),
        hint="Run the same again: what is deployed already is not deployed twice.",
    )
