"""What a user of the command line relies on, beside the errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PRODUCT = "version: 1\nname: demo\nboard: qemu-arm64\nmodels: [digits]\n"

Edgeimg = Callable[..., Any]


def test_check_without_a_product_says_what_it_assumes(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = edgeimg("check", "--board", "qemu-arm64")
    assert answer.status == 0
    assert answer.stderr.startswith("No edgeimg.yaml here")
    assert "'digits'" in answer.stderr.splitlines()[0]
    assert list(tmp_path.iterdir()) == []


def test_json_is_one_object_and_nothing_else(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    for command in ("check", "plan"):
        answer = edgeimg(command, "--output", "json")
        assert json.loads(answer.stdout)
        assert answer.stderr == ""


def test_a_product_is_found_above(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    (tmp_path / "src/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "src/deep")
    assert "demo: digits on qemu-arm64" in edgeimg("check").stdout


def test_options_win_over_the_file(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    words = ("--board", "qemu-x86-64", "--model", "digits-onnx", "--set", "threads=2")
    plan = json.loads(edgeimg("plan", *words, "--output", "json").stdout)
    assert plan["board"] == "qemu-x86-64"
    assert plan["runtime"].startswith("onnxruntime")
    assert plan["threads"] == 2


def test_what_init_writes_passes_check(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert edgeimg("init", "--non-interactive", "--name", "door").status == 0
    assert edgeimg("check").status == 0
    again = edgeimg("init", "--non-interactive")
    assert again.status == 2
    assert "It was not touched" in again.stderr


def test_a_catalogue_of_ones_own_wins_and_plan_says_so(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeimg.resources import data

    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    text = (data("boards") / "qemu-arm64.yaml").read_text()
    (tmp_path / "ours/boards").mkdir(parents=True)
    own = tmp_path / "ours/boards/qemu-arm64.yaml"
    own.write_text(text.replace("console: ttyAMA0", "console: ttyX7"))
    monkeypatch.setenv("EDGEIMG_PATH", str(tmp_path / "ours"))
    answer = edgeimg("plan")
    assert "console=ttyX7" in answer.stdout
    assert f"board qemu-arm64: {own} hides" in answer.stdout


def test_a_mirror_of_the_environment_must_be_an_address(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEIMG_MIRROR", "debian please")
    answer = edgeimg("lock", "--board", "qemu-arm64")
    assert answer.status == 2
    assert "EDGEIMG_MIRROR: 'debian please' is not an address" in answer.stderr


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m edgeimg schema product | head -n 1"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "{\n"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["product", "board", "model"])
def test_the_schema_is_json_schema(kind: str, edgeimg: Edgeimg) -> None:
    schema = json.loads(edgeimg("schema", kind).stdout)
    assert schema["additionalProperties"] is False
    assert "version" in schema["properties"]


def test_a_wrong_option_is_an_error_like_any_other(edgeimg: Edgeimg) -> None:
    answer = edgeimg("check", "--bogus", "--output", "json")
    assert answer.status == 2
    assert json.loads(answer.stdout)["errors"][0]["message"] == "No such option: --bogus"
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("ending", ["TERM", "HUP", "INT"])
def test_a_signal_ends_it_with_130(ending: str, tmp_path: Path) -> None:
    # An address that never answers: a CI job whose time is up ends us like this.
    command = f"timeout -s {ending} 2 {sys.executable} -m edgeimg lock --board qemu-arm64"
    mirror = {"EDGEIMG_MIRROR": "http://192.0.2.1/"}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env={**os.environ, **mirror},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "interrupted; the next run goes on from here" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_under_the_answer_is_one_line(tmp_path: Path) -> None:
    command = f"{sys.executable} -m edgeimg schema board >/dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: no space left on device"]
