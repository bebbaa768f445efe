"""Environments for tools: real ones, of a package that is made here."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgeimg.cache import Cache
from edgeimg.events import silent
from edgeimg.prepare.tools import tool_python
from edgeimg.process import run

PARTS = {
    "thing.py": "here = True\n",
    "thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
    "thing-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "thing-1.0.dist-info/RECORD": "",
}


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that pip looks for packages."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "thing-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in PARTS.items():
            wheel.writestr(name, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_what_pythonpath_holds_is_installed_all_the_same_and_a_python_that_went_is_made_anew(
    wheels: Path, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = tmp_path / "beside"
    with zipfile.ZipFile(next(wheels.iterdir())) as wheel:
        wheel.extractall(beside)
    monkeypatch.setenv("PYTHONPATH", str(beside))
    python = tool_python("thing", ["thing==1.0"], cache, silent)
    monkeypatch.delenv("PYTHONPATH")
    assert run([python, "-c", "import thing"]).status == 0
    python.unlink()
    python.symlink_to(tmp_path / "python-that-was-removed")
    assert tool_python("thing", ["thing==1.0"], cache, silent) == python
    assert run([python, "-c", "import thing"]).status == 0
