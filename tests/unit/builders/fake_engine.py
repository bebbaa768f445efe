"""Stands in for podman: what it is told to run in the image is the stand-in for kas, here."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    words = sys.argv[1:]
    Path("build/engine.json").write_text(json.dumps(words))
    mounts = dict(
        reversed(words[index + 1].split(":")[:2]) for index, one in enumerate(words) if one == "-v"
    )
    begin = next(index for index, one in enumerate(words) if one.startswith("ghcr.io/")) + 1
    inside = [one.replace("/work", mounts["/work"]) for one in words[begin:]]
    os.chdir(mounts["/work"])
    fake = Path(__file__).with_name("fake_kas.py")
    os.execv(sys.executable, [sys.executable, str(fake), *inside])


main()
