"""The image's own scripts, run here; their paths lead into a folder.

By dash, which has no programs of its own: busybox's shell would run its own `ip` in place of a
fake one, on this machine.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from edgeimg.resources import data

IMAGE = data("debian-image")
LIB = IMAGE / "root/usr/lib/edgeimg"
NETWORK = IMAGE / "features/network/root"
SSH = IMAGE / "features/ssh/root/etc/edgeimg/init.d/40-ssh"
APPLETS = ["awk", "cat", "grep", "ln", "mkdir", "mkfifo", "mv", "rm", "sh", "sleep", "sync"]


class Device:
    """A folder that stands for the device's root; programs are busybox's, or fakes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in APPLETS:
            self.path(f"bin/{name}").symlink_to("/bin/busybox")
        self.write("proc/uptime", "100.00 1.00\n")

    def path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, text: str) -> None:
        self.path(name).write_text(text)

    def fake(self, name: str, text: str = "") -> None:
        """A program that notes how it was called, then does what the text says."""
        self.path(f"bin/{name}").unlink(missing_ok=True)
        self.write(f"bin/{name}", f'#!/bin/sh\necho "{name} $*" >>{self.folder}/calls\n{text}')
        self.path(f"bin/{name}").chmod(0o755)

    def calls(self) -> list[str]:
        return self.path("calls").read_text().splitlines()

    def run(self, script: Path, *arguments: str, shell: str = "/bin/dash", **env: str) -> str:
        folders = (
            r"(?<![\w$}])/(?=(data|etc|proc|root|run|sys|usr/lib/edgeimg)/|data\b|dev/console)"
        )
        text = re.sub(folders, f"{self.folder}/", script.read_text())
        self.write("script", text)
        done = subprocess.run(
            [*shell.split(), str(self.folder / "script"), *arguments],
            env={"PATH": f"{self.folder}/bin", "HOME": "/", **env},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_answers_longer_than_a_fifo_holds(device: Device) -> None:
    # The first answer wakes init; what comes later has no reader.
    app = 'for i in 1 2 3; do awk \'BEGIN { printf "{"; for (i = 0; i < 2e5; i++) printf "1,"'
    device.fake("edge-infer", app + '; print "0}" }\'; done\n')
    device.fake("logger", "cat >/dev/null\n")
    for name in ("first", "service"):
        text = (LIB / name).read_text()
        device.write(name, re.sub(r"/(run|sys|usr|etc)/", rf"{device.folder}/\1/", text))
    device.write("usr/lib/edgeimg/lines.awk", (LIB / "lines.awk").read_text())
    device.path("run/edgeimg/x")
    device.path("etc/edge-infer/x")
    device.write(
        "start",
        f". {device.folder}/first\n"
        "both() { for model in a b; do busybox sh ./service $model & done; }\n"
        "first_answer both\necho answered\nwait\n",
    )
    device.path("bin/busybox").symlink_to("/bin/busybox")
    said = device.run(device.folder / "start", shell="/bin/busybox sh")  # for its `read -t`
    ended = re.findall(r"^(answered|edgeimg: service \w done)$", said, re.MULTILINE)
    assert sorted(ended) == ["answered", "edgeimg: service a done", "edgeimg: service b done"]
    assert said.count("a: {1,") == said.count("b: {1,") == 3


@pytest.mark.parametrize("awk", ["busybox awk", "mawk", "gawk"])
def test_a_console_is_not_flooded(awk: str, tmp_path: Path) -> None:
    # A camera's 500 answers at once, and one of a megabyte; then a log line.
    answers = [f'{{"frame":{n}}}\n' for n in range(500)] + ["{" + "1," * 500_000 + "0}\n"]
    log = tmp_path / "log"
    done = subprocess.run(
        f"{awk} -v name=a -v log_to='cat >{log}' -v told=1 -f {LIB}/lines.awk",
        shell=True,
        input="".join([answers[-1], *answers, "the end\n"]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    said = done.stdout.splitlines()
    assert done.stderr == ""
    assert said[1:20] == [f'a: {{"frame":{n}}}' for n in range(19)]
    assert 20 < len(said) < 50  # what took whole seconds on a slow machine
    assert said[-1] == "a: the end"
    assert said[0].endswith(",1, ...") or said[0].endswith("1,1 ...")
    assert len(said[0]) < 1100
    assert log.read_text() == "".join([answers[-1], *answers, "the end\n"])


def test_verify_says_how_far_it_is(device: Device) -> None:
    device.write("sys/class/virtio-ports/vport0p1/name", "edgeimg.verify\n")
    device.write("etc/edgeimg/verify.conf", "KERNELS=default\n")
    device.path("run/x")
    for name in ("basename", "find", "sha256sum", "sort", "tail", "tar", "wc"):
        device.path(f"bin/{name}").symlink_to("/bin/busybox")
    for name in ("poweroff", "renice"):
        device.fake(name)
    device.fake("sleep", "exec /bin/sleep 0.3\n")
    # It works until it is told three times; then it hangs, and nobody speaks for it.
    device.write("etc/edge-infer/toy.json", "{}")
    device.fake(
        "edge-infer",
        f"""echo answer
while [ $(grep -c ', 1 answered' {device.folder}/dev/console) -lt 3 ]; do :; done
/bin/sleep 2
""",
    )
    device.path("usr/share/edge-infer").mkdir(parents=True)
    device.path("dev/x")
    device.path("proc/uptime").unlink()
    device.path("proc").rmdir()
    device.path("proc").symlink_to("/proc")
    text = (LIB / "verify").read_text().replace(" >/dev/console", " >>/dev/console")
    text = re.sub(r"(?<=[ =])/(?=dev/\$|usr/share)", f"{device.folder}/", text)
    device.write("verify", text)
    device.run(device.folder / "verify")
    said = device.path("dev/console").read_text().splitlines()
    assert said[0] == "edgeimg: verify toy default"
    assert said[1:4] == ["edgeimg: verify toy default, 1 answered"] * 3
    assert said.count(said[1]) <= 4  # what it used until it hung
    assert said[-1] == "edgeimg: verify end"
    assert device.calls()[-1] == "poweroff -f"


def test_the_first_interface_of_a_network(device: Device) -> None:
    for name, kind, real in (
        ("can0", 280, True),
        ("dummy0", 1, False),
        ("end0", 1, True),
        ("wlan0", 1, True),
    ):
        device.write(f"sys/class/net/{name}/type", f"{kind}\n")
        if real:
            device.path(f"sys/class/net/{name}/device/x")
    device.write("etc/edgeimg/network.conf", "MODE=static ADDRESS=192.0.2.7/24\n")
    device.write("etc/hostname", "camera\n")
    device.path("run/x")
    for name in ("ip", "hostname"):
        device.fake(name)
    said = device.run(NETWORK / "etc/edgeimg/init.d/20-network")
    assert said == "edgeimg: network end0 192.0.2.7/24\n"
    assert "ip link set end0 up" in device.calls()


def test_the_clock_is_set_by_an_answer_that_comes_late(device: Device) -> None:
    device.write("sys/class/net/eth0/type", "1\n")
    device.path("sys/class/net/eth0/device/x")
    device.write("etc/edgeimg/network.conf", "MODE=static ADDRESS=192.0.2.7/24 NTP=ntp.example\n")
    device.write("etc/hostname", "camera\n")
    device.path("run/x")
    for name in ("ip", "hostname", "logger", "sleep"):
        device.fake(name)
    # One of its processes ends by itself before its turn comes.
    gone = '[ $1 = -q ] || echo "killall: can\'t kill pid 9: No such process"'
    device.fake("killall", f"{gone}\n: >{device.folder}/killed\n")
    # openntpd without a network, without an answer in time, and with one; then the test ends.
    device.fake(
        "ntpd",
        f"""case $(grep -c '^ntpd' {device.folder}/calls) in
1) echo 'set local clock to Wed Jan  1 00:00:07 UTC 2020 (offset 0.000000s)' >&2 ;;
2) echo 'no reply received in time, skipping initial time setting' >&2 ;;
3) echo 'cancel settime because no valid peers configured' >&2 ;;
*)
	echo 'cancel settime because offset is negative or close enough' >&2
	echo 'set local clock to Sun Nov 22 20:40:00 UTC 2026 (offset 217500000.120000s)' >&2
	kill $PPID
	exit
	;;
esac
while [ ! -e {device.folder}/killed ]; do /bin/sleep 0.05; done
rm {device.folder}/killed
""",
    )
    said = device.run(NETWORK / "etc/edgeimg/init.d/20-network")
    assert said == "edgeimg: network eth0 192.0.2.7/24\n"
    seen = [line.split()[0] for line in device.calls()]
    assert [one for one in seen if one in ("ntpd", "killall")] == [*["ntpd", "killall"] * 3, "ntpd"]


def test_an_address_by_dhcp_leaves_those_of_version_6(device: Device) -> None:
    device.fake("ip")
    device.path("run/x")
    device.path("dev/x")
    env = {"interface": "eth0", "ip": "192.0.2.7", "mask": "24", "router": "192.0.2.1"}
    for event in ("deconfig", "bound"):
        device.run(NETWORK / "usr/lib/edgeimg/dhcp", event, **env)
    flushed = [line for line in device.calls() if "flush" in line]
    assert flushed == ["ip -4 address flush dev eth0"] * 2
    assert "ip address add 192.0.2.7/24 dev eth0" in device.calls()


@pytest.mark.parametrize("kept", [True, False])
def test_the_host_key_is_kept_where_something_is(kept: bool, device: Device) -> None:
    # A partition, or a folder of upstream's only one; a file stands for what cannot be written.
    if kept:
        device.path("data").mkdir()
    else:
        device.write("data", "")
    device.path("run/edgeimg/x")
    device.path("root").mkdir()
    device.fake("dropbear")
    device.fake("dropbearkey", 'while [ "$1" != -f ]; do shift; done\necho key >"$2"\n')
    for _ in range(2):
        device.run(SSH)
    place = "data" if kept else "run/edgeimg"
    key = f"{device.folder}/{place}/ssh/dropbear_ed25519_host_key"
    assert [one.split()[2] for one in device.calls() if one.startswith("dropbear ")] == [key, key]
    assert sum(one.startswith("dropbearkey ") for one in device.calls()) == 1
    assert Path(key).stat().st_mode & 0o077 == 0
