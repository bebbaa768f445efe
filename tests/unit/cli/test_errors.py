"""One broken input for each error, and the text that the user sees."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from edgeimg.resources import data_root

CASES = sorted(path for path in (data_root() / "tests/errors").iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_error(case: Path, tmp_path: Path, edgeimg, monkeypatch, request) -> None:  # type: ignore[no-untyped-def]
    work = tmp_path / "work"
    shutil.copytree(case, work)
    monkeypatch.chdir(work)
    command = work / "command"
    arguments = shlex.split(command.read_text()) if command.exists() else ["check"]
    before = sorted(work.rglob("*"))
    answer = edgeimg(*arguments)
    said = answer.stderr.replace(str(data_root()), "<edgeimg>")
    if request.config.getoption("--update-golden"):
        (case / "expected").write_text(said)
    assert said == (case / "expected").read_text()
    assert answer.status == 2
    assert sorted(work.rglob("*")) == before
