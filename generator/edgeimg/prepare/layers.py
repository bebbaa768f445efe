"""The heads of the branches that layers come from."""

from __future__ import annotations

import os
import re

from edgeimg.errors import UserError
from edgeimg.events import Report, Step
from edgeimg.manifest.base import Commit, Manifest, Name, Word
from edgeimg.process import run

PATIENCE = 60.0  # seconds for one server


class LayersRequest(Manifest):
    """A repository of layers, and the branch that is followed."""

    name: Name
    url: Word
    branch: Word


class LockedLayers(Manifest):
    """The commit of a repository that is built."""

    name: Name
    commit: Commit


def heads(requests: tuple[LayersRequest, ...], report: Report) -> tuple[LockedLayers, ...]:
    """What the branches end in now.

    Raises:
        UserError: a server that cannot be reached, a repository or branch that is not there.
    """
    return tuple(LockedLayers(name=one.name, commit=_head(one, report)) for one in requests)


def _head(one: LayersRequest, report: Report) -> str:
    report(Step(name="layers", detail=f"{one.url} {one.branch}"))
    # It asks nobody for a name or a password.
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    words = ["git", "ls-remote", "--exit-code", one.url, f"refs/heads/{one.branch}"]
    done = run(words, env=env, timeout=PATIENCE, check=False, error=UserError)
    if done.status == 2:
        raise UserError(
            f"{one.url} has no branch {one.branch}",
            hint="See catalog/yocto.yaml, or lay another over it in a catalogue of your own.",
        )
    found = re.match(r"([0-9a-f]{40})\t", done.stdout)
    if done.status != 0 or found is None:
        lines = [line for line in done.stderr.splitlines() if line.startswith("fatal: ")]
        why = lines[0].removeprefix("fatal: ") if lines else done.stderr.strip()[:200]
        raise UserError(f"{one.url}: {why}", hint="Check the network, and the address.")
    return found[1]
