"""Every dependency of a board's image is found, with oe-core's and the board's own recipes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.render.bitbake_stub.kit import Project, accelerated, asks, boards, emit
from tests.upstream.yocto.kit import WORK, Checkouts, build_folder, findings, give_away

from edgeimg.builders.yocto.render import image_name
from edgeimg.errors import UserErrors

pytestmark = [pytest.mark.upstream, pytest.mark.slow]

# Nothing is built, so no task needs its hash, which takes longer than all else that is read.
NO_HASHES = ('BB_SIGNATURE_HANDLER = "noop"', 'BB_HASHSERVE = ""')


@pytest.mark.parametrize("board", sorted({board for board, _ in boards()}))
def test_everything_is_found(board: str, yocto: Checkouts, session_cache: Path) -> None:
    if (board, yocto.series) not in boards():
        pytest.skip(f"{yocto.series} does not serve {board}")
    folder = WORK / yocto.series / "projects" / board
    _resolve(yocto, emit(folder, session_cache, board=board, yocto={"series": yocto.series}))


@pytest.mark.parametrize(("board", "accelerator", "model"), accelerated())
def test_everything_of_an_accelerator_is_found(
    board: str, accelerator: str, model: str, yocto: Checkouts, session_cache: Path
) -> None:
    if (board, yocto.series) not in boards():
        pytest.skip(f"{yocto.series} does not serve {board}")
    folder = WORK / yocto.series / "projects" / f"{board}-{accelerator}"
    keys = asks(folder, accelerator, model)
    try:
        project = emit(folder, session_cache, board=board, **keys, yocto={"series": yocto.series})
    except UserErrors as error:
        pytest.skip(str(error))
    _resolve(yocto, project)


def _resolve(yocto: Checkouts, project: Project) -> None:
    give_away(project.folder)
    lines = [*project.sample("local.conf").splitlines(), *NO_HASHES]
    build = build_folder("targets", yocto, [*yocto.of(project), project.layer], lines)
    done = build.run("bitbake", "-g", image_name(project.plan))
    assert done.returncode == 0, done.stdout
    assert [line for line in findings(done.stdout) if line.startswith("ERROR")] == []
    found = (build.folder / "pn-buildlist").read_text().split()
    assert {"edge-infer", "edge-model", image_name(project.plan)} <= set(found)


@pytest.mark.parametrize("board", ["raspberrypi4", "raspberrypi5"])
def test_the_kernel_has_a_serial_console(board: str, yocto: Checkouts, session_cache: Path) -> None:
    folder = WORK / yocto.series / "projects" / board
    project = emit(folder, session_cache, board=board, yocto={"series": yocto.series})
    give_away(folder)
    lines = [*project.sample("local.conf").splitlines(), *NO_HASHES]
    build = build_folder("targets", yocto, [*yocto.of(project), project.layer], lines)
    done = build.run("bitbake", "-e", "rpi-cmdline")
    assert done.returncode == 0, done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("CMDLINE="))
    assert "console=serial0,115200" in line.split()
