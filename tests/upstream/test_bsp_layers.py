"""The vendors' own layers, and an external tree of Buildroot's, imported; ours checked alone.

LAYERS names the layers, as for the other tests of Yocto; BR2_EXTERNAL_TREE a vendor's tree.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.locks import fake_lock
from tests.unit.render.bitbake_stub.kit import boards, emit
from tests.upstream.yocto.kit import WORK, Checkouts, checkouts, give_away, masked

from edgeimg.bsp.external import import_external
from edgeimg.bsp.find import find
from edgeimg.bsp.imports import Imported, facts, import_boards
from edgeimg.builders.buildroot.checkout import release_of
from edgeimg.builders.yocto.layer_only import render_layer
from edgeimg.catalog.search import Catalog
from edgeimg.events import silent
from edgeimg.manifest.board import Board, YoctoBoard, YoctoBoardSeries
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.write import write

pytestmark = pytest.mark.upstream

# The console where ours is another than the layer's: meta-raspberrypi takes the small UART.
OTHERWISE = {"raspberrypi4": "ttyS0"}


@dataclass(frozen=True, kw_only=True)
class All:
    """Every machine of the layers that are given."""

    series: str
    by_machine: dict[str, Imported]
    folder: Path

    def board(self, machine: str) -> dict:  # type: ignore[type-arg]
        path = self.by_machine[machine].path
        assert path is not None
        content = yaml.safe_load(path.read_text())
        assert isinstance(content, dict)
        return content


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> All:
    """All of the layers with machines, each one imported by itself, as a user does."""
    given: Checkouts = checkouts()
    out = tmp_path_factory.mktemp("boards")
    found: dict[str, Imported] = {}
    for name, layer in sorted(given.layers.items()):
        if not any((layer / "conf/machine").glob("*.conf")):
            continue
        bsp = find([layer], bitbake=given.bitbake, core=given.core)
        done, _ = import_boards(
            bsp, facts(Catalog()), out / name, machines=(), force=False, report=silent
        )
        found |= {one.machine: one for one in done}
    if not found:
        pytest.skip("LAYERS has no layer with a machine")
    return All(series=given.series, by_machine=found, folder=out)


def test_every_machine_is_imported(imported: All) -> None:
    failed = {
        name: one.problem for name, one in imported.by_machine.items() if one.state != "written"
    }
    assert failed == {}


def test_every_board_waits_only_for_what_no_layer_says(imported: All) -> None:
    from edgeimg.errors import UserErrors
    from edgeimg.manifest.load import load

    wrong = {}
    for name, one in imported.by_machine.items():
        assert one.path is not None
        assert "multiconfig" not in one.path.read_text()  # a part of BitBake's own, not of a layer
        try:
            load(one.path, Board)
        except UserErrors as errors:
            others = [str(error) for error in errors.errors if "filled in" not in str(error)]
            if others:
                wrong[name] = others
    assert wrong == {}


def shipped() -> list[str]:
    return sorted({name for name, _ in boards()})


@pytest.mark.parametrize("name", shipped())
def test_it_says_what_a_person_wrote(name: str, imported: All) -> None:
    _, board = Catalog().load("board", name, Board)
    serves = board.builders.yocto
    assert isinstance(serves, YoctoBoard)
    of_series = serves.series.get(imported.series)
    if serves.machine not in imported.by_machine or not isinstance(of_series, YoctoBoardSeries):
        pytest.skip(f"its machine {serves.machine} is not in LAYERS")
    made = imported.board(serves.machine)
    assert made["architecture"] == board.architecture
    # Of several consoles the first is taken, and the others stand beside it.
    path = imported.by_machine[serves.machine].path
    assert path is not None
    (line,) = [one for one in path.read_text().splitlines() if "SERIAL_CONSOLES" in one]
    assert OTHERWISE.get(name, board.console) in line or "console" not in made
    cpu = made.get("cpu", board.cpu)
    assert board.cpu == cpu or board.cpu in cpu.split(".")
    provided = made["builders"]["yocto"]["series"][imported.series].get("provides", {})
    for part, one in of_series.provides.items():
        if part in provided:
            said = provided[part]["version"]
            assert said == one.version or said.startswith(f"{one.version}."), part


@pytest.mark.parametrize("board", ["qemu-arm64"])
def test_the_layer_alone_passes_check_layer(
    board: str, yocto: Checkouts, session_cache: Path
) -> None:
    folder = WORK / yocto.series / "projects" / f"layer-only-{board}"
    project = emit(folder, session_cache, board=board, yocto={"series": yocto.series})
    alone = folder / "alone"
    write(render_layer(project.plan, Inputs(lock=fake_lock(project.plan))), alone)
    build = masked("layer-only", yocto, project, with_project=False)
    give_away(folder)
    dependency = yocto.layers["openembedded-layer"]
    words = ("--no-auto", "--no-auto-dependency", "--dependency", dependency)
    done = build.run("yocto-check-layer", alone / "meta-edgeimg", *words)
    assert done.returncode == 0, done.stdout
    assert "meta-edgeimg ... PASS" in done.stdout


def test_an_external_tree(tmp_path: Path, buildroot: Path) -> None:
    tree = os.environ.get("BR2_EXTERNAL_TREE")
    if not tree:
        pytest.skip("BR2_EXTERNAL_TREE names no external tree of Buildroot")
    done = import_external(
        Path(tree),
        buildroot,
        release_of(buildroot) or "",
        facts(Catalog()).architectures,
        tmp_path,
        names=(),
        force=False,
        report=silent,
    )
    assert done and {one.state for one in done} == {"written"}
    assert all("architecture" not in one.open for one in done)
