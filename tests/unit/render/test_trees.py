"""Emitted projects against golden trees, whole and both ways.

`expected/` holds what is rendered; `copied` names what is copied as it is, with its
source, so that a plain file is not kept twice. `pytest --update-golden` renews both.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.locks import fake_lock

from edgeimg.builders import BUILDERS
from edgeimg.manifest.select import select
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.tree import Copy, Link, Text, Tree
from edgeimg.resources import data_root

CASES = sorted(path for path in (data_root() / "tests/trees").iterdir() if path.is_dir())


def _tree(case: Path, cache: Path) -> Tree:
    chosen = select(file=case / "edgeimg.yaml")
    plan = resolve(chosen.product, chosen.source, cache)
    return BUILDERS[plan.builder].render(plan, Inputs(lock=fake_lock(plan)))


def _rendered(tree: Tree) -> dict[str, str]:
    return {path: one.content for path, one in tree.files.items() if isinstance(one, Text)}


def _copied(tree: Tree) -> str:
    lines = []
    for path, one in sorted(tree.files.items()):
        if isinstance(one, Copy):
            mark = " (executable)" if one.executable else ""
            lines.append(f"{path} <- {one.source.relative_to(data_root())}{mark}")
        elif isinstance(one, Link):
            lines.append(f"{path} -> {one.target}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_tree(case: Path, session_cache: Path, request: pytest.FixtureRequest) -> None:
    tree = _tree(case, session_cache)
    expected = case / "expected"
    if request.config.getoption("--update-golden"):
        shutil.rmtree(expected, ignore_errors=True)
        for path, text in _rendered(tree).items():
            (expected / path).parent.mkdir(parents=True, exist_ok=True)
            (expected / path).write_text(text)
        (case / "copied").write_text(_copied(tree))
    found = {
        path.relative_to(expected).as_posix(): path.read_text()
        for path in expected.rglob("*")
        if path.is_file()
    }
    assert _rendered(tree) == found
    assert _copied(tree) == (case / "copied").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_the_same_input_gives_the_same_tree(case: Path, session_cache: Path) -> None:
    assert _tree(case, session_cache).files == _tree(case, session_cache).files


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_rendered_files_look_hand_written(case: Path, session_cache: Path) -> None:
    for path, text in _rendered(_tree(case, session_cache)).items():
        assert "\n\n\n" not in text, path
        assert text.endswith("\n") or not text, path
        assert not any(line != line.rstrip(" ") for line in text.splitlines()), path
