"""What `model run` is fed with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Edgeimg = Callable[..., Any]


def test_an_input_that_never_ends_is_one_line(edgeimg: Edgeimg) -> None:
    answer = edgeimg("model", "run", "digits", "--input", "/dev/zero")
    assert answer.stderr == "error: /dev/zero: is larger than 64 MiB. Use a small one.\n"
    assert answer.status == 2


def test_a_truncated_picture_is_told_in_plain_words(edgeimg: Edgeimg, tmp_path: Path) -> None:
    from PIL import Image

    Image.effect_noise((200, 200), 50).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:3000])
    answer = edgeimg("model", "run", "digits", "--input", tmp_path / "cut.jpg")
    assert "cut.jpg: broken sample: image file is truncated" in answer.stderr
    assert answer.status == 2


def test_limits_of_the_user_that_are_lower_than_ours_stay(tmp_path: Path) -> None:
    command = f"ulimit -t 50 -v 6000000; exec {sys.executable} -m edgeimg model run digits"
    env = {**os.environ, "EDGEIMG_CACHE": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env=env
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 16
