"""A device to run scripts on: over ssh, or at the root shell of its serial console.

What comes from a device is not trusted: sizes are bounded, and its text is cleaned of
control characters before anybody sees it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edgeimg.errors import UserError
from edgeimg.guest.console import clean
from edgeimg.guest.results import MAX_STREAM
from edgeimg.resources import data

END = "edgeimg-end-of-script"
ERROR = "edgeimg: error: "


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a script on a device answered.

    Attributes:
        status: its exit status.
        stdout: its output, as it came.
        stderr: its diagnostics, cleaned.
    """

    status: int
    stdout: bytes = field(repr=False)
    stderr: str

    @property
    def text(self) -> str:
        """The output as clean lines."""
        return cleaned(self.stdout)


class Device(Protocol):
    """A device that runs a shell script."""

    def run(
        self,
        script: str,
        words: Sequence[str] = (),
        *,
        input: bytes = b"",
        timeout: float,
        limit: int = MAX_STREAM,
        on_line: Callable[[str], None] | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> Answer:
        """Run a script to its end.

        Args:
            words: its arguments.
            input: its standard input.
            timeout: seconds for all of it.
            limit: the most bytes that it may answer.
            on_line: called with each clean line of its diagnostics, as it comes, where
                the way there lets it.
            on_bytes: called with the number of bytes that have arrived.

        Raises:
            UserError: there is no way to the device.
            TruncatedError: the way broke in between.
            HangError: the time is up.
            CorruptedError: it answers too much, or the way spoils it.
        """


def open_device(text: str, place: str = "--target") -> Device:
    """The device of `ssh://[user@]host[:port]` or `serial:///dev/ttyUSB0[?baud=115200]`.

    Raises:
        UserError: it is neither.
    """
    from edgeimg.guest.serial import SerialDevice, parse_serial
    from edgeimg.guest.ssh import SshDevice, parse_target

    if text.startswith("ssh:"):
        return SshDevice(target=parse_target(text, place))
    if text.startswith("serial:"):
        return SerialDevice(target=parse_serial(text, place))
    raise UserError(
        f"'{text[:80]}' is neither ssh://[user@]host[:port] nor serial:///dev/ttyUSB0", place=place
    )


def with_words(script: str, words: Sequence[str]) -> str:
    """The script with its arguments set."""
    return f"set -- {shlex.join(words)}\n{script}" if words else script


def shipped_script(name: str) -> str:
    """A script that is sent to devices: `status`, `logs` ..."""
    return (data("debian-image") / "device" / name).read_text("utf-8")


def cleaned(data: bytes) -> str:
    """Lines without control characters."""
    lines = data.decode("utf-8", "replace").split("\n")
    return "\n".join(clean(line) for line in lines).strip("\n")


def refusal(answer: Answer, what: str, device: Device) -> UserError:
    """The error of a script that ended with a status other than 0: its last words."""
    said = [line for line in answer.stderr.splitlines() if line.strip()]
    last = said[-1][:300] if said else f"status {answer.status}"
    return UserError(f"{what}: {last.removeprefix(ERROR)}", place=str(device))
