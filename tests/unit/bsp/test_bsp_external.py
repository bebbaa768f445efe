"""`edgeimg bsp import` of a vendor's external tree of Buildroot, with a Buildroot of 30 lines."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

import pytest
import yaml
from tests.locks import fake_lock

from edgeimg.builders import BUILDERS
from edgeimg.catalog.builders import BuildrootRelease
from edgeimg.catalog.search import Catalog
from edgeimg.manifest.select import select
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.inputs import Inputs

CONFIG = """
source "$BR2_BASE_DIR/.br2-external.in.paths"
choice
	prompt "arch"
config BR2_aarch64
	bool "AArch64"
config BR2_arm
	bool "ARM"
config BR2_xtensa
	bool "Xtensa"
endchoice
config BR2_ARCH
	string
	default "aarch64" if BR2_aarch64
	default "arm" if BR2_arm
	default "xtensa" if BR2_xtensa
config BR2_ARM_EABIHF
	bool "hard float"
config BR2_ARM_CPU_ARMV7A
	bool "v7"
config BR2_GCC_TARGET_CPU
	string "cpu"
config BR2_TARGET_GENERIC_GETTY_PORT
	string "port"
	default "console"
config BR2_LINUX_KERNEL
	bool "kernel"
config BR2_LINUX_KERNEL_VERSION
	string "version"
	depends on BR2_LINUX_KERNEL
config BR2_LINUX_KERNEL_CUSTOM_TARBALL_LOCATION
	string "location"
config BR2_LINUX_KERNEL_IMAGE
	bool "Image"
config BR2_TARGET_UBOOT
	bool "u-boot"
config BR2_TARGET_UBOOT_BOARD_DEFCONFIG
	string "its defconfig"
config BR2_ROOTFS_POST_IMAGE_SCRIPT
	string "script"
source "$BR2_BASE_DIR/.br2-external.in.menus"
"""
# Buildroot's own script writes these two files, and others.
SCRIPT = """#!/bin/sh
name=$(sed -n 's/^name: //p' "$3/external.desc")
[ -n "$name" ] || { echo "BR2_EXTERNAL_ERROR = $3: no name" >"$2/.br2-external.mk"; exit 1; }
printf 'config BR2_EXTERNAL_%s_PATH\\n\\tstring\\n\\tdefault "%s"\\n' "$name" "$3" \\
	>"$2/.br2-external.in.paths"
printf 'source "%s/Config.in"\\n' "$3" >"$2/.br2-external.in.menus"
"""
FULL = """BR2_aarch64=y
BR2_GCC_TARGET_CPU="cortex-a55"
BR2_TARGET_GENERIC_GETTY_PORT="ttyS2"
BR2_LINUX_KERNEL=y
BR2_LINUX_KERNEL_VERSION="6.12.61"
BR2_LINUX_KERNEL_IMAGE=y
BR2_TARGET_UBOOT=y
BR2_TARGET_UBOOT_BOARD_DEFCONFIG="acme"
BR2_PACKAGE_ACME_NPU=y
BR2_GONE=y
BR2_ROOTFS_POST_IMAGE_SCRIPT="$(BR2_EXTERNAL_ACME_PATH)/post.sh"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Buildroot of the pinned release, and a vendor's tree."""
    catalog = Catalog()
    path = catalog.file("catalog/buildroot.yaml")
    release = catalog.read(path, BuildrootRelease).value.release
    buildroot = tmp_path / "buildroot"
    (buildroot / "support/scripts").mkdir(parents=True)
    (buildroot / "Makefile").write_text(f"export BR2_VERSION := {release}\n")
    (buildroot / "Config.in").write_text(CONFIG)
    script = buildroot / "support/scripts/br2-external"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    tree = tmp_path / "vendor"
    (tree / "configs").mkdir(parents=True)
    (tree / "external.desc").write_text("name: ACME\n")
    (tree / "external.mk").write_text("")
    (tree / "Config.in").write_text('config BR2_PACKAGE_ACME_NPU\n\tbool "npu"\n')
    (tree / "configs/acme_full_defconfig").write_text(FULL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEIMG_BUILDROOT", str(buildroot))
    return tmp_path


def test_a_configuration_becomes_a_board(edgeimg, place, session_cache) -> None:  # type: ignore[no-untyped-def]
    answer = edgeimg("bsp", "import", "vendor")
    assert answer.status == 0, answer.stderr
    path = place / "boards/acme-full.yaml"
    made = yaml.safe_load(path.read_text())
    assert (made["architecture"], made["cpu"], made["console"]) == ("arm64", "cortex-a55", "ttyS2")
    said = made["builders"]["buildroot"]
    assert (said["defconfig"], said["external"]) == ("acme_full", str(place / "vendor"))
    assert said["kernel"] == "Image"
    assert said["provides"]["kernel"]["version"] == "6.12.61"
    text = path.read_text()
    assert "# This Buildroot has it not, or otherwise: BR2_GONE\n" in text
    assert "BR2_PACKAGE_ACME_NPU" not in text  # the tree's own, which is there
    assert "# The bootloader: U-Boot (acme)." in text
    text = text.replace("# disk: #", "disk: sdcard.img #")
    text = text.replace("# memory_mib: #", "memory_mib: 512 #")
    path.write_text(text.replace("# storage_mib: #", "storage_mib: 4096 #"))
    assert edgeimg("check", "--board", path).status == 0
    chosen = select(board=str(path))
    plan = resolve(chosen.product, chosen.source, session_cache)
    tree = BUILDERS["buildroot"].render(plan, Inputs(lock=fake_lock(plan)))
    lines = tree.files["config.mk"].data().decode().splitlines()
    assert f"VENDOR := {place / 'vendor'}" in lines and "DEFCONFIG := acme_full" in lines
    readme = tree.files["README.md"].data().decode()
    assert "`VENDOR` in `config.mk` says where it lies." in readme
    assert "the vendor's `acme_full_defconfig`" in readme
    lines = tree.files[f"external/configs/{plan.product}_defconfig"].data().decode().splitlines()
    assert "# The Makefile adds this to the vendor's acme_full_defconfig." in lines


def test_what_it_does_not_say(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    configs = place / "vendor/configs"
    (configs / "bare_defconfig").write_text("BR2_arm=y\n")
    (configs / "odd_defconfig").write_text("BR2_xtensa=y\nBR2_LINUX_KERNEL=y\n")
    (configs / "bad_defconfig").write_bytes(b"BR2_A=\xff\n")
    answer = edgeimg("bsp", "import", "vendor", "--output", "json")
    assert answer.status == 1
    found = {one["machine"]: one for one in json.loads(answer.stdout)["boards"]}
    assert found["bad"]["problem"] == "not UTF-8 text"
    # One configuration's symbols are not the next one's; soft-float ARM is none of ours.
    assert found["bare"]["to fill in"] == [
        *("architecture", "cpu", "memory_mib", "storage_mib", "console", "kernel")
    ]
    assert "BR2_ARCH is xtensa" in (place / "boards/odd.yaml").read_text()
    answer = edgeimg("check", "--board", "boards/bare.yaml")
    assert "builders.buildroot.kernel: is to be filled in" in answer.stderr


@pytest.mark.parametrize(
    ("version", "known"),
    [("12.01.00.05", None), ("2026.01", None), ("v6.12.3-acme", "6.12.3"), ("6.6", "6.6")],
)
def test_a_tag_of_the_vendors_kernel(edgeimg, place, version: str, known: str | None) -> None:  # type: ignore[no-untyped-def]
    text = FULL.replace("6.12.61", version)
    text += 'BR2_LINUX_KERNEL_CUSTOM_TARBALL_LOCATION="https://acme.example/linux"\n'
    (place / "vendor/configs/acme_full_defconfig").write_text(text)
    edgeimg("bsp", "import", "vendor")
    made = (place / "boards/acme-full.yaml").read_text()
    said = yaml.safe_load(made)["builders"]["buildroot"].get("provides")
    assert (said and said["kernel"]["version"]) == known
    assert known is not None or f"{version} is no version of Linux" in made


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("Config.in", "what is this\n", "Buildroot's Kconfig cannot be read with it"),
        ("Config.in", 'source "vendor/Config.in"\n', "Buildroot's Kconfig cannot be read with it"),
        ("external.desc", "desc: none\n", "no name"),
    ],
)
def test_a_tree_that_buildroot_does_not_take(edgeimg, place, path, content, said) -> None:  # type: ignore[no-untyped-def]
    (place / "vendor" / path).write_text(content)
    answer = edgeimg("bsp", "import", "vendor")
    assert answer.status == 2
    assert said in answer.stderr
    assert not Path("boards").exists()
    del answer
    gc.collect()  # kconfiglib leaves a file open where it stops


def test_a_tree_below_a_blank(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    (place / "vendor").rename(place / "the vendor")
    answer = edgeimg("bsp", "import", "the vendor")
    assert answer.stderr.endswith("error: the vendor: make needs a path without blanks. Move it.\n")


def test_a_compiler_that_does_not_run(edgeimg, place, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (place / "bin").mkdir()
    (place / "bin/gcc").write_text("#!/bin/sh\nexit 1\n")
    (place / "bin/gcc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}/bin:{os.environ['PATH']}")
    answer = edgeimg("bsp", "import", "vendor")
    assert answer.status == 0, answer.stderr


def test_a_configuration_that_is_named_twice(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    answer = edgeimg("bsp", "import", "vendor", *(2 * ["--machine", "acme_full"]))
    assert answer.status == 0, answer.stdout


def test_a_tree_that_is_gone(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    edgeimg("bsp", "import", "vendor")
    path = place / "boards/acme-full.yaml"
    text = path.read_text().replace("# memory_mib: #", "memory_mib: 512 #")
    path.write_text(text.replace("# storage_mib: #", "storage_mib: 4096 #"))
    (place / "vendor").rename(place / "moved")
    answer = edgeimg("check", "--board", path)
    assert answer.status == 2
    assert "has no external.desc" in answer.stderr
