"""A wheel in an empty environment, away from the checkout, does what the checkout does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from tests.qemu.conftest import environment

from edgeimg.resources import data_root

pytestmark = [pytest.mark.qemu, pytest.mark.network]


def _computed(folder: str, names: list[str]) -> set[str]:
    return {"ccache", "goldens", "models"} & set(names)


def test_the_wheel_verifies_an_image(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, data_root()],
        check=True,
        cwd=tmp_path,
    )
    wheel = next(tmp_path.glob("edgeimg-*.whl"))
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    constraints = data_root() / "tests/constraints.txt"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "-c", constraints, wheel], check=True, cwd=tmp_path
    )
    work = tmp_path / "work"
    work.mkdir()
    plain = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
    # With what was downloaded, and nothing that another environment has computed.
    cache = tmp_path / "cache"
    shutil.copytree(plain["EDGEIMG_CACHE"], cache, ignore=_computed, copy_function=os.link)
    plain["EDGEIMG_CACHE"] = str(cache)
    done = subprocess.run(
        [tmp_path / "venv/bin/edgeimg", "verify", "--board", "qemu-arm64", "--output", "json"],
        cwd=work,
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"] is True
    assert "shipped example model 'digits'" in done.stderr
    # The other builders, and what only looks, find their data too.
    for words in (
        ("generate", "--board", "qemu-arm64", "--builder", "yocto"),
        ("generate", "--board", "qemu-arm64", "--builder", "buildroot"),
        ("compat", "--html", "compat.html"),
    ):
        done = subprocess.run(
            [tmp_path / "venv/bin/edgeimg", *words],
            cwd=work,
            env=plain,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
