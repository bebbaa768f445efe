"""doctor looks at what the product needs, and at nothing that nobody asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Edgeimg = Callable[..., Any]


def _needs(answer: Any) -> set[str]:
    return {
        word
        for one in json.loads(answer.stdout)["checks"]
        for word in one["needed_for"].split(", ")
    }


def test_it_looks_at_what_the_product_needs(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        edgeimg(
            "init", "--non-interactive", "--board", "qemu-riscv64", "--model", "digits-onnx"
        ).status
        == 0
    )
    answer = edgeimg("doctor", "--output", "json")
    checks = json.loads(answer.stdout)["checks"]
    assert "qemu-system-riscv64" in {one["what"] for one in checks}
    asked = {"debian", "riscv64", "qemu-riscv64", "all", "speed only"}
    assert all(asked & set(one["needed_for"].split(", ")) for one in checks)
    assert "qemu-riscv64 with debian, qemu-riscv64, riscv64" in answer.stderr


def test_the_machine_is_judged_for_what_is_asked_only(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "free disk" not in edgeimg("doctor", "--for", "flash").stdout
    assert "free disk" in edgeimg("doctor", "--board", "jetson-orin").stdout


def test_what_is_named_is_looked_at_beside_what_it_is_for(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--for", "flash", "--board", "rock-5b", "--builder", "buildroot")
    assert _needs(edgeimg("doctor", *words, "--output", "json")) >= {"flash", "buildroot"}
    assert "Name a board with --board" in edgeimg("doctor", "--builder", "yocto").stderr


def test_without_a_product_and_with_all_it_is_everything(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _needs(edgeimg("doctor", "--output", "json")) >= {
        "debian",
        "buildroot",
        "yocto",
        "flash",
    }
    edgeimg("init", "--non-interactive", "--board", "qemu-arm64", "--model", "digits")
    assert _needs(edgeimg("doctor", "--for", "all", "--output", "json")) >= {"yocto", "flash"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--for", "arm46"), "error: --for: nothing is for 'arm46'. Perhaps you meant 'arm64'?\n"),
        (("--board", "qemu-arm64", "--builder", "debain"), "debain"),
    ],
)
def test_what_there_is_not(
    edgeimg: Edgeimg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = edgeimg("doctor", *words)
    assert answer.status == 2 and said in answer.stderr
