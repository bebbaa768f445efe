"""That one set of versions satisfies all, or the smallest contradiction; and that it is data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeimg.plan.coherence import Candidate, Fact, Need, solve
from edgeimg.resources import data_root

Edgeimg = Callable[..., Any]
ACCELERATOR = """\
version: 1
name: testpu
summary: A unit that only this test knows
homepage: https://example.org
source: this test
checked: now
needs: pcie
runtimes: [tflite]
buildroot:
  config: {{BR2_PACKAGE_TESTPU: y}}
releases:
{releases}"""
RELEASE = """\
  - version: "{version}"
    source: this test
    checked: now
    requires:
{requires}"""
REQUIREMENT = """\
      - {{by: the driver, part: {part}, versions: "{versions}", source: a test, checked: now}}
"""


def _release(version: str, **requires: str) -> str:
    lines = [REQUIREMENT.format(part=part, versions=text) for part, text in requires.items()]
    return RELEASE.format(version=version, requires="".join(lines))


@pytest.fixture
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes a product, and a catalogue with a board's kernel and the accelerator's releases."""
    from edgeimg.resources import data

    def write(*releases: str, kernel: str = "6.18", more: str = "") -> None:
        board = (data("boards") / "raspberrypi5.yaml").read_text()
        board = board.replace('version: "6.12.61"', f'version: "{kernel}"')
        for path, text in {
            "mine/boards/testboard.yaml": board.replace("name: raspberrypi5", "name: testboard"),
            "mine/catalog/accelerators/testpu.yaml": ACCELERATOR.format(releases="".join(releases)),
            "edgeimg.yaml": "version: 1\nname: demo\nboard: testboard\nmodels: [digits]\n"
            f"builder: buildroot\naccelerator: testpu\ncatalogs: [mine]\n{more}",
        }.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)

    return write


OLD, NEW = _release("4.17", kernel="<6.12"), _release("4.23", kernel=">=4.15")


def test_a_contradiction_names_both_facts_and_what_works(
    edgeimg: Edgeimg, product: Callable[..., None]
) -> None:
    product(NEW, OLD)
    answer = edgeimg("check", "--set", "accelerator={name: testpu, release: '4.17'}")
    assert answer.status == 2
    assert (
        "testpu 4.17: the driver needs kernel <6.12 (mine/catalog/accelerators/testpu.yaml:21), "
        "testboard with Buildroot 2026.02.3 has 6.18 (mine/boards/testboard.yaml:23). "
        "Works with: testpu 4.23." in answer.stderr
    )


def test_the_first_release_that_fits_is_taken(
    edgeimg: Edgeimg, product: Callable[..., None]
) -> None:
    product(OLD, NEW)
    assert json.loads(edgeimg("plan", "--output", "json").stdout)["accelerator"] == "testpu 4.23"
    product(OLD, NEW, kernel="6.6.30")
    assert json.loads(edgeimg("plan", "--output", "json").stdout)["accelerator"] == "testpu 4.17"


def test_a_line_of_the_catalogue_changes_the_verdict(
    edgeimg: Edgeimg, product: Callable[..., None]
) -> None:
    product(NEW)
    assert edgeimg("check").status == 0
    product(_release("4.23", kernel=">=4.15", glibc=">=2.99"))
    answer = edgeimg("check")
    assert answer.status == 2
    assert "the driver needs glibc >=2.99" in answer.stderr
    assert "catalog/buildroot.yaml:" in answer.stderr  # where the C library's version stands


def test_what_nobody_says_is_there_is_not(edgeimg: Edgeimg, product: Callable[..., None]) -> None:
    product(_release("1.0", firmware=">=2"))
    answer = edgeimg("check")
    assert answer.status == 2
    assert "nothing says that testboard with Buildroot 2026.02.3 has it" in answer.stderr


def test_the_product_may_bring_its_own(edgeimg: Edgeimg, product: Callable[..., None]) -> None:
    product(_release("1.0", firmware=">=2"), more="provides: {firmware: '2.1'}\n")
    assert edgeimg("check").status == 0


def test_an_accelerator_judges_the_runtime_too(
    edgeimg: Edgeimg, product: Callable[..., None]
) -> None:
    product(_release("2.0", tflite=">=2.16"))
    answer = edgeimg("check")
    assert answer.status == 2
    assert "needs tflite >=2.16" in answer.stderr
    assert "the image has 2.11.0 (catalog/runtimes/tflite.yaml:" in answer.stderr


def test_an_unknown_release_names_those_that_are_known(
    edgeimg: Edgeimg, product: Callable[..., None]
) -> None:
    product(NEW, OLD)
    answer = edgeimg("check", "--set", "accelerator={name: testpu, release: '5.0'}")
    assert "has no release 5.0. Releases of the catalogue: 4.23, 4.17." in answer.stderr


def test_a_specifier_that_is_none_is_told(edgeimg: Edgeimg, product: Callable[..., None]) -> None:
    product(_release("1.0", kernel="about 6"))
    answer = edgeimg("check")
    assert answer.status == 2
    assert "testpu.yaml:16:50" in answer.stderr and "no version specifier" in answer.stderr


def test_the_matrix_agrees_with_the_resolver(
    edgeimg: Edgeimg, product: Callable[..., None]
) -> None:
    product(_release("4.17", kernel="<6.12"))
    found = json.loads(edgeimg("compat", "--board", "testboard", "--output", "json").stdout)
    mine = [one for one in found["cells"] if one["accelerator"] == "testpu"]
    assert {one["builder"]: one["verdict"] for one in mine}["buildroot"] == "no"
    product(_release("4.17", kernel="<6.19"))
    found = json.loads(edgeimg("compat", "--board", "testboard", "--output", "json").stdout)
    mine = [one for one in found["cells"] if one["accelerator"] == "testpu"]
    assert {one["builder"]: one["verdict"] for one in mine}["buildroot"] == "yes"


def test_the_matrix_hears_what_the_product_provides(
    edgeimg: Edgeimg, product: Callable[..., None]
) -> None:
    product(_release("1.0", firmware=">=2"), more="provides: {firmware: '2.1'}\n")
    found = json.loads(edgeimg("compat", "--board", "testboard", "--output", "json").stdout)
    mine = [one for one in found["cells"] if one["accelerator"] == "testpu"]
    assert {one["builder"]: one["verdict"] for one in mine}["buildroot"] == "yes"
    board = Path("mine/boards/testboard.yaml")
    board.write_text(board.read_text().replace("memory_mib: 1024", "memory_mib: 1"))
    small = Path("mine/catalog/runtimes/litert.yaml")
    small.parent.mkdir(parents=True)
    text = (data_root() / "catalog/runtimes/litert.yaml").read_text()
    small.write_text(text.replace("memory:\n  debian:", "memory:\n  buildroot:"))
    words = ("compat", "--board", "testboard", "--model", "digits", "--output", "json")
    cells = json.loads(edgeimg(*words).stdout)["cells"]
    (cell,) = [
        one
        for one in cells
        if one["runtime"] == "litert" and one["builder"] == "buildroot" and not one["accelerator"]
    ]
    assert "MiB of memory are needed at least, and testboard has 1 MiB" in cell["reason"]


def test_an_option_lies_over_the_file_in_places_too(
    edgeimg: Edgeimg, product: Callable[..., None]
) -> None:
    product(NEW)
    assert "error: --model: no model 'nix'" in edgeimg("check", "--model", "nix").stderr
    answer = edgeimg("check", "--set", "accelerator=testpu", "--set", "provides.kernel='2.6'")
    assert "demo has 2.6 (--set provides.kernel='2.6')" in answer.stderr


def _need(of: str, part: str, versions: str) -> Need:
    return Need(of=of, by="it", part=part, versions=versions, place=f"{of}:{part}")


def _fact(part: str, version: str) -> Fact:
    return Fact(part=part, version=version, who="board", place="board:1")


def test_the_smallest_set_of_contradictions_is_named() -> None:
    # The kernel rules out both, so that the C library, which rules out one, is not told.
    a = Candidate(needs=(_need("a", "glibc", ">=3"), _need("a", "kernel", ">=7")))
    b = Candidate(needs=(_need("a", "kernel", ">=7"),))
    answer = solve(
        [[a, b]], {one.part: one for one in (_fact("glibc", "2"), _fact("kernel", "6"))}, "x"
    )
    assert [clash.need.part for clash in answer.clashes] == ["kernel"]


def test_what_is_chosen_in_one_place_counts_in_another() -> None:
    old = Candidate(gives=(_fact("runtime", "1"),))
    new = Candidate(gives=(_fact("runtime", "2"),))
    asks = Candidate(needs=(_need("unit", "runtime", ">=2"),))
    assert solve([[old, new], [asks]], {}, "x").chosen == (1, 0)
    assert not solve([[old], [asks]], {}, "x").fits
