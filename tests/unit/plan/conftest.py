"""A product of each test file's own, and what is planned for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Answer


@pytest.fixture
def product(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's PRODUCT, in the folder that its tests run in."""
    (tmp_path / "edgeimg.yaml").write_text(request.module.PRODUCT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ask(product: None, edgeimg: Callable[..., Answer]) -> Callable[..., Answer]:
    """A command on it with these settings: `ask("check", "board=qemu-arm64")`."""

    def call(command: str, *settings: str) -> Answer:
        words = [word for one in settings for word in ("--set", one)]
        return edgeimg(*command.split(), *words)

    return call


@pytest.fixture
def plan(ask: Callable[..., Answer]) -> Callable[..., dict[str, Any]]:
    """What is planned for it with these settings."""

    def call(*settings: str) -> dict[str, Any]:
        answer = ask("plan --output json", *settings)
        assert answer.status == 0, answer.stderr
        found: dict[str, Any] = json.loads(answer.stdout)
        return found

    return call
