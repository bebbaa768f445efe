"""The pytest plugin in a run of its own, as a team has it, and in runs that do not use it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

TESTS = """\
def test_golden(golden):
    host = golden["digits", "reference"]["00.pgm"]
    assert (host.label, host.answer, host.outputs[0].shape) == ("0", "0", (1, 10))
    assert sorted(golden) == [("digits", "default"), ("digits", "reference")]
    assert ("digits", "turbo") not in golden


def test_run(guest):
    done = guest.run('read -r word; echo "$word $((6 * 7))"; echo no >&2; exit 3', input=b"is\\n")
    assert (done.status, done.out, done.err) == (3, "is 42", "no")


def test_no_such_model(guest):
    guest.infer("digit", b"")
"""
SSH = """#!/bin/sh
for last; do :; done
exec sh -c "$last"
"""


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_product.py").write_text(TESTS)
    (folder / "edgeimg.yaml").write_text(
        "version: 1\nname: toy\nboard: qemu-arm64\nmodels: [digits]\n"
    )
    (folder / "ssh").write_text(SSH)
    (folder / "ssh").chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_device(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "--edgeimg-target", "ssh://root@pi")
    assert "2 passed" in done.stdout and "1 failed" in done.stdout, done.stdout
    assert "the product has no model 'digit'. Perhaps you meant 'digits'?" in done.stdout
    assert "Traceback" not in done.stdout
    assert "During handling" not in done.stdout


def test_qemu_without_a_way_in_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "-k", "run or golden")
    assert "1 passed" in done.stdout and "1 failed" in done.stdout, done.stdout
    assert "edgeimg.yaml: the image has no SSH server" in done.stdout
    assert "Add the feature ssh" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--edgeimg-target", "pi"), "--edgeimg-target: 'pi' is neither ssh:"),
        (("--edgeimg-file", "none.yaml"), "none.yaml"),
    ],
)
def test_wrong_options(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run_pytest(tmp_path, "-k", "test_run", *words)
    assert done.returncode == 1
    assert said in done.stdout


def test_it_costs_nothing_where_it_is_not_used() -> None:
    heavy = "{'numpy', 'pydantic', 'typer', 'yaml', 'edgeimg.testing', 'edgeimg.plan'}"
    code = f"import sys, edgeimg.pytest_plugin; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_sessions_side_by_side_build_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeimg import testing

    began: list[float] = []

    def build(*_: object, **__: object) -> None:
        began.append(time.monotonic())
        time.sleep(0.5)

    monkeypatch.setattr("edgeimg.cli.build.built", build)
    monkeypatch.setattr("edgeimg.cli.verify.artefacts_of", lambda _: "made")
    monkeypatch.setattr("edgeimg.cli.verify.check_bootable", lambda _: None)
    (tmp_path / "edgeimg.yaml").write_text(
        "version: 1\nname: toy\nboard: qemu-arm64\nmodels: [digits]\n"
    )
    projects = [testing.Project(tmp_path / "edgeimg.yaml") for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda one: one.artefacts, projects)) == ["made", "made"]
    assert began[1] - began[0] >= 0.5
