"""A build without the network: whether all of it is on this machine.

kas clones a repository into KAS_REPO_REF_DIR and from there into the project, and asks the
server again only for a commit that neither has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlparse

import yaml

from edgeimg.builders.yocto.events import Failed
from edgeimg.errors import UserError
from edgeimg.plan.plan import Plan, YoctoPlan
from edgeimg.process import run

REFERENCES = "KAS_REPO_REF_DIR"


def without_network(
    yocto: YoctoPlan, folder: Path, environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment in which kas asks no server for the emitted project's layers.

    Raises:
        UserError: some are not here.
    """
    lock = yaml.safe_load((folder / "kas.lock.yml").read_text(encoding="utf-8"))
    commits = {name: str(one["commit"]) for name, one in lock["overrides"]["repos"].items()}
    references = Path(environment[REFERENCES])
    cloned, referred, missing = [], [], []
    for name, one in yocto.repositories.items():
        if one.url is None or _is_local(one.url, environment):
            continue
        clone, reference = folder / "sources" / name, references / _kept_as(one.url)
        # A clone holds few objects itself: it looks for the others in the reference.
        cloned.append(_has(clone, commits[name], reference))
        referred.append(reference.is_dir())
        if not (cloned[-1] or (not clone.exists() and _has(reference, commits[name], reference))):
            missing.append(f"{name} {commits[name][:12]}")
    kept = dict(environment)
    if not missing and all(referred):
        return kept
    if all(cloned):
        # For a reference that is gone kas would ask the server, though nothing needs it.
        del kept[REFERENCES]
        return kept
    raise UserError(
        f"not on this machine: {', '.join(missing) or references}",
        place="--offline",
        hint="Build once without --offline; `--dry-run` suffices for the layers.",
    )


def needs_network(plan: Plan, failed: Iterable[Failed]) -> UserError | None:
    """What a build that had no network failed for, if it was that.

    Args:
        failed: the tasks that failed.
    """
    assert plan.yocto is not None
    hint = "Build once with the network: what that takes and makes is kept for all projects."
    if fetched := [one.recipe for one in failed if one.task == "do_fetch"]:
        what = f"the sources of {', '.join(fetched)} are not on this machine"
        return UserError(f"no network, and {what}", hint=hint)
    append = plan.runtime.yocto.append if plan.runtime.yocto else None
    folders = [one for path, one in plan.yocto.recipes.items() if Path(path).name == append]
    names = {one.name.partition("_")[0] for folder in folders for one in folder.glob("*.bbappend")}
    for one in failed:
        if one.recipe in names and one.task == "do_configure":
            what = f"{one.recipe} downloads while it is configured"
            return UserError(f"no network, and {what}", hint=hint)
    return None


def _has(repository: Path, commit: str, reference: Path) -> bool:
    if not repository.is_dir():
        return False
    # In a container the reference had another path, which the clone remembers.
    env = {**os.environ, "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(reference / "objects")}
    words = ["git", "-C", str(repository), "cat-file", "-e", commit]
    return run(words, env=env, check=False).status == 0


def _is_local(url: str, environment: Mapping[str, str]) -> bool:
    """Whether it is on this machine, where KAS_PREMIRRORS leads to."""
    for line in environment.get("KAS_PREMIRRORS", "").splitlines():
        pattern, _, replacement = line.partition(" ")
        try:
            if replacement and re.match(pattern, url):
                url = re.sub(pattern, replacement.strip(), url)
                break
        except re.error:
            continue  # kas will say so
    return url.startswith(("/", "file://"))


def _kept_as(url: str) -> str:
    """The folder of its reference, as kas calls it."""
    parsed = urlparse(url)
    return re.sub("[@:/*]", ".", f"{parsed.netloc}{parsed.path}")
