"""Labels as editors of all kinds write them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeimg.plan.models import plan_model
from edgeimg.resources import data_root

LINES = [str(digit) for digit in range(10)]


@pytest.mark.parametrize(
    "content",
    ["\n".join(LINES), "\n".join(LINES) + "\n", "\ufeff" + "\r\n".join(LINES) + "\r\n"],
    ids=["no last line end", "plain", "byte order mark and CRLF"],
)
def test_labels_are_the_same_in_any_of_these_ways(tmp_path: Path, content: str) -> None:
    shutil.copytree(data_root() / "models/digits", tmp_path / "digits")
    (tmp_path / "digits/labels.txt").write_text(content, encoding="utf-8", newline="")
    planned = plan_model(tmp_path / "digits/digits.yaml", None)
    assert planned.outputs[0].labels == tuple(LINES)
