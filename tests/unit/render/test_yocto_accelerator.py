"""A Jetson whose GPU is asked for: what the accelerator adds to the emitted project."""

from __future__ import annotations

import configparser
from pathlib import Path

import jsonschema
import pytest
from kas.configschema import CONFIGSCHEMA
from tests.unit.render.bitbake_stub.kit import (
    CATALOG,
    Parsed,
    Project,
    build_folder,
    emit,
    parse,
)

from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.search import Catalog

SERIES = sorted(CATALOG["series"])
# What meta-tegra's tegra-common.inc sets.
CUDA = 'CUDA_VERSION = "13.2"\n'


@pytest.fixture(scope="module")
def cases(
    tmp_path_factory: pytest.TempPathFactory, session_cache: Path
) -> dict[str, tuple[Project, Parsed]]:
    folder = tmp_path_factory.mktemp("jetson")
    keys = {"board": "jetson-orin", "models": ["digits-onnx"], "accelerator": "cuda"}
    projects = [
        emit(folder / series, session_cache, **keys, yocto={"series": series}) for series in SERIES
    ]
    builds = [
        (build_folder(one, "build", one.sample("local.conf") + CUDA), one.recipes)
        for one in projects
    ]
    return dict(zip(SERIES, zip(projects, parse(builds), strict=True), strict=True))


@pytest.fixture(params=SERIES)
def case(
    request: pytest.FixtureRequest, cases: dict[str, tuple[Project, Parsed]]
) -> tuple[Project, Parsed]:
    return cases[request.param]


def test_bitbake_has_nothing_to_say(case: tuple[Project, Parsed]) -> None:
    project, parsed = case
    assert parsed.messages == []
    assert len(parsed.recipes) == len(project.recipes) == 4  # no wheel
    assert [one.skipped for one in parsed.recipes.values()] == [""] * 4


def test_the_app_is_built_with_what_the_boards_layer_has(case: tuple[Project, Parsed]) -> None:
    project, parsed = case
    app = parsed.recipes["edge-infer"]
    assert app.words("PACKAGECONFIG") == ["tensorrt"]
    options, _, depends, rdepends, _, conflicts = app.flags["PACKAGECONFIG"]["tensorrt"].split(",")
    assert "-DEDGE_INFER_RUNTIME=tensorrt" in options.split()
    assert depends.split() == ["tensorrt-core", "tensorrt-plugins-prebuilt", "cuda-cudart"]
    assert rdepends.split() == ["cuda-cudart", "tegra-libraries-cuda"]
    assert conflicts.split() == ["litert", "onnxruntime", "onnxruntime-layer", "tflite"]
    # A package of one SoC's libraries is not of the whole CPU.
    assert app.values["PACKAGE_ARCH"] == "jetson-orin-nano-devkit"
    assert parsed.conf["LAYERDEPENDS_edgeimg"].split() == ["core", "openembedded-layer", "tegra"]
    assert "meta-tegra" in (project.layer / "README.md").read_text()


def test_the_image_has_the_driver_and_the_service_its_devices(
    case: tuple[Project, Parsed],
) -> None:
    project, parsed = case
    _, entry = Catalog().load("accelerator", "cuda", Accelerator)
    assert entry.yocto is not None and entry.yocto.service and entry.yocto.packages
    group = parsed.recipes["packagegroup-edgeimg"]
    assert group.words("RDEPENDS") == ["edge-infer", "edge-model", *sorted(entry.yocto.packages)]
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(project.layer / "recipes-ml/edge-infer/edge-infer/support/accelerator.conf")
    assert dict(unit["Service"]) == entry.yocto.service
    assert unit["Service"]["CacheDirectory"].endswith("/%i")  # each model's user is its own


def test_kas_takes_every_file(case: tuple[Project, Parsed]) -> None:
    project, _ = case
    validator = jsonschema.validators.validator_for(CONFIGSCHEMA)(CONFIGSCHEMA)
    for path in ("kas.yml", *(f"kas/{one.name}" for one in (project.folder / "kas").iterdir())):
        validator.validate(project.yaml(path))
    assert list(project.yaml("kas/machine.yml")["repos"]) == ["meta-tegra"]
