"""Buildroot's toolchains: whether their C library starts on the board's kernel."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeimg.resources import data

Check = Callable[..., Any]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg: Check) -> Check:
    def run(kernel: str | None, toolchain: str | None) -> Any:
        board = yaml.safe_load((data("boards") / "raspberrypi5.yaml").read_text())
        board["name"] = "testboard"
        serves = board["builders"]["buildroot"]
        if kernel is None:
            del serves["provides"]
        else:
            serves["provides"]["kernel"]["version"] = kernel
        (tmp_path / "testboard.yaml").write_text(yaml.safe_dump(board))
        text = (
            "version: 1\nname: demo\nboard: testboard.yaml\nmodels: [digits]\nbuilder: buildroot\n"
        )
        if toolchain:
            text += f"buildroot: {{toolchain: {toolchain}}}\n"
        (tmp_path / "edgeimg.yaml").write_text(text)
        monkeypatch.chdir(tmp_path)
        return edgeimg("check")

    return run


@pytest.mark.parametrize(
    ("kernel", "toolchain", "said"),
    [
        ("6.1.84", "buildroot", "6:24: buildroot.toolchain: the C library of buildroot starts on "
         "Linux 6.6 and later, and testboard has 6.1.84. Take bootlin or debian."),
        ("4.19.232", None, "3:8: buildroot.toolchain: the C library of bootlin starts on "
         "Linux 5.4 and later, and testboard has 4.19.232. Take debian."),
    ],
)  # fmt: skip
def test_an_older_kernel_is_refused(
    check: Check, kernel: str, toolchain: str | None, said: str
) -> None:
    answer = check(kernel, toolchain)
    assert answer.status == 2
    assert f"edgeimg.yaml:{said}\n" in answer.stderr


@pytest.mark.parametrize(
    ("kernel", "toolchain"),
    [("6.6", "buildroot"), ("6.12.61", "buildroot"), ("5.10.160", None), ("4.19", "debian")],
)
def test_a_kernel_of_that_age_is_taken(check: Check, kernel: str, toolchain: str | None) -> None:
    answer = check(kernel, toolchain)
    assert answer.status == 0, answer.stderr
    assert "C library" not in answer.stdout + answer.stderr


def test_a_kernel_that_nobody_knows_is_a_note(check: Check) -> None:
    answer = check(None, "buildroot")
    assert answer.status == 0, answer.stderr
    said = "its C library starts on Linux 6.6 and later; which kernel testboard has is not known"
    assert f"toolchain buildroot: {said} here" in answer.stdout + answer.stderr


def test_the_headers_are_of_the_kernel_that_is_said() -> None:
    release = yaml.safe_load((data("catalog") / "buildroot.yaml").read_text())
    one = release["toolchains"]["buildroot"]
    headers = [re.fullmatch(r"BR2_KERNEL_HEADERS_(\d+)_(\d+)", key) for key in one["config"]["all"]]
    assert [".".join(found.groups()) for found in headers if found] == [one["kernel"]]
