"""The heads of branches, asked of real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.repositories import git

from edgeimg.errors import UserError
from edgeimg.events import silent
from edgeimg.prepare.layers import LayersRequest, heads


def _request(folder: Path, branch: str) -> LayersRequest:
    return LayersRequest(name="meta-x", url=f"file://{folder}", branch=branch)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "meta-x"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


def test_the_head_is_found(repository: Path) -> None:
    before = heads((_request(repository, "main"),), silent)
    git(repository, "commit", "-q", "--allow-empty", "-m", "two")
    after = heads((_request(repository, "main"),), silent)
    assert before != after
    assert after[0].commit == git(repository, "rev-parse", "HEAD")


def test_a_branch_that_is_not_there(repository: Path) -> None:
    with pytest.raises(UserError, match="has no branch wrynose"):
        heads((_request(repository, "wrynose"),), silent)


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"meta-x: .*does not (appear|exist)"):
        heads((_request(tmp_path / "meta-x", "main"),), silent)
