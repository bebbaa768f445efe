"""pytest's options `--edgeimg-...` and the fixtures `guest` and `golden` (docs/device.md).

pytest loads this in every run: what is heavy is imported when a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from edgeimg.testing import Goldens, Guest, Project


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("edgeimg", "images that run models")
    group.addoption(
        "--edgeimg-target",
        default="qemu",
        metavar="TARGET",
        help="Where `guest` is: qemu (the product is built and booted), "
        "ssh://[user@]host[:port] or serial:///dev/ttyUSB0.",
    )
    group.addoption(
        "--edgeimg-file",
        type=Path,
        metavar="FILE",
        help="The product; default: edgeimg.yaml in the working folder or above.",
    )


@pytest.fixture(scope="session")
def _edgeimg_project(request: pytest.FixtureRequest) -> Project:
    from edgeimg.testing import Project, shown

    with shown():
        return Project(request.config.getoption("--edgeimg-file"))


@pytest.fixture(scope="session")
def guest(request: pytest.FixtureRequest, _edgeimg_project: Project) -> Iterator[Guest]:
    """The product, running: in QEMU, or on the device of `--edgeimg-target`."""
    from edgeimg.testing import Guest, shown

    with shown():
        made = Guest(_edgeimg_project, request.config.getoption("--edgeimg-target"))
    with made:
        yield made


@pytest.fixture(scope="session")
def golden(_edgeimg_project: Project) -> Goldens:
    """What the host answers: `golden["digits", "reference"]["00.pgm"].outputs`."""
    from edgeimg.testing import Goldens, shown

    with shown():
        return Goldens(_edgeimg_project)
