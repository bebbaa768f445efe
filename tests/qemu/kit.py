"""A running guest to type on and to log in to, and images to run."""

from __future__ import annotations

import os
import re
import selectors
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.qemu.conftest import Built, run_edgeimg

from edgeimg.guest.console import clean
from edgeimg.guest.machine import Artefacts, arguments
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import load
from edgeimg.resources import data_root

PATIENCE = 300.0  # seconds; for machines that much else is done on


@dataclass
class Guest:
    """A running guest: what it says, and its console to type on."""

    process: subprocess.Popen[bytes]
    ssh_port: int
    lines: list[str] = field(default_factory=list)
    rest: bytes = b""

    def until(self, pattern: str, *, times: int = 1, prompt: bool = False) -> str:
        """What fits in the first line that does, or in the last of so many lines.

        With `prompt`, in a line that is not ended too.
        """
        end = time.monotonic() + PATIENCE
        while True:
            lines = [*self.lines, clean(self.rest.decode(errors="replace"))]
            found = [re.search(pattern, line) for line in lines[: None if prompt else -1]]
            fits = [match[0] for match in found if match]
            if len(fits) >= times:
                return fits[times - 1]
            if time.monotonic() > end or not self._read(end):
                said = "\n".join(self.lines[-40:])
                pytest.fail(f"the guest did not say {pattern!r}; it said:\n{said}")

    def listen(self, seconds: float) -> None:
        """Take in what the guest says for that long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._read(end):
            pass

    def type(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())
        self.process.stdin.flush()

    def ended(self, patience: float = PATIENCE) -> int:
        """QEMU's status, once the guest has switched itself off."""
        end = time.monotonic() + patience
        while time.monotonic() < end and self._read(end):
            pass
        return self.process.wait(max(1.0, end - time.monotonic()))

    def _read(self, end: float) -> bool:
        """Waits for output; false when there will be no more."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, min(end - time.monotonic(), 1.0))):
                return True
        got = os.read(self.process.stdout.fileno(), 65536)
        *whole, self.rest = (self.rest + got).split(b"\n")
        self.lines += [clean(line.decode(errors="replace")) for line in whole]
        return bool(got)


def build(
    built: Built,
    folder: Path,
    features: str,
    *,
    models: str = "digits",
    overlay: Mapping[str, str] | None = None,
) -> Path:
    """Build a product with these features; returns its project. Starts from what was built."""
    folder.mkdir()
    (folder / "overlay").mkdir()
    for name, content in (overlay or {}).items():
        path = folder / "overlay" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
    (folder / "edgeimg.yaml").write_text(
        "version: 1\nname: digits\nboard: qemu-arm64\noverlay: overlay\n"
        f"models: [{models}]\nfeatures:\n{features}"
    )
    project = folder / "build" / built.project.name
    project.parent.mkdir()
    subprocess.run(["cp", "-a", built.project, project], check=True)
    done = run_edgeimg(folder, "build")
    assert done.status == 0, done.stderr
    return project


@contextmanager
def booted(
    project: Path,
    *,
    disk: Path | None = None,
    serial: str = "stdio",
    more: Sequence[str] = (),
) -> Iterator[Guest]:
    """The image, running. With `disk`, a copy of it, what the guest writes is kept there."""
    qemu = load(data_root() / "boards/qemu-arm64.yaml", Board).machine
    assert qemu is not None
    images = project / "build/images"
    config = (project / "config.mk").read_text()
    found = re.search(r"^KERNEL_ARGS := (.*)$", config, re.MULTILINE)
    assert found is not None
    artefacts = Artefacts(
        image=disk or images / "digits.img",
        kernel=images / "kernel",
        initrd=images / "initrd.img",
        cmdline=found[1],
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    console = ["-serial", serial, "-monitor", "none"]
    words = arguments(qemu, artefacts, "kernel", scratch=project, serial=console, ssh_port=port)
    if disk is not None:
        words = [word.replace("snapshot=on", "snapshot=off") for word in words]
    process = subprocess.Popen(
        [*words, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield Guest(process, port)
    finally:
        process.kill()
        process.communicate()


@dataclass(frozen=True)
class Key:
    """A key pair made for this session, and the file of known host keys."""

    private: Path
    hosts: Path

    @property
    def public(self) -> str:
        return self.private.with_suffix(".pub").read_text().strip()

    @property
    def words(self) -> list[str]:
        """ssh with this key and these hosts, and nothing of the user's."""
        words = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={self.hosts}"]
        # The port is another one at each start; the host key is known by this name.
        words += ["-o", "HostKeyAlias=device", "-o", "IdentitiesOnly=yes"]
        return [*words, "-i", str(self.private)]

    def ssh(self, guest: Guest, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        words = [*self.words, "-T", "-p", str(guest.ssh_port), "-o", "BatchMode=yes"]
        words += ["-o", "ConnectTimeout=30", *options, "root@127.0.0.1", command]
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def device(key: Key, guest: Guest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The guest as a `--target`: `ssh` in PATH has our key. Waits until it answers."""
    end = time.monotonic() + PATIENCE
    while key.ssh(guest, "true", "-o", "StrictHostKeyChecking=accept-new").returncode:
        assert time.monotonic() < end, "the guest's SSH does not answer"
        time.sleep(0.5)
    program = folder / "bin/ssh"
    program.parent.mkdir()
    real = shutil.which("ssh")
    program.write_text(f'#!/bin/sh\nexec {real} {shlex.join(key.words[1:])} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return f"ssh://root@127.0.0.1:{guest.ssh_port}"


def new_key(folder: Path) -> Key:
    if shutil.which("ssh-keygen") is None or shutil.which("ssh") is None:
        pytest.skip("needs ssh and ssh-keygen (Debian package openssh-client)")
    folder.mkdir()
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")]
    subprocess.run(words, check=True)
    return Key(folder / "key", folder / "hosts")
