"""Where a checkout comes from: its repository and commit, or why only its folder is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    layer = layer.resolve()  # a build's layers may be named by links
    try:
        from git import Repo
        from git.exc import GitError
    except ImportError:  # it looks for the program
        return Origin(folder=layer, why="may be a checkout, and there is no git to tell")
    try:
        with Repo(layer, search_parent_directories=True) as repo:
            return _of(repo, layer, series)
    except (GitError, ValueError, OSError, TypeError) as error:
        kind = "is no git checkout" if type(error).__name__ == "InvalidGitRepositoryError" else ""
        return Origin(folder=layer, why=kind or "cannot be read by git")


def _of(repo: Any, layer: Path, series: tuple[str, ...]) -> Origin:
    top = Path(str(repo.working_tree_dir)).resolve()
    if not repo.git.ls_files("--", layer):  # unpacked in somebody's checkout
        return Origin(folder=layer, why="is not in the git checkout around it")
    commit = repo.head.commit.hexsha
    remotes = sorted(repo.remotes, key=lambda one: one.name != "origin")
    if not remotes:
        return Origin(folder=top, why="has no remote")
    new = repo.git.ls_files("--others", "--exclude-standard", "-x", "__pycache__", "--", layer)
    if repo.is_dirty() or new:
        return Origin(folder=top, why="has changes that are not committed")
    # Of another remote, and of repo's `m/...`, a branch is none of this address.
    having = [(one, _branches(repo, f"refs/remotes/{one.name}/", commit)) for one in remotes]
    remote, branches = next((one for one in having if one[1]), having[0])
    # Who has cloned it, and by which token, is not for others.
    url = re.sub(r"^(https?://)[^/]*@", r"\1", remote.url)
    if not re.match(r"(https?|git|ssh)://|[\w.-]+@[\w.-]+:", url) or not re.match(
        WORD_PATTERN, url
    ):
        return Origin(folder=top, why=f"has the remote {url[:200]}, which is not for others")
    if not branches:
        return Origin(folder=top, why="is at a commit that no branch of its remote has")
    own = "" if repo.head.is_detached else repo.active_branch.name
    best = [one for one in (own, *series) if one in branches] or branches
    return Origin(folder=top, url=url, branch=best[0], commit=commit)


def _branches(repo: Any, start: str, commit: str) -> list[str]:
    """The branches below `refs/remotes/NAME/` that hold the commit."""
    listed = repo.git.for_each_ref(start, "--contains", commit, "--format=%(refname)").split()
    names = [one.removeprefix(start) for one in listed]
    return [one for one in names if one != "HEAD" and re.match(WORD_PATTERN, one)]
