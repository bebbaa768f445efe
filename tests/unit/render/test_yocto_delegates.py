"""Accelerators that the runtime reaches through a delegate: what the emitted project has of each.

Which accelerators, and on which boards and series, is what the catalogue says.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.render.bitbake_stub.kit import (
    Parsed,
    Project,
    asks,
    build_folder,
    emit,
    parse,
)

from edgeimg.catalog.runtimes import Runtime
from edgeimg.catalog.search import Catalog
from edgeimg.plan.compat import matrix
from edgeimg.plan.plan import Plan

# One with each of them.
BOARDS = ("coral-dev", "raspberrypi5", "rock-5b")
CASES = sorted(
    (cell.board, cell.flavour, cell.accelerator)
    for cell in matrix(Catalog(), BOARDS, {})
    if cell.builder == "yocto" and cell.accelerator and cell.verdict == "yes"
)


@dataclass(frozen=True, kw_only=True)
class Case:
    project: Project
    parsed: Parsed

    @property
    def plan(self) -> Plan:
        return self.project.plan


@pytest.fixture(scope="module")
def cases(
    tmp_path_factory: pytest.TempPathFactory, session_cache: Path
) -> dict[tuple[str, ...], Case]:
    folder = tmp_path_factory.mktemp("delegates")
    projects = [
        emit(
            folder / "-".join(case),
            session_cache,
            board=case[0],
            **asks(folder / "-".join(case), case[2]),
            yocto={"series": case[1]},
        )
        for case in CASES
    ]
    builds = [
        (build_folder(one, "build", one.sample("local.conf")), one.recipes) for one in projects
    ]
    made = zip(projects, parse(builds), strict=True)
    found = [Case(project=project, parsed=parsed) for project, parsed in made]
    return dict(zip(CASES, found, strict=True))


@pytest.fixture(params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest, cases: dict[tuple[str, ...], Case]) -> Case:
    return cases[request.param]


def test_there_are_some_in_both_series() -> None:
    assert {series for _, series, _ in CASES} == {"wrynose", "scarthgap"}
    assert len({accelerator for _, _, accelerator in CASES}) >= 2


def test_bitbake_has_nothing_to_say(case: Case) -> None:
    assert case.parsed.messages == []
    assert len(case.parsed.recipes) == len(case.project.recipes) >= 4
    assert not any(one.skipped for one in case.parsed.recipes.values())


def test_the_app_is_built_with_the_runtime_of_a_layer(case: Case) -> None:
    runtime = Catalog().load("runtime", case.plan.runtime.name, Runtime)[1].yocto
    assert runtime is not None and runtime.library is not None
    app = case.parsed.recipes["edge-infer"]
    assert app.words("PACKAGECONFIG") == [runtime.packageconfig]
    depends = app.flags["PACKAGECONFIG"][runtime.packageconfig].split(",")[2].split()
    assert runtime.library.part in depends
    assert set(runtime.layers) <= set(case.parsed.conf["LAYERDEPENDS_edgeimg"].split())
    # No other runtime's adapter at the same time.
    others = [name for name in app.flags["PACKAGECONFIG"] if name != runtime.packageconfig]
    conflicts = app.flags["PACKAGECONFIG"][runtime.packageconfig].split(",")[5].split()
    assert sorted(conflicts) == sorted(name for name in others if name not in ("doc", "export"))


def test_the_image_has_the_library_and_the_model_is_told_of_it(case: Case) -> None:
    assert case.plan.accelerator is not None
    entry = case.plan.accelerator.entry
    assert entry.yocto is not None and entry.delegate is not None and entry.yocto.packages
    group = case.parsed.recipes["packagegroup-edgeimg"]
    assert set(entry.yocto.packages) <= set(group.words("RDEPENDS"))
    root = case.project.layer / "recipes-ml/edge-model/edge-model/root/etc/edge-infer"
    for model in case.plan.models:
        config = json.loads((root / f"{model.name}.json").read_text())
        assert config["delegate"]["library"] == entry.delegate.library
    # The service's user, who is nobody in particular, is in the group of the device.
    unit = case.project.layer / "recipes-ml/edge-infer/edge-infer/support/accelerator.conf"
    assert f"SupplementaryGroups={entry.yocto.service['SupplementaryGroups']}" in unit.read_text()


def test_what_is_added_to_others_recipes_is_taken_up(case: Case) -> None:
    assert case.plan.accelerator is not None and case.plan.accelerator.entry.yocto is not None
    asked = case.plan.accelerator.entry.yocto
    runtime = case.plan.runtime.yocto
    assert runtime is not None
    appends = [
        path
        for path in sorted(case.project.layer.glob("recipes-*/*/*.bbappend"))
        if path.parent.name != runtime.append
    ]
    text = (case.project.layer / "conf/layer.conf").read_text()
    own = asked.recipe and sorted(case.project.layer.glob(f"recipes-*/{asked.recipe}/*.bb"))
    assert bool(appends) == bool(asked.recipe and not own)
    assert "bbappend" in text  # the runtime's at least
    for path in appends:
        # A build that has the layer and does not ask for it stays as it was.
        (line,) = [one for one in path.read_text().splitlines() if not one.startswith("#")]
        setting, value, file = re.findall(r"'([\w.-]+)'", line)
        assert line.startswith("require ${@bb.utils.contains(")
        assert asked.conf[setting] == value
        added = re.findall(r"file://([\w.-]+)", (path.parent / file).read_text())
        assert added and added == [
            one.name for one in sorted((path.parent / path.name.split("_")[0]).iterdir())
        ]
    for name in asked.conf:
        assert name in case.project.sample("local.conf")
