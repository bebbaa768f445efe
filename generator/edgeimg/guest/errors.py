"""What can go wrong with a guest: each kind is a failure of its own."""

from __future__ import annotations

from collections.abc import Sequence

from edgeimg.errors import VerdictError

SHOWN_LINES = 40


class GuestError(VerdictError):
    """The guest did not get to its answers.

    Args:
        message: what went wrong.
        console: the console's lines; the last ones are shown.
        hint: what to do next.
    """

    kind = "guest"

    def __init__(self, message: str, *, console: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.console = tuple(console[-SHOWN_LINES:])

    def __str__(self) -> str:
        if not self.console:
            return super().__str__()
        lines = "\n".join(f"  | {line}" for line in self.console)
        return f"{super().__str__()}\nThe console's last lines:\n{lines}"


class PanicError(GuestError):
    """The guest's kernel panicked."""

    kind = "panic"


class HangError(GuestError):
    """The guest was silent for too long, or did not end in time."""

    kind = "hang"


class QemuError(GuestError):
    """QEMU itself ended with an error."""

    kind = "qemu"


class TruncatedError(GuestError):
    """The guest's results end before `END`."""

    kind = "truncated"


class CorruptedError(GuestError):
    """The guest's results do not fit their checksums, or are not what they should be."""

    kind = "corrupted"
