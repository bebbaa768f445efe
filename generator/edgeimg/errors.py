"""Every error that a user can see, and the exit status of its kind.

An error has a place, a cause and a next step:
`boards/rpi5.yaml:4:11: accelerators.0.buss: not a key. Perhaps you meant 'bus'?`
"""

from __future__ import annotations

from collections.abc import Sequence


class EdgeimgError(Exception):
    """Base of the errors that are shown as one line.

    Args:
        message: what is wrong.
        hint: what to do next; a sentence.
        place: where, as `file`, `file:line` or `file:line:column`.
    """

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "", place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        if not self.hint:
            return text
        return f"{text.rstrip('.')}. {self.hint}"

    def as_json(self) -> dict[str, str]:
        return {"place": self.place, "message": self.message, "hint": self.hint}


class UserError(EdgeimgError):
    """Something that the user can mend: a manifest, an option, a missing tool."""

    exit_status = 2


class InternalError(EdgeimgError):
    """Something that went wrong on our side, or in a tool that we drive."""


class VerdictError(EdgeimgError):
    """The image was built and it does not answer right."""


class Stopped(EdgeimgError):
    """The user stopped it, and something is left half done: what, and what to do."""

    exit_status = 130


class UserErrors(UserError):
    """All the errors of one input at once, each a line of its own."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """The hint for a misspelt word: the nearest known one, or all of them."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"Perhaps you meant '{near[0]}'?"
    return f"Known: {', '.join(sorted(known))}." if known else ""
