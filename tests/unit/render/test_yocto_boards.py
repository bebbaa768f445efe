"""Every board and series: BitBake parses the project, kas and bitbake-setup take its files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from kas.configschema import CONFIGSCHEMA
from tests.unit.render.bitbake_stub.kit import (
    CATALOG,
    Parsed,
    Project,
    boards,
    build_folder,
    emit,
    emit_file,
    parse,
)

from edgeimg.builders.yocto.render import _uri
from edgeimg.catalog.search import Catalog
from edgeimg.manifest.board import Board
from edgeimg.resources import data_root

BOARDS = boards()
KAS = jsonschema.validators.validator_for(CONFIGSCHEMA)(CONFIGSCHEMA)
# Boards take turns with these; there are wheels of the first two for two architectures.
RUNTIMES = {"litert": "digits", "onnxruntime": "digits-onnx", "tflite": "digits"}
ONLY = {"arm": "tflite", "riscv64": "tflite"}
# Of a build folder, not of its settings; OE_FRAGMENTS is how the settings came.
PLACES = ("BBINCLUDED", "BB_CACHEDIR", "FILE", "OE_FRAGMENTS", "TOPDIR")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A project, and what BitBake reads of it, configured in each of the ways there are."""

    project: Project
    ways: dict[str, Parsed]


@pytest.fixture(scope="module")
def cases(
    tmp_path_factory: pytest.TempPathFactory, session_cache: Path
) -> dict[tuple[str, str], Case]:
    """All of them, by board and series; boards take turns with the runtimes."""
    folder = tmp_path_factory.mktemp("boards")
    projects: dict[tuple[str, str], Project] = {}
    builds: list[tuple[Path, list[Path]]] = []
    keys: list[tuple[tuple[str, str], str]] = []
    for index, (board, series) in enumerate(BOARDS):
        architecture = Catalog().load("board", board, Board)[1].architecture
        runtime = ONLY.get(architecture) or list(RUNTIMES)[index // 2 % len(RUNTIMES)]
        project = emit(
            folder / f"{board}-{series}",
            session_cache,
            board=board,
            models=[RUNTIMES[runtime]],
            runtime=runtime,
            yocto={"series": series},
        )
        projects[board, series] = project
        ways = {"sample": project.sample("local.conf"), "kas": project.kas_local_conf()}
        if (project.folder / "bitbake-setup").exists():
            ways["fragments"] = project.fragments()
        for way, local_conf in ways.items():
            recipes = project.recipes if way == "sample" else []
            builds.append((build_folder(project, f"build-{way}", local_conf), recipes))
            keys.append(((board, series), way))
    found: dict[tuple[str, str], Case] = {
        key: Case(project=project, ways={}) for key, project in projects.items()
    }
    for (key, way), parsed in zip(keys, parse(builds), strict=True):
        found[key].ways[way] = parsed
    return found


@pytest.fixture(params=BOARDS, ids="-".join)
def case(request: pytest.FixtureRequest, cases: dict[tuple[str, str], Case]) -> Case:
    return cases[request.param]


def test_the_boards_take_all_runtimes_in_both_series(cases: dict[tuple[str, str], Case]) -> None:
    found = {(one.project.series, one.project.plan.runtime.name) for one in cases.values()}
    assert found == {(series, runtime) for series in CATALOG["series"] for runtime in RUNTIMES}


def test_bitbake_has_nothing_to_say(case: Case) -> None:
    assert [parsed.messages for parsed in case.ways.values()] == [[]] * len(case.ways)
    recipes = case.ways["sample"].recipes
    own = case.project.plan.runtime.wheel is not None
    assert len(recipes) == len(case.project.recipes) == 4 + own
    assert [one.skipped for one in recipes.values()] == [""] * len(recipes)


def _settings(parsed: Parsed, folder: str) -> dict[str, str]:
    return {
        name: value.replace(parsed.conf["TOPDIR"], folder)
        for name, value in parsed.conf.items()
        # kas and the fragments leave what only the samples have to BitBake.
        if name not in (*PLACES, "BBPATH", "BBLAYERS", "CONF_VERSION")
    }


def test_all_ways_to_configure_say_the_same(case: Case) -> None:
    settings = {way: _settings(parsed, "/build") for way, parsed in case.ways.items()}
    for way in settings:
        assert settings[way] == settings["sample"], way
    assert case.project.plan.yocto is not None
    assert settings["kas"]["MACHINE"] == case.project.plan.yocto.machine
    assert settings["kas"]["DISTRO"] == "nodistro"
    assert settings["kas"]["hostname:pn-base-files"] == "t"


def parsed_depends(case: Case) -> list[str]:
    return case.ways["sample"].conf["LAYERDEPENDS_edgeimg"].split()


def test_recipes_say_what_was_planned(case: Case) -> None:
    plan, recipes = case.project.plan, case.ways["sample"].recipes
    assert plan.yocto is not None and plan.runtime.yocto is not None
    image = recipes["t-image"]
    assert image.values["SUMMARY"] == f"t for {plan.board.summary}".replace("${", "$ {")
    assert image.words("IMAGE_INSTALL") == ["packagegroup-core-boot", "packagegroup-edgeimg"]
    assert image.words("IMAGE_FEATURES") == []
    group = recipes["packagegroup-edgeimg"]
    assert group.words("RDEPENDS") == ["edge-infer", "edge-model"]
    assert group.values["PACKAGE_ARCH"] == plan.yocto.machine
    app = recipes["edge-infer"]
    assert app.values["LICENSE"] == "Apache-2.0"
    assert app.words("PACKAGECONFIG") == [plan.runtime.name]
    # What it adds to DEPENDS is a recipe of this layer, or comes from another one.
    first, *_ = app.flags["PACKAGECONFIG"][plan.runtime.name].split(",")[2].split()
    if plan.runtime.yocto.recipe:
        assert first == plan.runtime.yocto.recipe
        assert first in recipes
    else:
        assert plan.runtime.yocto.library is not None
        assert first == plan.runtime.yocto.library.part
        collections = parsed_depends(case)
        assert set(plan.runtime.yocto.layers) <= set(collections)


def test_the_runtime_is_the_wheel_of_the_lock(case: Case) -> None:
    plan = case.project.plan
    assert plan.runtime.yocto is not None
    if plan.runtime.wheel is None:
        assert not (case.project.layer / "classes-recipe").exists()
        return
    recipe = case.ways["sample"].recipes[str(plan.runtime.yocto.recipe)]
    assert recipe.values["PV"] == plan.runtime.version
    assert recipe.values["EDGEIMG_MEMBER"] == plan.runtime.wheel.member
    file = plan.runtime.wheel.file
    url = f"https://wheels.example/{file};name=wheel;unpack=0;downloadfilename={file}"
    assert recipe.words("SRC_URI")[0] == url
    assert recipe.flags["SRC_URI"]["wheel.sha256sum"] == plan.runtime.wheel.sha256


def test_what_recipes_fetch_is_there_or_has_its_checksum(case: Case) -> None:
    for name, recipe in case.ways["sample"].recipes.items():
        for uri in recipe.words("SRC_URI"):
            place, *options = uri.split(";")
            scheme, path = place.split("://")
            if scheme == "file":
                # Where both series have S, without a recipe that says so.
                assert f"subdir={recipe.values['BP']}" in options, name
                assert any((Path(folder) / path).exists() for folder in recipe.folders), uri
            else:
                assert scheme == "https"
                key = next(one.removeprefix("name=") for one in options if one[:5] == "name=")
                assert len(recipe.flags["SRC_URI"][f"{key}.sha256sum"]) == 64
                assert recipe.values["HOMEPAGE"].startswith("https://"), name


def test_the_layer_depends_on_what_is_built_with_it(case: Case) -> None:
    conf = case.ways["sample"].conf
    assert set(conf["LAYERDEPENDS_edgeimg"].split()) <= set(conf["BBFILE_COLLECTIONS"].split())
    assert conf["LAYERSERIES_COMPAT_edgeimg"].split() == sorted(CATALOG["series"])
    assert conf["BBFILE_PRIORITY_edgeimg"].isdigit()
    # It sets nothing for a build that only adds it.
    text = (case.project.layer / "conf/layer.conf").read_text()
    names = set(re.findall(r"^(\w+)", text, re.MULTILINE))
    assert {name for name in names if not name.endswith("_edgeimg")} == {
        "BBPATH",
        "BBFILES",
        "BBFILE_COLLECTIONS",
    }


def test_no_setting_depends_on_the_order_of_sections(case: Case) -> None:
    """kas sorts sections by name, the other ways leave them as they were planned."""
    assert case.project.plan.yocto is not None
    names = [name for conf in case.project.plan.yocto.conf.values() for name in conf]
    assert len(names) == len(set(names))


def test_kas_takes_every_file(case: Case) -> None:
    files = ["kas.yml", *(f"kas/{path.name}" for path in (case.project.folder / "kas").iterdir())]
    assert len(files) == 5
    for path in files:
        KAS.validate(case.project.yaml(path))
    for path in case.project.yaml("kas.yml")["header"]["includes"]:
        assert (case.project.folder / path).is_file()
    ci = (case.project.folder / "ci/github.yml").read_text()
    for path in re.findall(r"kas build (\S+)", ci)[0].split(":"):
        assert (case.project.folder / path).is_file()


@pytest.mark.parametrize("host", ["github-workflows", "gitlab-ci"])
def test_the_jobs_are_what_their_host_takes(host: str, cases) -> None:  # type: ignore[no-untyped-def]
    """By the published schemas: GitLab has words that no job can be named."""
    files = [case.project.folder / f"ci/{host.split('-')[0]}.yml" for case in cases.values()]
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{host}"]
    done = subprocess.run([*words, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_kas_locks_every_repository(case: Case) -> None:
    KAS.validate(case.project.yaml("kas.lock.yml"))
    repos: dict[str, Any] = {}
    for path in case.project.yaml("kas.yml")["header"]["includes"]:
        repos |= case.project.yaml(path).get("repos", {})
    locked = case.project.yaml("kas.lock.yml")["overrides"]["repos"]
    assert list(locked) == [name for name, one in repos.items() if "url" in one]
    assert [name for name in repos if name not in locked] == ["product"]
    for one in locked.values():
        assert re.fullmatch(r"[0-9a-f]{40}", one["commit"])


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("git@example.org:team/meta-x.git", "ssh://git@example.org/team/meta-x.git"),
        ("host:/srv/meta-x", "ssh://host/srv/meta-x"),
        ("ssh://git@example.org:22/meta-x", "ssh://git@example.org:22/meta-x"),
        ("https://example.org/meta-x", "https://example.org/meta-x"),
        ("/srv/a:b", "/srv/a:b"),
    ],
)
def test_bitbake_setup_is_told_urls(url: str, uri: str) -> None:
    assert _uri(url) == uri


def test_bitbake_setup_clones_what_kas_clones(case: Case) -> None:
    folder = case.project.folder / "bitbake-setup"
    assert folder.exists() == CATALOG["series"][case.project.series].get("setup", True)
    if not folder.exists():
        return
    whole = json.loads((folder / "t.conf.json").read_text())
    (configuration,) = whole["bitbake-setup"]["configurations"]
    repos: dict[str, Any] = {}
    for path in case.project.yaml("kas.yml")["header"]["includes"]:
        repos |= case.project.yaml(path).get("repos", {})
    locked = case.project.yaml("kas.lock.yml")["overrides"]["repos"]
    assert {name: one["git-remote"] for name, one in whole["sources"].items()} == {
        name: {"uri": one["url"], "branch": one["branch"], "rev": locked[name]["commit"]}
        for name, one in repos.items()
        if "url" in one
    }
    assert [(folder / one).resolve() for one in configuration["bb-layers-file-relative"]] == [
        case.project.layer.resolve()
    ]


def test_the_layer_tells_whom_to_write_to(case: Case) -> None:
    """What yocto-check-layer looks for."""
    assert case.project.plan.yocto is not None
    maintainer = case.project.plan.yocto.maintainer
    readme = (case.project.layer / "README.md").read_text()
    assert f"Maintainer: {maintainer}\n" in readme
    assert "patch" in readme
    assert re.search(r"<[^<>@\s]+@[^<>@\s]+>", readme)
    assert maintainer in (case.project.layer / "SECURITY.md").read_text()
    assert "MIT License" in (case.project.layer / "COPYING.MIT").read_text()
    for recipe in case.project.recipes:
        assert f"| `{recipe.stem.split('_')[0]}` |" in readme


def test_bitbake_reads_larger_products_too(tmp_path: Path, session_cache: Path) -> None:
    trees = data_root() / "tests/trees"
    projects = [
        emit_file(trees / name / "edgeimg.yaml", tmp_path / name, session_cache)
        for name in ("yocto-everything", "yocto-hardware")
    ]
    app, layer = tmp_path / "app", tmp_path / "vendor/meta-x"
    for file in (app / "CMakeLists.txt", layer / "conf/layer.conf"):
        file.parent.mkdir(parents=True)
        file.write_text("")
    own = {"path": str(layer.parent), "layers": ["meta-x"]}
    product = {"app": {"source": str(app)}, "yocto": {"layers": {"own": own}}}
    projects.append(emit(tmp_path / "own", session_cache, board="qemu-arm64", **product))
    builds = [
        (build_folder(one, "build", one.sample("local.conf")), one.recipes) for one in projects
    ]
    everything, hardware, ours = parse(builds)
    assert everything.messages + hardware.messages + ours.messages == []
    assert everything.recipes["packagegroup-edgeimg"].words("RDEPENDS") == [
        "edge-infer",
        "edge-model",
        "edge-ssh-keys",
        "i2c-tools",
        "strace",
    ]
    app_sources = [one.recipes["edge-infer"].words("SRC_URI")[0] for one in (hardware, ours)]
    assert app_sources == [
        "git://git.vendor.example/app;protocol=https;branch=main;destsuffix=edge-infer-0.1.0/src",
        "file://src;subdir=edge-infer-0.1.0",
    ]
    for parsed in (hardware, ours):
        assert parsed.recipes["edge-infer"].values["LICENSE"] == "CLOSED"
        assert "LIC_FILES_CHKSUM" not in parsed.recipes["edge-infer"].values
    assert str(layer) in ours.conf["BBLAYERS"].split()


# oe-core's dropbear refuses root unless `allow-root-login` is there, and `allow-empty-password`
# would let anybody in over the network where root has no password for the console.
def test_ssh_lets_root_in_with_a_key_only(tmp_path: Path, session_cache: Path) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ000000000000000000000000000000000000000000 test"
    features = {"network": {}, "serial-console": {}, "ssh": {"authorized_keys": [key]}}
    project = emit(tmp_path, session_cache, board="qemu-arm64", features=features)
    build = build_folder(project, "build", project.sample("local.conf"))
    (parsed,) = parse([(build, project.recipes)])
    assert set(parsed.recipes["t-image"].words("IMAGE_FEATURES")) == {
        "allow-root-login",
        "empty-root-password",
        "serial-autologin-root",
        "ssh-server-dropbear",
    }
