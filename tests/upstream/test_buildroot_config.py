"""Every board with every toolchain and runtime: Buildroot keeps each symbol asked for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.catalogue import buildroot_boards

from edgeimg.catalog.architectures import Architecture, Architectures
from edgeimg.catalog.builders import BuildrootRelease
from edgeimg.catalog.runtimes import Runtime
from edgeimg.catalog.search import Catalog
from edgeimg.errors import UserError
from edgeimg.manifest.board import Unsupported
from edgeimg.manifest.load import load
from edgeimg.render.environment import kconfig_line
from edgeimg.resources import data

pytestmark = pytest.mark.upstream

CATALOG = Catalog([])
RELEASE = load(CATALOG.file("catalog/buildroot.yaml"), BuildrootRelease)
MODELS = {"tflite": "digits", "onnx": "digits-onnx"}
KEYS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ000000000000000000000000000000000000000000 test"


def _runtimes() -> list[str]:
    runtimes = {
        name: CATALOG.load("runtime", name, Runtime)[1] for name in CATALOG.names("runtime")
    }
    return [name for name, one in sorted(runtimes.items()) if one.buildroot is not None]


def _model(runtime: str) -> str:
    return MODELS[CATALOG.load("runtime", runtime, Runtime)[1].formats[0]]


def _architectures() -> dict[str, Architecture]:
    return load(CATALOG.file("catalog/architectures.yaml"), Architectures).architectures


def _lines(config: Path) -> set[str]:
    return set(config.read_text().splitlines())


@pytest.mark.parametrize("runtime", _runtimes())
@pytest.mark.parametrize("toolchain", RELEASE.toolchains)
@pytest.mark.parametrize("board", buildroot_boards())
def test_no_symbol_is_lost(
    board: str, toolchain: str, runtime: str, emit: Callable[..., Any]
) -> None:
    try:
        project = emit(
            board=board,
            models=[_model(runtime)],
            runtime=runtime,
            buildroot={"toolchain": toolchain},
        )
    except UserError as error:
        if "is not to be had for" in error.message:
            pytest.skip(error.message)
        raise
    done = project.make("config")
    assert done.returncode == 0, done.stdout + done.stderr
    if RELEASE.toolchains[toolchain].relocated:
        asked = _lines(project.folder / "build/toolchain/edgeimg.config")
        assert asked <= _lines(project.output / ".config")


@pytest.mark.parametrize("toolchain", RELEASE.toolchains)
@pytest.mark.parametrize("board", ["qemu-arm", "qemu-riscv64"])
def test_no_symbol_of_a_toolchain_is_lost(
    board: str, toolchain: str, shared: Path, buildroot: Path, tmp_path: Path
) -> None:
    """Where there may be no runtime, and so no product: board and toolchain alone."""
    one = buildroot_boards()[board]
    serves, chosen = one.builders.buildroot, RELEASE.toolchains[toolchain]
    assert not isinstance(serves, Unsupported)
    symbols = {**serves.config, **chosen.config.get("all", {})}
    symbols |= chosen.config.get(one.architecture, {})
    lines = [kconfig_line(*symbol) for symbol in symbols.items()]
    if chosen.relocated:
        triplet = _architectures()[one.architecture].gnu
        script = data("buildroot-external") / "scripts/debian-toolchain.sh"
        subprocess.run([script, triplet, shared / triplet], check=True)
        lines += (shared / triplet / "edgeimg.config").read_text().splitlines()
    defconfig = tmp_path / "defconfig"
    defconfig.write_text("\n".join(lines) + "\n")
    command = ["make", "-s", "-C", buildroot, f"O={shared / 'output'}", "defconfig"]
    subprocess.run([*command, f"BR2_DEFCONFIG={defconfig}"], check=True)
    config = _lines(shared / "output/.config")
    assert [line for line in lines if line not in config and not line.startswith("#")] == []


@pytest.mark.parametrize("init", ["busybox", "systemd"])
@pytest.mark.parametrize("board", ["qemu-arm64", "raspberrypi5"])
def test_no_symbol_of_a_feature_is_lost(board: str, init: str, emit: Callable[..., Any]) -> None:
    features = {
        "network": {"ntp": ["ntp.example"]},
        "read-only-root": {},
        "serial-console": {},
        "ssh": {"authorized_keys": [KEYS]},
    }
    if init == "systemd":
        features["systemd"] = {}
    project = emit(board=board, models=["digits"], features=features)
    done = project.make("config")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_product_may_go_back_to_what_upstream_chose(emit: Callable[..., Any]) -> None:
    project = emit(
        board="raspberrypi5",
        models=["digits"],
        buildroot={
            "toolchain": "buildroot",
            "config": {
                "BR2_TOOLCHAIN_EXTERNAL": "y",
                "BR2_TOOLCHAIN_EXTERNAL_BOOTLIN": "y",
                "BR2_TOOLCHAIN_BUILDROOT": "n",
                "BR2_TOOLCHAIN_BUILDROOT_GLIBC": "n",
                "BR2_TOOLCHAIN_BUILDROOT_CXX": "n",
                "BR2_KERNEL_HEADERS_6_6": "n",
            },
        },
    )
    done = project.make("config")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_lost_symbol_stops_it(emit: Callable[..., Any]) -> None:
    project = emit(
        board="qemu-arm64",
        models=["digits"],
        buildroot={"config": {"BR2_PACKAGE_NO_SUCH_THING": "y"}},
    )
    done = project.make("config")
    assert done.returncode != 0
    assert "BR2_PACKAGE_NO_SUCH_THING" in done.stderr


def test_busybox_has_every_program_that_our_scripts_call(buildroot: Path) -> None:
    """Buildroot's own configuration of busybox leaves some out; our fragment asks for them."""
    ours = data("buildroot-external")
    configs = (buildroot / "package/busybox/busybox.config", ours / "board/common/busybox.fragment")
    has = {
        symbol
        for config in configs
        for symbol in re.findall(r"^CONFIG_(\w+)=y$", config.read_text(), re.MULTILINE)
    }
    image = data("debian-image")
    folders = (image / "root/usr", image / "device", image / "features", ours / "board/common")
    scripts = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    applets = set((image / "scripts/applets").read_text().split())
    lines = [line for script in scripts for line in script.read_text().splitlines()]
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    called = applets.intersection(re.findall(r"(?<![\w./$-])[a-z][a-z0-9_]+(?=[\s;|)&])", code))
    assert {"stat", "timeout", "udhcpc", "mkfifo", "ntpd", "logger"} & applets <= called
    assert {name for name in called - {"sh"} if name.upper() not in has} == set()
