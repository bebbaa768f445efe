"""Measurements that the app made: in a guest that plays a part, and over an ssh that does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.verify.kit import GOOD_CONSOLE, SHARE, FakeQemu, sha256, sums, tar, toy_plan

from edgeimg.errors import UserError
from edgeimg.events import silent
from edgeimg.guest.bench import bench_device, bench_guest
from edgeimg.guest.errors import CorruptedError
from edgeimg.guest.ssh import Target, parse_target
from edgeimg.prepare.bench import Bench, Setting

# Recorded: edge-infer --benchmark of the digits example.
SAID = {
    "name": "toy",
    "load_ms": 1.5,
    "first_ms": 0.4,
    "p50_ms": 0.2,
    "p90_ms": 0.25,
    "p99_ms": 0.3,
    "mean_ms": 0.21,
    "iterations": 200,
    "peak_rss_kib": 9000,
    "threads": 2,
    "kernels": "default",
    "runtime": "litert",
    "runtime_version": "2.1.6",
    "delegate": None,
}
SETTINGS = (
    Setting(kernels="default", threads=2),
    Setting(kernels="reference", threads=1),
)
CONSOLE = (*GOOD_CONSOLE[:-3], "edgeimg: bench toy default-2\r\n", "edgeimg: bench end\r\n")


def stream(model: bytes = b"model", status: int = 0, said: str = json.dumps(SAID)) -> bytes:
    entries = {"INPUTS.sha256": f"{sha256(model)}  {SHARE}/model.tflite\n".encode()}
    for setting in SETTINGS:
        entries[f"toy/{setting.name}/status"] = f"{status}\n".encode()
        entries[f"toy/{setting.name}/stderr"] = b"edge-infer: no such kernels\n"
        entries[f"toy/{setting.name}/out.jsonl"] = f"{said}\n".encode()
    entries["SHA256SUMS"] = sums(entries)
    return tar({**entries, "END": b"0\n"})


def measured(folder: Path, data: bytes) -> list[Bench]:
    qemu = FakeQemu(folder)
    qemu.play(console=CONSOLE, stream=data)
    models = toy_plan(folder).models
    found = list(
        bench_guest(
            qemu.board(),
            qemu.artefacts,
            models,
            SETTINGS,
            200,
            report=silent,
            time_limit=60,
        )
    )
    port = [word for word in qemu.args() if word.startswith("virtserialport")]
    assert port == [
        "virtserialport,chardev=edgeimg-verify,name=edgeimg.bench 200 default-2 reference-1"
    ]
    return found


def test_the_guest_measures_each_setting(tmp_path: Path) -> None:
    found = measured(tmp_path, stream())
    assert [one.setting for one in found] == list(SETTINGS)
    assert (found[0].p50_ms, found[0].memory_kib, found[0].runtime) == (0.2, 9000, "litert 2.1.6")
    assert found[1].to_json()["kernels"] == "reference"


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"model": b"other"}, CorruptedError, "the image holds another model file"),
        ({"status": 2}, UserError, "ended with status 2 .*no such kernels"),
        ({"said": "{}"}, CorruptedError, "answers what is no measurement"),
        ({"said": json.dumps({**SAID, "p50_ms": -1})}, CorruptedError, "no measurement"),
    ],
)
def test_what_a_guest_can_do_wrong(
    tmp_path: Path, more: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        measured(tmp_path, stream(**more))


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("ssh://pi", Target(host="pi", user=None, port=None)),
        ("ssh://root@10.0.0.2:2222", Target(host="10.0.0.2", user="root", port=2222)),
        ("ssh://root@[fe80::1]", Target(host="fe80::1", user="root", port=None)),
        ("ssh://[fe80::1%usb0]:22", Target(host="fe80::1%usb0", user=None, port=22)),
        ("ssh://my_board", Target(host="my_board", user=None, port=None)),
    ],
)
def test_targets(text: str, target: Target) -> None:
    assert parse_target(text, "--where") == target


@pytest.mark.parametrize(
    "text", ["ssh://", "ssh://-oProxyCommand=x", "ssh://a b", "ssh://-l@x", "http://x", "ssh://x:0"]
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(UserError, match="is not ssh:"):
        parse_target(text, "--where")


SSH = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__)
part = json.loads(here.with_suffix(".json").read_text())
with here.with_suffix(".args").open("a") as log:
    log.write(json.dumps(sys.argv[1:]) + chr(10))
key = "sum" if sys.argv[-1].startswith("sha256sum") else "run"
status, out, err = part[key]
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(status)
"""


def fake_ssh(folder: Path, monkeypatch: pytest.MonkeyPatch, **part: Any) -> Path:
    """An `ssh` that answers; recorded: OpenSSH 9.2's words and its status 255."""
    program = folder / "ssh"
    program.write_text(SSH.format(python=sys.executable))
    program.chmod(0o755)
    right = [0, f"{sha256(b'model')}  {SHARE}/model.tflite\n", ""]
    run = [0, json.dumps(SAID) + "\n", ""]
    program.with_suffix(".json").write_text(json.dumps({"sum": right, "run": run} | part))
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return program.with_suffix(".args")


def on_device(folder: Path) -> list[Bench]:
    target = parse_target("ssh://root@pi:2222", "--where")
    models = toy_plan(folder).models
    return list(bench_device(target, models, SETTINGS, 50, report=silent, time_limit=60))


def test_a_device_measures_through_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fake_ssh(tmp_path, monkeypatch)
    assert [one.p50_ms for one in on_device(tmp_path)] == [0.2, 0.2]
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    for call in calls:
        assert "BatchMode=yes" in call and "StrictHostKeyChecking=yes" in call
        assert call[-7:-1] == ["-p", "2222", "-l", "root", "--", "pi"]
    assert calls[1][-1] == (
        "edge-infer --config /etc/edge-infer/toy.json --benchmark "
        f"--input {SHARE}/samples --iterations 50 --kernels default --threads 2"
    )


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            {"sum": [255, "", "Host key verification failed.\n"]},
            "ssh does not get to pi: Host key verification failed",
        ),
        ({"sum": [1, "", "sha256sum: no such file\n"]}, "does not hold toy as it is here"),
        ({"sum": [0, f"{'0' * 64}  x\n", ""]}, "does not hold toy as it is here"),
        ({"run": [127, "", "sh: edge-infer: not found\n"]}, "status 127 .*not found"),
    ],
)
def test_what_a_device_can_do_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: dict[str, Any], said: str
) -> None:
    fake_ssh(tmp_path, monkeypatch, **part)
    with pytest.raises(UserError, match=said):
        on_device(tmp_path)
