"""An image that runs in QEMU until we are through with it, reached by ssh as a device is."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeimg.errors import UserError
from edgeimg.events import Report, Step, silent
from edgeimg.guest.console import Console
from edgeimg.guest.errors import HangError, PanicError, QemuError
from edgeimg.guest.machine import Artefacts, Boot, arguments, qemu_version
from edgeimg.guest.ssh import SshDevice, Target
from edgeimg.manifest.board import Qemu
from edgeimg.process import spawn

PATIENCE = 180.0  # seconds until ssh must answer
TRY_SECONDS = 30.0
PAUSE_SECONDS = 0.5
SSH = 22


def free_port() -> int:
    """A port of this machine's loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running(
    qemu: Qemu,
    artefacts: Artefacts,
    *,
    how: Boot = "kernel",
    user: str = "root",
    patience: float = PATIENCE,
    report: Report = silent,
) -> Iterator[SshDevice]:
    """Boot the image, which must have an SSH server, and leave it running in the block.

    Its host key is new at each boot. It is taken as it comes: nobody else is at the other end
    of a port that our own QEMU listens on.

    Raises:
        UserError: QEMU or a file is missing, or the image does not take our key.
        GuestError: the guest does not come up.
    """
    version = qemu_version(qemu)
    port = free_port()
    report(Step(name="boot", detail=f"{qemu.program} {version}, {how}, SSH on port {port}"))
    with tempfile.TemporaryDirectory(prefix="edgeimg-guest-") as folder:
        scratch = Path(folder)
        log = scratch / "console.log"
        serial = ["-chardev", f"file,id=edgeimg-console,path={log}"]
        serial += ["-serial", "chardev:edgeimg-console", "-monitor", "none"]
        words = arguments(qemu, artefacts, how, scratch=scratch, serial=serial, ssh_port=port)
        # Not a file in the scratch folder: ssh would split its name at blanks, and expand `%`.
        options = ("UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=accept-new")
        target = Target(
            host="127.0.0.1", user=user, port=port, options=(*options, "LogLevel=ERROR")
        )
        with (
            (scratch / "stderr").open("w+b") as stderr,
            spawn(words, stderr=stderr) as process,
        ):
            _wait(process, target, log, scratch / "stderr", patience)
            yield SshDevice(target=target)


def _wait(
    process: subprocess.Popen[bytes], target: Target, log: Path, stderr: Path, patience: float
) -> None:
    """Until ssh answers."""
    end = time.monotonic() + patience
    while True:
        try:
            SshDevice(target=target).run("exit 0", timeout=TRY_SECONDS)
            return
        except HangError:
            pass
        except UserError as error:
            if "Permission denied" in error.message:
                raise
        console = Console()
        console.feed(log.read_bytes() if log.exists() else b"", 0.0, final=True)
        if console.panic is not None:
            raise PanicError(
                f"the guest's kernel panicked: {console.panic}", console=console.tail()
            )
        if process.poll() is not None:
            said = stderr.read_text(errors="replace").strip()
            raise QemuError(f"QEMU ended: {said[-300:]}", console=console.tail())
        if time.monotonic() > end:
            raise HangError(
                f"the guest's SSH did not answer within {patience:g} seconds",
                console=console.tail(),
            )
        time.sleep(PAUSE_SECONDS)
