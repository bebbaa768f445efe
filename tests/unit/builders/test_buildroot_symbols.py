"""Symbols on their way: merged, compared, explained; hostile text with make and Kconfig."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import kconfiglib
import pytest
import yaml

from edgeimg.builders.buildroot.kconfig import explain
from edgeimg.builders.buildroot.menu import read_lines
from edgeimg.manifest.keep import keep_config
from edgeimg.render.environment import kconfig_line
from edgeimg.resources import data

SCRIPTS = data("buildroot-external") / "scripts"
KCONFIG = """\
config BR2_HOST_GCC_AT_LEAST_4
\tbool
\tdefault y
config BR2_NET
\tbool "net"
config BR2_CXX
\tbool "C++"
config BR2_GLIBC
\tbool
config BR2_PACKAGE_RUNTIME
\tbool "runtime"
\tdepends on BR2_CXX && (BR2_GLIBC || BR2_NET)
\tselect BR2_LIBRARY
config BR2_LIBRARY
\tbool "library"
config BR2_USER
\tbool "user"
\tselect BR2_LIBRARY
config BR2_TEXT
\tstring "text"
config BR2_NUMBER
\tint "number"
\tdefault 3
choice
\tprompt "one of"
config BR2_ONE
\tbool "one"
config BR2_TWO
\tbool "two"
endchoice
source "$BR2_EXTERNAL_OURS_PATH/Config.in"
source "Config.in.legacy"
"""
LEGACY = """\
config BR2_OLD
\tbool "old has been renamed"
\thelp
\t  It is BR2_PACKAGE_RUNTIME now.
"""
HOSTILE = [
    "$(shell touch ran)",
    "${shell touch ran}",
    "`touch ran`",
    'say "hi"',
    "back\\slash, at the end \\",
    "a 'quote' $HOME $$ %",
    "Grüße, 数字",
    "; touch ran; ",
]


def _awk(script: str, *files: Path, lists: str = "", text: str = "") -> list[str]:
    command = ["awk", "-v", f"lists={lists}", "-f", str(SCRIPTS / script), *map(str, files)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_last_line_of_a_symbol_counts_and_lists_are_joined() -> None:
    text = (
        'BR2_A=y\nBR2_ROOTFS_OVERLAY="board/theirs"\n# BR2_B is not set\n# words\n'
        'BR2_B=y\n# BR2_A is not set\nBR2_ROOTFS_OVERLAY="ours"\nBR2_T="x"\nBR2_T="y \\" $$"\n'
    )
    assert _awk("merge.awk", lists="BR2_ROOTFS_OVERLAY BR2_X", text=text) == [
        "# BR2_A is not set",
        'BR2_ROOTFS_OVERLAY="board/theirs ours"',
        "BR2_B=y",
        'BR2_T="y \\" $$"',
    ]


def test_what_is_lost_is_named_and_nothing_else(tmp_path: Path) -> None:
    asked, config, legacy = (tmp_path / name for name in ("asked", ".config", "legacy"))
    asked.write_text(
        "BR2_A=y\nBR2_LOST=y\n# BR2_OFF is not set\n# BR2_FORCED is not set\n"
        'BR2_EMPTY=""\nBR2_OVERLAY="ours"\nBR2_OTHER="ours"\nBR2_N=3\nBR2_TWICE=n\nBR2_TWICE=y\n'
        "BR2_OLD=y\n# BR2_OLDER is not set\n"
    )
    config.write_text(
        "BR2_A=y\nBR2_FORCED=y\n# BR2_LOST is not set\n"
        'BR2_OVERLAY="theirs ours"\nBR2_OTHER="notours"\nBR2_N=4\nBR2_TWICE=y\nBR2_OLD=y\n'
    )
    legacy.write_text("config BR2_OLD\nconfig BR2_OLDER\n")
    assert _awk("lost.awk", asked, config, legacy) == [
        "BR2_LOST=y",
        "BR2_FORCED=n",
        'BR2_OTHER="ours"',
        "BR2_N=3",
        "BR2_OLD=y",
    ]


def test_what_the_kernel_dropped_ends_the_build(tmp_path: Path) -> None:
    external = tmp_path / "external"
    shutil.copytree(data("buildroot-external") / "linux", external / "linux")
    shutil.copy(data("buildroot-external") / "external.mk", external)
    (external / "product.inc").touch()
    ours, theirs = external / "ours.fragment", tmp_path / "theirs.fragment"
    theirs.write_text("CONFIG_THEIRS=y\n")
    (tmp_path / "Makefile").write_text(
        f"BR2_EXTERNAL_EDGEIMG_PATH := {external}\nBASE_DIR := /out\n"
        f"LINUX_KCONFIG_FRAGMENT_FILES = {ours} {theirs}\ninclude {external}/external.mk\n"
        f"{tmp_path}/linux/.stamp:\n"
        "\t$(foreach hook,$(LINUX_POST_CONFIGURE_HOOKS),$(call $(hook)))\n"
    )
    (tmp_path / "linux").mkdir()
    (tmp_path / "linux/.config").write_text(
        'CONFIG_A=y\nCONFIG_BUILT_IN=y\nCONFIG_FORCED=y\nCONFIG_TEXT="x $$(y) \\" z"\n'
    )

    def make(fragment: str) -> subprocess.CompletedProcess[str]:
        ours.write_text(fragment)
        command = ["make", "-C", str(tmp_path), str(tmp_path / "linux/.stamp")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    kept = "CONFIG_A=n\nCONFIG_A=y\nCONFIG_BUILT_IN=m\n# CONFIG_OFF is not set\n"
    assert make(kept + 'CONFIG_TEXT="x $$(y) \\" z"\n').returncode == 0
    done = make("CONFIG_A=y\nCONFIG_LOST=m\n# CONFIG_FORCED is not set\n")
    assert done.returncode
    assert done.stderr.startswith(
        "edgeimg: config: the kernel does not have these options so: CONFIG_LOST=m, "
        "CONFIG_FORCED=n. What one depends on: make -C /out linux-menuconfig, then / and its name\n"
    )


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Kconfig tree with an external one, and an output folder."""
    (tmp_path / "output").mkdir()
    (tmp_path / "ours").mkdir()
    (tmp_path / "Config.in").write_text(KCONFIG)
    (tmp_path / "Config.in.legacy").write_text(LEGACY)
    (tmp_path / "ours/Config.in").write_text('config BR2_OURS\n\tbool "ours"\n')
    (tmp_path / "output/.br2-external.in.paths").write_text(
        f'config BR2_EXTERNAL_OURS_PATH\n\tstring\n\tdefault "{tmp_path}/ours"\n'
    )
    return tmp_path


def _explained(tree: Path, config: str, *asked: tuple[str, str]) -> list[str]:
    (tree / "output/.config").write_text(config)
    places = {"BR2_PACKAGE_RUNTIME": "edgeimg.yaml:9:5"}
    return [str(one) for one in explain(asked, places, tree, tree / "output")]


@pytest.mark.parametrize(
    ("symbol", "value", "said"),
    [
        (
            "BR2_PACKAGE_RUNTIME",
            "y",
            "edgeimg.yaml:9:5: Buildroot drops BR2_PACKAGE_RUNTIME=y: it depends on all of "
            "BR2_CXX, BR2_GLIBC || BR2_NET. Set what is missing in buildroot.config, or "
            "leave it out.",
        ),
        (
            "BR2_LIBRARY",
            "n",
            "BR2_LIBRARY=n: Buildroot drops BR2_LIBRARY=n: it is selected by BR2_USER",
        ),
        (
            "BR2_GLIBC",
            "y",
            "BR2_GLIBC=y: Buildroot drops BR2_GLIBC=y: it cannot be set, others select it",
        ),
        ("BR2_ONE", "y", "BR2_ONE=y: Buildroot drops BR2_ONE=y: BR2_TWO is chosen in its place"),
        (
            "BR2_NUMBER",
            '"x"',
            'BR2_NUMBER="x": Buildroot drops BR2_NUMBER="x": it takes a whole number, '
            "without quotes",
        ),
        ("BR2_NUMBER", "4", "BR2_NUMBER=4: Buildroot drops BR2_NUMBER=4: its value there is '3'"),
        (
            "BR2_TEXT",
            "12",
            "BR2_TEXT=12: Buildroot drops BR2_TEXT=12: it takes text: put it in quotes",
        ),
        (
            "BR2_USER",
            '"yes"',
            'BR2_USER="yes": Buildroot drops BR2_USER="yes": it takes y or n',
        ),
        (
            "BR2_OLD",
            "y",
            "BR2_OLD=y: upstream has removed or renamed BR2_OLD. It is BR2_PACKAGE_RUNTIME now.",
        ),
        (
            "BR2_OURZ",
            "y",
            "BR2_OURZ=y: this Buildroot has no BR2_OURZ. Perhaps you meant 'BR2_OURS'?",
        ),
    ],
)
def test_why_a_symbol_was_dropped(tree: Path, symbol: str, value: str, said: str) -> None:
    config = "BR2_USER=y\nBR2_LIBRARY=y\nBR2_TWO=y\n"
    assert _explained(tree, config, (symbol, value)) == [said]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_kconfig_and_make(
    text: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("srctree", str(tree))
    monkeypatch.setenv("CONFIG_", "")
    monkeypatch.setenv("BR2_EXTERNAL_OURS_PATH", str(tree / "ours"))
    defconfig, config = tree / "defconfig", tree / ".config"
    defconfig.write_text(f"{kconfig_line('BR2_TEXT', text)}\n")
    merged = _awk("merge.awk", text=defconfig.read_text())
    assert merged == defconfig.read_text().splitlines()
    kconfig = kconfiglib.Kconfig(str(tree / "Config.in"))
    kconfig.load_config(str(defconfig))
    kconfig.write_config(str(config))
    assert _awk("lost.awk", defconfig, config, tree / "Config.in.legacy") == []
    # Buildroot's make includes .config and takes the quotes off.
    (tree / "Makefile").write_text(
        'include .config\nqstrip = $(strip $(subst ",,$(1)))\nexport BR2_TEXT\n'
        "all:\n\t@printf '%s' \"$$BR2_TEXT\"\n"
    )
    made = subprocess.run(["make", "-s"], cwd=tree, capture_output=True, text=True, check=True)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert made.stdout == f'"{escaped}"'
    assert not (tree / "ran").exists()
    assert read_lines(config.read_text())["BR2_TEXT"] == text


PRODUCT = """\
# The product.
version: 1
buildroot: # ours
  toolchain: debian
  config:
    BR2_A: y # why
    BR2_B: "old"

    # Below it.
models: [digits]
"""


@pytest.mark.parametrize(
    ("before", "gone"),
    [
        (PRODUCT, ['    BR2_B: "old"']),
        ("version: 1\n", []),
        ("version: 1\nbuildroot:\n    toolchain: debian\nmodels: [a]\n", []),
        ("version: 1\nbuildroot:\n", ["buildroot:"]),
    ],
)
def test_symbols_are_kept_in_the_product_and_the_rest_stays(
    before: str, gone: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "edgeimg.yaml"
    path.write_text(before)
    assert keep_config(path, {"BR2_B": "n", "BR2_C": 'say "$x": #1'})
    after = path.read_text()
    config = yaml.load(after, yaml.BaseLoader)["buildroot"]["config"]
    assert (config["BR2_B"], config["BR2_C"]) == ("n", 'say "$x": #1')
    left = [line for line in before.splitlines() if line not in gone]
    assert [line for line in left if line not in after.splitlines()] == []


def test_a_mapping_in_braces_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "edgeimg.yaml"
    path.write_text("version: 1\nbuildroot: {config: {BR2_A: y}}\n")
    assert not keep_config(path, {"BR2_B": "y"})
    assert path.read_text() == "version: 1\nbuildroot: {config: {BR2_A: y}}\n"
