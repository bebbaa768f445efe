"""Where a checkout comes from: its repository and commit, or why only its folder is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeimg.manifest.base import WORD_PATTERN


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A checkout.

    Attributes:
        folder: its top.
        url, branch, commit: together, or not at all.
        why: why only the folder is known.
    """

    folder: Path
    url: str | None = None
    branch: str | None = None
    commit: str | None = None
    why: str = ""

    @property
    def shown(self) -> str:
        """Its name, and the beginning of its commit where there is one."""
        return f"{self.folder.name} {self.commit[:8]}" if self.commit else self.folder.name


def origin(layer: Path, series: tuple[str, ...] = ()) -> Origin:
    """The checkout that a layer lies in.

    Args:
        series: names that a branch has which is preferred, where several hold the commit.
    """
    from git import Repo
    from git.exc import GitError

    try:
        with Repo(layer, search_parent_directories=True) as repo:
            return _of(repo, layer, series)
    except (GitError, ValueError, OSError, TypeError) as error:
        kind = "is no git checkout" if type(error).__name__ == "InvalidGitRepositoryError" else ""
        return Origin(folder=layer, why=kind or "git cannot read it")


def _of(repo: object, layer: Path, series: tuple[str, ...]) -> Origin:
    from git import Repo

    assert isinstance(repo, Repo)
    top = Path(str(repo.working_tree_dir)).resolve()
    commit = repo.head.commit.hexsha
    remotes = [one for one in repo.remotes if one.name == "origin"] or list(repo.remotes)
    if not remotes:
        return Origin(folder=top, why="has no remote")
    url = remotes[0].url
    if repo.is_dirty():
        return Origin(folder=top, why="has changes that are not committed")
    if not re.match(r"(https?|git|ssh)://|[\w.-]+@[\w.-]+:", url) or not re.match(
        WORD_PATTERN, url
    ):
        return Origin(folder=top, why=f"has the remote {url[:200]}, which is not for others")
    listed = repo.git.branch("-r", "--contains", commit, "--format=%(refname:lstrip=3)")
    branches = [one for one in listed.split() if one != "HEAD" and re.match(WORD_PATTERN, one)]
    if not branches:
        return Origin(folder=top, why="is at a commit that no branch of its remote has")
    own = "" if repo.head.is_detached else repo.active_branch.name
    best = [one for one in (own, *series) if one in branches] or branches
    return Origin(folder=top, url=url, branch=best[0], commit=commit)
