"""The pinned release is cloned once, and only if its commit is the pinned one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from git import Actor, Repo
from tests.unit.builders.kit import RELEASE, make_checkout

from edgeimg.builders.buildroot.checkout import find_checkout, release_of
from edgeimg.catalog.builders import BuildrootRelease
from edgeimg.errors import UserError
from edgeimg.events import Event, Step

AUTHOR = Actor("Tests", "tests@example.com")


@dataclass(frozen=True)
class Upstream:
    url: str
    commit: str

    def pinned(self, commit: str = "") -> BuildrootRelease:
        return BuildrootRelease.model_construct(
            release=RELEASE, git=self.url, commit=commit or self.commit
        )


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    """A repository with one tag, and a cache of its own."""
    monkeypatch.setenv("EDGEIMG_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGEIMG_BUILDROOT", raising=False)
    folder = make_checkout(tmp_path / "upstream")
    with Repo.init(folder) as repo:
        repo.git.add(all=True)
        commit = repo.index.commit("A release", author=AUTHOR, committer=AUTHOR)
        repo.create_tag(RELEASE)
        return Upstream(f"file://{folder}", commit.hexsha)


def _silent(event: Event) -> None:
    pass


def test_the_release_is_cloned_once(upstream: Upstream) -> None:
    events: list[Event] = []
    found = find_checkout(upstream.pinned(), offline=False, report=events.append)
    assert events == [Step(name="fetch", detail=f"Buildroot {RELEASE}")]
    assert release_of(found) == RELEASE
    assert find_checkout(upstream.pinned(), offline=True, report=events.append) == found
    assert len(events) == 1


def test_another_commit_is_refused_and_not_kept(upstream: Upstream) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="has another commit"):
            find_checkout(upstream.pinned("0" * 40), offline=False, report=_silent)


def test_offline_says_what_to_do(upstream: Upstream) -> None:
    with pytest.raises(UserError, match="is not in the cache") as caught:
        find_checkout(upstream.pinned(), offline=True, report=_silent)
    assert "--buildroot" in caught.value.hint


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path, upstream: Upstream) -> None:
    pinned = Upstream(f"file://{tmp_path}/nowhere", upstream.commit).pinned()
    with pytest.raises(UserError, match="cannot be cloned from file://") as caught:
        find_checkout(pinned, offline=False, report=_silent)
    assert len(str(caught.value).splitlines()) == 1
