"""status and logs: real shells run the real scripts; and answers that nobody should believe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.guest.device_kit import SHELLS, Sandbox, json_lines

from edgeimg.guest.device import open_device
from edgeimg.guest.status import Status, Window, ask_status, read_status

Edgeimg = Callable[..., Any]
TARGET = "ssh://root@pi"
IMAGE = "PRODUCT=toy\nBOARD=bench\nID=0123456789abcdef\n"


def syslog(lines: list[str], model: str = "toy") -> str:
    said = [
        f"Nov 21 23:44:{i % 60:02} device user.notice {model}: {line}"
        for i, line in enumerate(lines)
    ]
    return "".join(f"{line}\n" for line in said)


def with_log(sandbox: Sandbox, text: str) -> None:
    """busybox's syslogd has this in memory."""
    sandbox.write({"log": text})
    sandbox.program("logread", f"#!/bin/sh\ncat {sandbox.folder}/log\n")
    # Not the machine's own.
    sandbox.program("pidof", "#!/bin/sh\nexit 1\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_device_says_how_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch, shell)
    with_log(sandbox, syslog(json_lines(150, 2.0) + json_lines(50, 9.5)))
    sandbox.write({"etc/edgeimg/image": IMAGE, "run/edgeimg/toy.status": "5\n"})
    sandbox.write({"data/deploy/state": "12ab -\n"})
    found = ask_status(open_device(TARGET))
    assert found.image == {"product": "toy", "board": "bench", "id": "0123456789abcdef"}
    assert found.deployed == "12ab"
    assert found.kernel and found.kernel.startswith("Linux ")
    assert found.uptime_seconds and found.memory_kib and found.load
    assert found.memory_kib > (found.memory_available_kib or 0) > 0
    assert found.disks[0].mount == "/"
    (toy,) = found.models
    if shell == "sh":  # busybox asks its own logread
        assert toy.window is not None and toy.window.lines == 200
        assert (toy.p50_ms, toy.p99_ms) == (2.0, 9.5)
    assert toy.name == "toy"
    if not Path("/run/systemd/system").exists():
        assert (toy.state, toy.why) == ("failed", "the camera cannot be used")
        assert toy.restarts is None
    json.dumps(found.to_json())


def facts(*lines: str) -> Status:
    return read_status("\n".join(line.replace(" | ", "\t") for line in lines), TARGET)


NOW = ("now | 1763769906 | Nov 21 23:45:06", "uptime | 500.5", "model | toy")


def test_busybox_log_of_a_running_model() -> None:
    found = facts(*NOW, "running | toy", *["ms | toy | Nov 21 23:44:57 | 2.5"] * 100)
    (toy,) = found.models
    assert (toy.state, toy.why, toy.restarts) == ("running", None, None)
    assert toy.window == Window(lines=100, seconds=10.0)
    assert toy.rate == 10.0


def test_systemd_counts_restarts() -> None:
    unit = ("ActiveState=activating", "SubState=auto-restart", "ExecMainStatus=2", "NRestarts=4")
    lines = [f"unit | toy | {one}" for one in unit]
    (toy,) = facts(*NOW, *lines, "ms | toy | 1763769896.5 x y | 1.25").models
    assert (toy.state, toy.restarts) == ("failed", 4)
    assert toy.why == "its configuration or model is refused"
    assert (toy.p99_ms, toy.rate) == (1.25, None)
    assert toy.window == Window(lines=1, seconds=10.5)
    for active, sub, ended, state in (
        ("active", "running", "0", "running"),
        ("inactive", "dead", "123", "done"),
        ("inactive", "dead", "0", "stopped"),
    ):
        lines = [
            f"unit | toy | ActiveState={active}",
            f"unit | toy | SubState={sub}",
            "unit | toy | ExecMainStatus=0",
            f"unit | toy | ExecMainExitTimestampMonotonic={ended}",
        ]
        assert facts(*NOW, *lines).models[0].state == state


def test_what_is_there_is_told() -> None:
    found = facts(
        "temperature | cpu-thermal | 48312",
        "frequency | 0 | 600000 | 1800000",
        "frequency | 4 | 600000 | ",
        "disk | /data | 1000 | 100 | 900",
        'os-release | PRETTY_NAME="Some Linux 1"',
    )
    assert found.temperatures == (("cpu-thermal", 48.312),)
    assert found.frequencies == (("0", 600.0, 1800.0), ("4", 600.0, None))
    assert found.disks[0].available_kib == 900
    assert found.system == "Some Linux 1"


def test_nothing_is_believed_that_is_no_number() -> None:
    found = facts(
        "now | x | y",
        "uptime | nan",
        "load | 1 | 2 | -3",
        "memory | MemTotal: | lots",
        "disk | / | 1 | 2",
        "temperature | z | inf",
        "frequency | 0 | 1e999 | 1",
        "model | toy\x1b[31m",
        "model",
        "ms | toy | Nov 99 23:45:06 | 1.0",
        "exit | toy | -1",
        "running",
        "x" * 5000 + " | y",
    )
    assert found.models[0].name == "toy"
    assert found.models[0].window == Window(lines=1, seconds=None)
    nothing = (found.uptime_seconds, found.load, found.memory_kib, found.image, found.host)
    assert nothing == (None,) * 5
    assert not (found.disks or found.temperatures or found.frequencies)
    assert found.models[0].state is None


def test_status_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg: Edgeimg
) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    with_log(sandbox, syslog(json_lines(3, 2.0)))
    answer = edgeimg("status", "--target", TARGET)
    assert answer.status == 0, answer.stderr
    assert "-" in answer.stdout and "toy" in answer.stdout and "2 ms" in answer.stdout
    told = json.loads(edgeimg("status", "--target", TARGET, "--output", "json").stdout)
    assert told["image"] is None
    assert told["models"][0]["p99_ms"] == 2.0


def test_the_last_lines_of_one_model_or_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg: Edgeimg
) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    sandbox.write({"etc/edge-infer/other.json": "{}"})
    log = syslog(["one", "\x1b]0;evil\x07two", "three"]) + syslog(["four"], "other")
    with_log(sandbox, log + syslog(["five"], "dropbear"))

    def said(*words: str) -> list[str]:
        answer = edgeimg("logs", "--target", TARGET, *words)
        assert answer.status == 0, answer.stderr
        return [line.split(": ")[1] for line in answer.stdout.splitlines()]

    assert said() == ["one", "two", "three", "four"]
    assert said("-n", "2") == ["three", "four"]
    assert said("-m", "toy", "-n", "1") == ["three"]
    answer = edgeimg("logs", "--target", TARGET, "-m", "to")
    assert answer.status == 2
    assert "there is no model 'to'; there is other toy" in answer.stderr


def test_a_log_is_followed_until_the_device_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg: Edgeimg
) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    with_log(sandbox, syslog(["one", "two"]))
    answer = edgeimg("logs", "--target", TARGET, "--follow", "-n", "1")
    assert [line.split(": ")[1] for line in answer.stdout.splitlines()] == ["two", "one", "two"]
    assert answer.status == 1
    assert "ssh://root@pi ended its log" in answer.stderr


def test_who_follows_a_log_ends_it_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg: Edgeimg
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgeimg.guest.logs.follow_logs", interrupted)
    answer = edgeimg("logs", "--target", TARGET, "--follow")
    assert (answer.status, answer.stdout, answer.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "foo"), "is neither ssh:"),
        (("--target", "serial:///dev/null", "--follow"), "only ssh follows a log"),
        (("--target", TARGET, "--follow", "--output", "json"), "would never end"),
    ],
)
def test_what_logs_does_not_do(edgeimg: Edgeimg, words: tuple[str, ...], said: str) -> None:
    answer = edgeimg("logs", *words)
    assert answer.status == 2
    assert said in answer.stderr
