"""What the features promise, on images that boot: ssh, network, console, root, systemd."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.qemu.conftest import Built, environment, run_edgeimg
from tests.qemu.kit import Guest, Key, booted, build, device, new_key

from edgeimg.resources import data_root

pytestmark = pytest.mark.qemu

# Before the real app in the PATH of both inits: dies by a signal at its first two starts.
# Counted, since on a busy machine any time of the guest may have passed before the first.
# `verify` always gets the real one.
CRASHING = """\
#!/bin/sh
[ ! -w /run ] || echo start >>/run/starts
if [ $# = 2 ] && [ "$(wc -l </run/starts)" -le 2 ]; then kill -SEGV $$; fi
exec /usr/bin/edge-infer "$@"
"""

# Under systemd the app cannot write to /run; root counts for it.
COUNTED = """\
[Service]
ExecStartPre=+/bin/sh -c 'echo start >>/run/starts'
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


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return new_key(tmp_path_factory.mktemp("ssh") / "ours")


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
            "usr/sbin/edge-infer": CRASHING,
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
        overlay={
            "usr/sbin/edge-infer": CRASHING,
            "etc/systemd/system/edge-infer@.service.d/counted.conf": COUNTED,
        },
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
        _nobody_else_gets_in(guest, replace(new_key(tmp_path / "other"), hosts=key.hosts))
        done = key.ssh(guest, "echo kept >/etc/kept; cat /etc/shadow /proc/uptime; poweroff")
        assert done.returncode == 0, done.stderr
        *shadow, _uptime = done.stdout.splitlines()
        assert [line.split(":")[1] for line in shadow] == ["*"] * len(shadow) != []
        assert guest.ended() == 0
    # The key of this host is known now; another one would be refused.
    with booted(open_image, disk=disk) as guest:
        guest.until("edgeimg: ssh")
        _address(guest)
        asked = "cat /etc/kept; cut -d ' ' -f 19 /proc/self/stat"  # and its nice value
        done = key.ssh(guest, asked, "-o", "StrictHostKeyChecking=yes")
        assert (done.returncode, done.stdout) == (0, "kept\n0\n"), done.stderr


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


def _answer(folder: Path, *words: str) -> dict[str, Any]:
    done = run_edgeimg(folder, *words, "--output", "json")
    assert done.status == 0, done.stderr
    return done.json


def test_the_device_is_verified_and_asked_over_ssh_and_the_console(
    open_image: Path, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_image.parent.parent
    key = replace(key, hosts=tmp_path / "hosts")
    with booted(open_image, serial="pty") as guest:
        pty = guest.until(r"/dev/pts/\d+")
        target = device(key, guest, tmp_path, monkeypatch)
        for way in (target, f"serial://{pty}"):
            verdict = _answer(folder, "verify", "--target", way)
            assert (verdict["passed"], verdict["target"]) == (True, way)
            assert len(verdict["samples"]) == 32
            status = _answer(folder, "status", "--target", way)
            image = (open_image / "root/etc/edgeimg/image").read_text()
            assert f"ID={status['image']['id']}\n" in image
            assert status["kernel"].startswith("Linux 6.")
            assert [disk["mount"] for disk in status["disks"]] == ["/", "/data"]
            (digits,) = status["models"]
            assert (digits["state"], digits["window"]["lines"]) == ("done", 16)
            assert 0 < digits["p50_ms"] <= digits["p99_ms"]
        (line,) = _answer(folder, "logs", "--target", target, "-n", "1")["lines"]
        assert '"frame":"15.pgm"' in line
        spoil = "ls -d /run/edgeimg.* /tmp/*; echo x >>/usr/share/edge-infer/digits/model.tflite"
        done = key.ssh(guest, spoil)
        assert done.stdout == ""
        tampered = run_edgeimg(folder, "verify", "--target", target)
        assert tampered.status == 1
        assert "model.tflite in the image is not the planned one" in tampered.stderr
        key.hosts.write_text("")
        unknown = run_edgeimg(folder, "verify", "--target", target)
        assert unknown.status == 2
        assert "compare the fingerprint" in unknown.stderr


def test_a_team_has_its_own_tests(
    open_image: Path, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = open_image.parent.parent
    # The example of the documentation.
    page = (data_root() / "docs/device.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "test_product.py").write_text(example)
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F none -i {key.private} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    words = ["-m", "pytest", "-q", "-W", "error", "--edgeimg-file", str(product / "edgeimg.yaml")]
    done = subprocess.run(
        [sys.executable, *words, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_a_shell_on_the_console_for_root_only(open_image: Path) -> None:
    with booted(open_image) as guest:
        guest.until("~ #", prompt=True)
        guest.type("echo $((6 * 7)) is $(id -un)")
        guest.until("^42 is root$")
        _interrupted(guest)


def _interrupted(guest: Guest) -> None:
    """Ctrl-C at the console ends what runs there."""
    guest.type("echo be''gun; sleep 1000")
    guest.until("^begun$")
    for _ in range(3):  # the first may come before `sleep` has the console, and is then nobody's
        guest.listen(2)
        guest.type("\x03")
    guest.type("echo go''ne")
    guest.until("^gone$")


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
    """Two starts in vain, and then the answers."""
    guest.until("edgeimg: service digits failed: exit status 139", times=2)
    guest.until("edgeimg: service digits start", times=3)
    guest.until(r'digits: \{"frame":"15.pgm"')
    guest.until("edgeimg: service digits done")


def test_busybox_starts_a_service_again(closed_image: Path) -> None:
    with booted(closed_image) as guest:
        _restarts(guest)
        waits = re.findall(r"exit status 139; again in (\d+) s", "\n".join(guest.lines))
        assert waits == ["1", "2"]


def test_systemd_starts_a_service_again(
    systemd_image: Path, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        target = device(key, guest, tmp_path, monkeypatch)
        (digits,) = _answer(tmp_path, "status", "--target", target)["models"]
        assert (digits["state"], digits["restarts"]) == ("done", int(restarts))
        assert digits["window"]["lines"] == 16
        (line,) = _answer(tmp_path, "logs", "--target", target, "-n", "1", "-m", "digits")["lines"]
        assert '{"frame":"15.pgm"' in line
        assert key.ssh(guest, "touch /etc/written", *trust).returncode == 1
        _interrupted(guest)
        guest.type("reboot")
        assert guest.ended() == 0


def test_systemd_passes_verify(systemd_image: Path) -> None:
    folder = systemd_image.parent.parent
    done = run_edgeimg(folder, "verify", "--offline", "--output", "json", "--time-limit", "300")
    assert done.status == 0, done.stderr
    assert done.json["passed"] is True
    assert len(done.json["samples"]) == 32
