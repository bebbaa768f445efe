"""yocto-check-layer passes on the emitted layer, for the machine of every board."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.render.bitbake_stub.kit import boards, emit
from tests.upstream.yocto.kit import WORK, Checkouts, give_away, masked

pytestmark = pytest.mark.upstream

BOARDS = sorted({board for board, _ in boards()})
# One that other runs than `make test-upstream` try, and that needs no layer of its own.
QUICK = "qemu-arm64"


@pytest.mark.parametrize(
    "board",
    [one if one == QUICK else pytest.param(one, marks=pytest.mark.slow) for one in BOARDS],
)
def test_it_passes(board: str, yocto: Checkouts, session_cache: Path) -> None:
    if (board, yocto.series) not in boards():
        pytest.skip(f"{yocto.series} does not serve {board}")
    folder = WORK / yocto.series / "projects" / board
    project = emit(folder, session_cache, board=board, yocto={"series": yocto.series})
    build = masked("check-layer", yocto, project, with_project=False)
    give_away(project.folder)
    dependency = yocto.layers["openembedded-layer"]
    done = build.run(
        "yocto-check-layer",
        *(project.layer, "--no-auto", "--no-auto-dependency", "--dependency", dependency),
    )
    assert done.returncode == 0, done.stdout
    assert "meta-edgeimg ... PASS" in done.stdout
