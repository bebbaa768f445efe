"""What the services on a device have said."""

from __future__ import annotations

from collections.abc import Callable

from edgeimg.errors import UserError
from edgeimg.guest.console import Console
from edgeimg.guest.device import ERROR, Answer, Device, refusal, shipped_script
from edgeimg.guest.errors import TruncatedError
from edgeimg.guest.ssh import SshDevice
from edgeimg.process import last_lines

TIMEOUT = 120.0
LIMIT = 64 << 20  # bytes
WHAT = "there are no logs"


def last_logs(device: Device, model: str, lines: int) -> list[str]:
    """The last lines of one model's log, or of all with an empty name.

    Raises:
        UserError: there is no way to the device, no such model, or no log.
        GuestError: the way broke in between.
    """
    words = [str(lines), "no", model]
    answer = device.run(shipped_script("logs"), words, timeout=TIMEOUT, limit=LIMIT)
    if answer.status:
        raise refusal(answer, WHAT, device)
    return answer.text.splitlines()


def follow_logs(device: Device, model: str, lines: int, on_line: Callable[[str], None]) -> None:
    """The same, and what comes then, until the device or the user ends it.

    Raises:
        UserError: as above, or the device is not reached by ssh.
        TruncatedError: the device or the connection ended it.
    """
    if not isinstance(device, SshDevice):
        raise UserError(
            "only ssh follows a log", place=str(device), hint="Leave out --follow, or use ssh."
        )
    console = Console()

    def on_data(data: bytes) -> None:
        for line in console.feed(data, 0.0):
            on_line(line.text)
        console.lines.clear()

    words = [str(lines), "yes", model]
    status, stderr = device.follow(shipped_script("logs"), words, on_data)
    if any(line.startswith(ERROR) for line in stderr.splitlines()):
        raise refusal(Answer(status=status, stdout=b"", stderr=stderr), WHAT, device)
    raise TruncatedError(f"{device} ended its log: {last_lines(stderr, 1)[:300] or status}")
