"""What the documents show is what the program says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Answer

ROOT = Path(__file__).parents[3]
PRODUCT = """\
version: 1
name: x
board: raspberrypi5
builder: yocto
models: [digits]
accelerator: {name: hailo8, release: 4.17.1}
"""


@pytest.mark.parametrize("document", ["README.md", "docs/compat.md"])
def test_the_contradiction_that_is_shown(
    edgeimg: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("edgeimg.yaml").write_text(PRODUCT)
    first = edgeimg("check").stderr.splitlines()[0]
    shown = " ".join((ROOT / document).read_text().split())
    assert " ".join(first.split()) in shown
