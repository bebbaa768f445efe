"""Buildroot itself: the user's checkout, or the pinned release, cloned once."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from edgeimg.cache import Cache
from edgeimg.catalog.builders import BuildrootRelease
from edgeimg.errors import UserError
from edgeimg.events import Report, Step

OWN = "EDGEIMG_BUILDROOT"


def find_checkout(release: BuildrootRelease, *, offline: bool, report: Report) -> Path:
    """The folder of Buildroot to build with: of EDGEIMG_BUILDROOT, else of the cache.

    Raises:
        UserError: it is another release, or it is not there and cannot be cloned.
    """
    if own := os.environ.get(OWN):
        return _checked(Path(own).expanduser().absolute(), release)
    folder = Cache().folder("buildroot") / release.commit
    with Cache().lock("buildroot", release.commit):
        if not (folder / "Makefile").is_file():
            _clone(release, folder, offline=offline, report=report)
    return folder


def release_of(folder: Path) -> str | None:
    """The release that a checkout is of, such as `2026.02.3`."""
    try:
        text = (folder / "Makefile").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"^export BR2_VERSION := (\S+)$", text, re.MULTILINE)
    return found[1].removesuffix("-git") if found else None


def _checked(folder: Path, release: BuildrootRelease) -> Path:
    found = release_of(folder)
    if found is None:
        raise UserError("is no checkout of Buildroot", place=str(folder), hint=_advice(release))
    if found != release.release:
        raise UserError(
            f"is Buildroot {found}, and {release.release} is needed",
            place=str(folder),
            hint=f"Check out its tag {release.release}, or leave --buildroot and {OWN} out.",
        )
    if re.search(r"\s", str(folder)):
        raise UserError(
            "make needs a path without blanks", place=str(folder), hint="Move the checkout."
        )
    return folder


def _clone(release: BuildrootRelease, folder: Path, *, offline: bool, report: Report) -> None:
    if offline:
        raise UserError(
            f"Buildroot {release.release} is not in the cache",
            hint=f"Run once without --offline. {_advice(release)}",
        )
    from git import Repo
    from git.exc import GitError

    report(Step(name="fetch", detail=f"Buildroot {release.release}"))
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        with Repo.clone_from(release.git, new, branch=release.release, depth=1) as repo:
            found = repo.head.commit.hexsha
    except GitError as error:
        said = str(getattr(error, "stderr", "") or error).strip().strip("'").splitlines()
        raise UserError(
            f"Buildroot {release.release} cannot be cloned from {release.git}: {said[-1].strip()}",
            hint=_advice(release),
        ) from None
    if found != release.commit:
        shutil.rmtree(new)
        raise UserError(
            f"{release.git} has another commit for {release.release}: {found}, "
            f"and {release.commit} is pinned",
            hint=_advice(release),
        )
    new.rename(folder)


def _advice(release: BuildrootRelease) -> str:
    return f"Name a checkout of {release.release} with --buildroot, or with {OWN}."
