"""Devices of a folder, one for each shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.deploy.box import SHELLS, Box


@pytest.fixture(params=sorted(SHELLS))
def box(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Box]:
    box = Box(tmp_path / "device", request.param)
    yield box
    box.cut()


@pytest.fixture
def dash_box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path / "device", "dash")
    yield box
    box.cut()
