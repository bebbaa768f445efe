"""git for tests that make repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

WHO = ("-c", "user.name=t", "-c", "user.email=t@t.example")


def git(folder: Path, *words: str | Path) -> str:
    """What git says, run in a folder."""
    done = subprocess.run(
        ["git", *WHO, *map(str, words)], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
