"""A device that is reached by ssh: the user's own client, keys and known hosts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from edgeimg.errors import UserError
from edgeimg.process import Completed, last_lines, run

CONNECT_SECONDS = 15
SSH_FAILED = 255

_TARGET = re.compile(
    r"ssh://(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@)?"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A device that is reached by ssh."""

    host: str
    user: str | None
    port: int | None

    def __str__(self) -> str:
        return f"ssh://{self.host}"

    def command(self, words: Sequence[str]) -> list[str]:
        """The command here that runs these words there: no questions, and only known hosts."""
        command = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
        command += ["-o", f"ConnectTimeout={CONNECT_SECONDS}"]
        command += ["-p", str(self.port)] if self.port else []
        command += ["-l", self.user] if self.user else []
        return [*command, "--", self.host, shlex.join(words)]


def parse_target(text: str, place: str) -> Target:
    """`ssh://[user@]host[:port]`.

    Args:
        place: the option that it was given to.

    Raises:
        UserError: it is not that.
    """
    found = _TARGET.fullmatch(text)
    if found is None or not 0 < int(found["port"] or 22) < 65536:
        raise UserError(f"'{text[:80]}' is not ssh://[user@]host[:port]", place=place)
    port = int(found["port"]) if found["port"] else None
    return Target(host=found["host"].strip("[]"), user=found["user"], port=port)


def run_there(
    target: Target,
    words: Sequence[str],
    *,
    timeout: float,
    input: str | bytes | None = None,
) -> Completed:
    """Run a command on the device; its exit status is the answer's.

    Raises:
        UserError: ssh does not get there, or the time is up.
    """
    done = run(target.command(words), timeout=timeout, input=input, check=False, error=UserError)
    if done.status == SSH_FAILED:
        raise UserError(
            f"ssh does not get to {target.host}: {last_lines(done.stderr, 1)}",
            place=str(target),
            hint="Its host key must be known here, and yours to it: try `ssh` by hand.",
        )
    return done
