"""What the documents show is what the program says."""

from __future__ import annotations

import re
import shlex
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


DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
# A command that decides only, and what it says: indented, up to an empty line or the next one.
EXAMPLE = re.compile(r"^    \$ edgeimg ((?:check|plan) .*)\n((?:    (?!\$).+\n)+)", re.MULTILINE)
EXAMPLES = [(one.name, *found) for one in DOCUMENTS for found in EXAMPLE.findall(one.read_text())]


@pytest.mark.parametrize(("document", "command", "shown"), EXAMPLES)
def test_an_example_says_what_is_shown(
    edgeimg: Callable[..., Answer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    document: str,
    command: str,
    shown: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    answer = edgeimg(*shlex.split(command.partition(" | ")[0]))
    said = [" ".join(line.split()) for line in (answer.stdout + answer.stderr).splitlines()]
    for line in shown.splitlines():
        assert " ".join(line.split()) in said
