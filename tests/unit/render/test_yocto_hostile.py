"""Hostile text in a product stays text when BitBake, kas and the shell read the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.render.bitbake_stub.kit import (
    HERE,
    Parsed,
    Project,
    build_folder,
    emit,
    kas_dump,
    parse,
)

from edgeimg.render.environment import bitbake_value
from edgeimg.resources import data

EVIL = "${@os.system('touch ran')} `touch ran` $(touch ran) \" ' # : {a} %n Grüße, 数字 🙂 \\"
# What BitBake gets in its place: there is no other way to write a `${` or both quotes.
TAMED = '$ {@os.system(’touch ran’)} `touch ran` $(touch ran) " ’ # : {a} %n Grüße, 数字 🙂 \\'
# On its own it would be executed if it came through; with both quotes it would not be Python.
CALL = "${@os.system('touch ran')}"
NAMES = (CALL, "$(touch ran)", " a ", "b \"'\\", "-n", "*", "ü 🙂")
PACKAGES = ["libgpiod", "strace", "edge-infer"]


def _board(folder: Path) -> Path:
    """A board that says the same in each of its texts."""
    board = yaml.safe_load((data("boards") / "raspberrypi5.yaml").read_text())
    yocto = board["builders"]["yocto"]
    board |= {"name": "mine", "summary": EVIL}
    board["flash"] = {"card": EVIL}
    yocto["conf"] = {"FROM_BOARD": f"${{MACHINE}} {EVIL}", "FROM_BOARD:append": " ${@1+1}"}
    yocto["licenses"] = {"X-EULA": {"where": EVIL, "conf": {"FROM_LICENCE": CALL}}}
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(board))
    return file


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, session_cache: Path) -> Project:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "overlay/opt").mkdir(parents=True)
    for name in NAMES:
        (folder / "overlay/opt" / name).write_text(name)
    return emit(
        folder,
        session_cache,
        summary=EVIL,
        board=str(_board(folder)),
        overlay="overlay",
        accept_licenses=["X-EULA"],
        packages=PACKAGES,
        yocto={
            "maintainer": f"{EVIL.replace('`', '').replace('|', '')} <a@b.example>",
            "local_conf": ['FROM_PRODUCT = "${FROM_LICENCE}."'],
        },
    )


@pytest.fixture(scope="module")
def ways(project: Project) -> list[Parsed]:
    texts = [project.sample("local.conf"), project.kas_local_conf(), project.fragments()]
    builds = [build_folder(project, f"build-{way}", text) for way, text in enumerate(texts)]
    return parse((build, project.recipes) for build in builds)


def test_nothing_is_executed(project: Project, ways: list[Parsed]) -> None:
    assert [parsed.messages for parsed in ways] == [[], [], []]
    assert list(project.folder.parent.rglob("ran")) == []


def test_texts_arrive(ways: list[Parsed]) -> None:
    for parsed in ways:
        image = parsed.recipes["t-image"].values
        assert image["SUMMARY"] == TAMED
        assert image["DESCRIPTION"] == f"{TAMED} (digits with litert 2.1.6)"
        assert parsed.conf["FROM_LICENCE"] == "$ {@os.system('touch ran')}"
        assert parsed.conf["FROM_PRODUCT"] == "$ {@os.system('touch ran')}."
        # A variable is expanded, Python is not.
        assert parsed.conf["FROM_BOARD"] == f"raspberrypi5 {TAMED} $ {{@1+1}}"


def test_packages_are_named_once_and_in_order(ways: list[Parsed]) -> None:
    group = ways[0].recipes["packagegroup-edgeimg"]
    assert group.words("RDEPENDS") == ["edge-infer", "edge-model", "libgpiod", "strace"]


def test_markdown_has_the_texts_as_text(project: Project) -> None:
    escaped = "\\$\\{@os.system\\('touch ran'\\)\\} \\`touch ran\\`"
    assert (project.folder / "README.md").read_text(encoding="utf-8").count(escaped) == 2


# Whatever a manifest takes for a line of text.
line = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60)
tricky = st.text(st.sampled_from("${}@\\\"'#a "), max_size=12)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(line, tricky), min_size=100, max_size=100))
def test_any_line_reaches_bitbake(tmp_path: Path, texts: list[str]) -> None:
    shutil.rmtree(tmp_path / "conf", ignore_errors=True)
    (tmp_path / "conf").mkdir()
    layers = f'LAYERSERIES_CORENAMES = "wrynose"\nBBLAYERS = "{HERE}/meta"\n'
    (tmp_path / "conf/bblayers.conf").write_text(f'BBPATH = "${{TOPDIR}}"\n{layers}')
    lines = [f"TEXT_{index} = {bitbake_value(text)}\n" for index, text in enumerate(texts)]
    (tmp_path / "conf/local.conf").write_text("".join(lines), encoding="utf-8")
    recipe = tmp_path / "a_1.bb"
    recipe.write_text("".join(lines), encoding="utf-8")
    (parsed,) = parse([(tmp_path, [recipe])])
    assert parsed.messages == []
    for found in (parsed.conf, parsed.recipes["a"].values):
        for index, text in enumerate(texts):
            assert found[f"TEXT_{index}"] == _expected(text), text


def _expected(text: str) -> str:
    safe = text.replace("${", "$ {")
    return safe.replace("'", "’") if '"' in safe else safe


def test_kas_reads_the_texts_as_text(project: Project) -> None:
    sections = kas_dump(project)["local_conf_header"]
    lines = [line for section in sections.values() for line in section.splitlines()]
    assert f"FROM_BOARD = '${{MACHINE}} {TAMED}'" in lines
    assert 'FROM_PRODUCT = "${FROM_LICENCE}."' in lines
    merged = "".join(f"# {name}\n{text}\n" for name, text in sorted(sections.items()))
    assert project.kas_local_conf().startswith(merged)
