"""One edgeimg a project at a time, and no trace of it afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edgeimg.builders.image import holding
from edgeimg.errors import UserError


def test_the_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    with holding(tmp_path / "p"):
        assert [path.name for path in tmp_path.iterdir()] == [".p.lock"]
    assert not list(tmp_path.iterdir())


def test_a_link_to_the_project_is_no_second_project(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/link").symlink_to(tmp_path / "p")
    with (
        holding(tmp_path / "p"),
        pytest.raises(UserError, match="another edgeimg works on this project"),
        holding(tmp_path / "elsewhere/link"),
    ):
        pass
    with holding(tmp_path / "elsewhere/link"):
        pass


@pytest.mark.parametrize("name", ["my project", "a;b", "a$b", "a#b", 'a"b', "a's", "a&b", "[a]"])
def test_a_path_that_make_cannot_take_is_refused(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(UserError, match="make and cmake need a path") as refused,
        holding(tmp_path / name / "p"),
    ):
        pass
    assert refused.value.place == str(tmp_path / name / "p")
    assert not list(tmp_path.iterdir())


def test_a_folder_whose_parent_is_anothers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p").mkdir()
    really = os.open

    def refused(path: Any, flags: int, *more: Any) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return really(path, flags, *more)

    monkeypatch.setattr("edgeimg.builders.image.os.open", refused)
    with (
        holding(tmp_path / "p"),
        pytest.raises(UserError, match="another edgeimg works on this project"),
        holding(tmp_path / "p"),
    ):
        pass
    with holding(tmp_path / "p"):
        pass
    with (
        pytest.raises(UserError, match="cannot be made: Permission denied"),
        holding(tmp_path / "q"),
    ):
        pass
