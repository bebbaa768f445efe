"""What the features promise, on images that boot: ssh, network, console, root, systemd."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.qemu.conftest import Built, run_edgeimg

from edgeimg.guest.console import clean
from edgeimg.guest.machine import Artefacts, arguments
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import load
from edgeimg.resources import data_root

pytestmark = pytest.mark.qemu

PATIENCE = 90.0  # seconds; some ten times what an idle machine needs

# Before the real app in the PATH of both inits: dies by a signal until the guest is up for
# some seconds, so that it is started again at least twice. `verify` always gets the real one.
# Crashes for the first seconds after the start; systemd comes to it later.
CRASHING = """\
#!/bin/sh
read -r up _ </proc/uptime
if [ $# = 2 ] && [ "${up%%.*}" -lt SECONDS ]; then kill -SEGV $$; fi
exec /usr/bin/edge-infer "$@"
"""

# What the image without a shell says of itself, as the last of the features' scripts.
PROBE = """\
#!/bin/sh
if touch /etc/written 2>/dev/null; then echo 'probe: root is written'; fi
echo boot >>/data/boots
sync
echo "probe: boots $(wc -l </data/boots)"
echo "probe: $(ip -4 -o address show eth0 | awk '{ print $4 }') $(ip route | head -n 1)"
echo "probe: host $(uname -n)"
echo 'probe: end'
"""


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
def booted(project: Path, *, disk: Path | None = None, more: Sequence[str] = ()) -> Iterator[Guest]:
    """The image, running. With `disk`, a copy of it, what the guest writes is kept there."""
    qemu = load(data_root() / "boards/qemu-arm64.yaml", Board).qemu
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
    serial = ["-serial", "stdio", "-monitor", "none"]
    words = arguments(qemu, artefacts, "kernel", scratch=project, serial=serial, ssh_port=port)
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

    def ssh(self, guest: Guest, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        words = ["ssh", "-F", "none", "-T", "-p", str(guest.ssh_port), "-o", "BatchMode=yes"]
        words += ["-o", f"UserKnownHostsFile={self.hosts}", "-o", "IdentitiesOnly=yes"]
        # The port is another one at each start; the host key is known by this name.
        words += ["-o", "HostKeyAlias=device", "-o", "ConnectTimeout=30", *options]
        words += ["-i", str(self.private), "root@127.0.0.1", command]
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def _new_key(folder: Path) -> Key:
    if shutil.which("ssh-keygen") is None or shutil.which("ssh") is None:
        pytest.skip("needs ssh and ssh-keygen (Debian package openssh-client)")
    folder.mkdir()
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")]
    subprocess.run(words, check=True)
    return Key(folder / "key", folder / "hosts")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return _new_key(tmp_path_factory.mktemp("ssh") / "ours")


@pytest.fixture(scope="module")
def open_image(built: Built, key: Key, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Busybox's init; a root that keeps what is written; every door that there is, open."""
    return build(
        built,
        tmp_path_factory.mktemp("open") / "product",
        "  network: {hostname: camera-7}\n  serial-console: {shell_for: root}\n"
        f"  ssh: {{authorized_keys: ['{key.public}']}}\n",
    )


@pytest.fixture(scope="module")
def closed_image(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Busybox's init; a read-only root, a fixed address, no shell, an app that crashes."""
    return build(
        built,
        tmp_path_factory.mktemp("closed") / "product",
        "  network: {mode: static, address: 10.0.2.77/24, gateway: 10.0.2.2}\n"
        "  serial-console: {shell_for: nobody}\n  read-only-root: {}\n",
        overlay={
            "usr/sbin/edge-infer": CRASHING.replace("SECONDS", "6"),
            "etc/edgeimg/init.d/99-probe": PROBE,
        },
    )


@pytest.fixture(scope="module")
def systemd_image(built: Built, key: Key, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """systemd with all features, and an app that crashes."""
    return build(
        built,
        tmp_path_factory.mktemp("systemd") / "product",
        "  network: {}\n  serial-console: {}\n  read-only-root: {}\n  systemd: {}\n"
        f"  ssh: {{authorized_keys: ['{key.public}']}}\n",
        overlay={"usr/sbin/edge-infer": CRASHING.replace("SECONDS", "15")},
    )


def _copy_of_disk(project: Path, folder: Path) -> Path:
    disk = folder / "disk.img"
    subprocess.run(["cp", "--sparse=always", project / "build/images/digits.img", disk], check=True)
    return disk


def _address(guest: Guest) -> str:
    return guest.until(r"edgeimg: network eth0 \S+").rsplit(" ", 1)[-1]


def test_log_in_with_the_key_and_find_it_all_again(
    open_image: Path, key: Key, tmp_path: Path
) -> None:
    disk = _copy_of_disk(open_image, tmp_path)
    with booted(open_image, disk=disk) as guest:
        guest.until("edgeimg: ssh")
        assert _address(guest) == "10.0.2.15/24"
        done = key.ssh(guest, "uname -a; id -u", "-o", "StrictHostKeyChecking=accept-new")
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(r"Linux camera-7 .* aarch64 .*\n0\n", done.stdout)
        _nobody_else_gets_in(guest, replace(_new_key(tmp_path / "other"), hosts=key.hosts))
        done = key.ssh(guest, "echo kept >/etc/kept; cat /etc/shadow /proc/uptime; poweroff")
        assert done.returncode == 0, done.stderr
        *shadow, _uptime = done.stdout.splitlines()
        assert [line.split(":")[1] for line in shadow] == ["*"] * len(shadow) != []
        assert guest.ended() == 0
    # The key of this host is known now; another one would be refused.
    with booted(open_image, disk=disk) as guest:
        guest.until("edgeimg: ssh")
        _address(guest)
        done = key.ssh(guest, "cat /etc/kept", "-o", "StrictHostKeyChecking=yes")
        assert (done.returncode, done.stdout) == (0, "kept\n"), done.stderr


def _nobody_else_gets_in(guest: Guest, stranger: Key) -> None:
    ways = {
        "without a key": ("-o", "PreferredAuthentications=none"),
        "with a password": ("-o", "PreferredAuthentications=password,none"),
        "by questions": ("-o", "PreferredAuthentications=keyboard-interactive"),
        "with another key": (),
    }
    for name, options in ways.items():
        done = stranger.ssh(guest, "echo in", "-o", "StrictHostKeyChecking=yes", *options)
        assert done.returncode == 255, name
        # Only keys are offered.
        assert "Permission denied (publickey)." in done.stderr, name


def test_a_shell_on_the_console_for_root_only(open_image: Path) -> None:
    with booted(open_image) as guest:
        guest.until("~ #", prompt=True)
        guest.type("echo $((6 * 7)) is $(id -un)")
        guest.until("^42 is root$")


def test_nothing_but_data_is_kept_and_nobody_gets_a_shell(
    closed_image: Path, tmp_path: Path
) -> None:
    disk = _copy_of_disk(closed_image, tmp_path)
    for number in (1, 2):
        with booted(closed_image, disk=disk) as guest:
            guest.until("probe: end")
            assert guest.until(r"probe: boots \d+") == f"probe: boots {number}"
            assert guest.until(r"probe: host \S+") == "probe: host digits"
            guest.until(r"probe: 10\.0\.2\.77/24 default via 10\.0\.2\.2 dev eth0")
            assert not any("root is written" in line for line in guest.lines)
            if number == 1:
                guest.type("echo $((6 * 7)) is $(id -un)")
                guest.listen(3)
                assert not any("42 is" in line for line in guest.lines)


def _restarts(guest: Guest) -> None:
    """Two starts in vain at least, and then the answers."""
    guest.until("edgeimg: service digits failed: exit status 139", times=2)
    guest.until("edgeimg: service digits start", times=3)
    guest.until(r'digits: \{"frame":"15.pgm"')
    guest.until("edgeimg: service digits done")


def test_busybox_starts_a_service_again(closed_image: Path) -> None:
    with booted(closed_image) as guest:
        _restarts(guest)
        waits = re.findall(r"exit status 139; again in (\d+) s", "\n".join(guest.lines))
        assert waits == ["1", "2", "4", "8"][: len(waits)]


def test_systemd_starts_a_service_again(systemd_image: Path, key: Key) -> None:
    with booted(systemd_image) as guest:
        _restarts(guest)
        guest.until("edgeimg: ssh")
        assert _address(guest) == "10.0.2.15/24"
        key = replace(key, hosts=key.hosts.with_name("of-systemd"))
        trust = ("-o", "StrictHostKeyChecking=accept-new")
        show = "systemctl show -P NRestarts -P ActiveState edge-infer@digits.service"
        asked = f"{show}; systemctl is-system-running; journalctl -q -o cat -t digits | tail -n 1"
        done = key.ssh(guest, asked, *trust)
        restarts, state, system, last = done.stdout.splitlines()
        assert int(restarts) >= 2
        assert (state, system) == ("inactive", "running")
        assert last.startswith('{"frame":"15.pgm"')
        assert key.ssh(guest, "touch /etc/written", *trust).returncode == 1
        guest.type("reboot")
        assert guest.ended() == 0


def test_systemd_passes_verify(systemd_image: Path) -> None:
    folder = systemd_image.parent.parent
    done = run_edgeimg(folder, "verify", "--offline", "--output", "json", "--time-limit", "300")
    assert done.status == 0, done.stderr
    assert done.json["passed"] is True
    assert len(done.json["samples"]) == 32
