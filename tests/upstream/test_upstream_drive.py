"""What the driving relies on in the real Buildroot: reasons, quoting, an override file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from edgeimg.builders.buildroot.kconfig import explain

pytestmark = pytest.mark.upstream

PRODUCT: dict[str, Any] = {"board": "qemu-arm64", "models": ["digits"]}


def _explained(project: Any, *dropped: tuple[str, str]) -> list[str]:
    return [str(one) for one in explain(dropped, {}, project.buildroot, project.output)]


def test_why_a_symbol_is_dropped_is_read_from_kconfig(emit: Callable[..., Any]) -> None:
    config = {"BR2_PACKAGE_NO_SUCH": "y", "BR2_TOOLCHAIN_BUILDROOT_CXX": "y"}
    project = emit(**PRODUCT, buildroot={"config": config, "toolchain": "debian"})
    done = project.make("config")
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("edgeimg: dropped")]
    assert said == [f"edgeimg: dropped {symbol}=y" for symbol in config]
    errors = _explained(project, *((symbol, "y") for symbol in config))
    assert "this Buildroot has no BR2_PACKAGE_NO_SUCH" in errors[0]
    assert "it depends on BR2_TOOLCHAIN_BUILDROOT" in errors[1]
    # The host's compiler is told to the parser as Buildroot's make tells it.
    assert "BR2_HOST_GCC_AT_LEAST" not in _explained(project, ("BR2_PACKAGE_NODEJS", "y"))[0]


def test_hostile_text_stays_text(emit: Callable[..., Any], tmp_path: Any) -> None:
    text = f"$(shell touch {tmp_path}/ran) `touch {tmp_path}/ran` ${{HOME}} \"x\" \\ 'y'"
    project = emit(**PRODUCT, buildroot={"config": {"BR2_TARGET_GENERIC_ISSUE": text}})
    done = project.make("config")
    assert done.returncode == 0, done.stderr
    shown = project.upstream("VARS=BR2_TARGET_GENERIC_ISSUE", "printvars").stdout
    assert text.replace("\\", "\\\\").replace('"', '\\"') in shown
    assert not (tmp_path / "ran").exists()


def test_an_override_file_of_the_product_is_read(emit: Callable[..., Any], tmp_path: Any) -> None:
    (tmp_path / "local.mk").write_text(f"BUSYBOX_OVERRIDE_SRCDIR = {tmp_path}\n")
    config = {"BR2_PACKAGE_OVERRIDE_FILE": str(tmp_path / "local.mk")}
    project = emit(**PRODUCT, buildroot={"config": config})
    assert project.make("config").returncode == 0
    info = json.loads(project.upstream("show-info").stdout)
    assert info["busybox"]["version"] == "custom" or "custom" in info["busybox"]["stamp_dir"]


def test_shared_folders_are_make_variables(emit: Callable[..., Any], tmp_path: Any) -> None:
    project = emit(**PRODUCT, buildroot={"config": {"BR2_CCACHE": "y"}})
    assert project.make("config").returncode == 0
    folders = [f"BR2_DL_DIR={tmp_path}/dl", f"BR2_CCACHE_DIR={tmp_path}/ccache"]
    shown = project.upstream(*folders, "VARS=DL_DIR BR_CACHE_DIR", "printvars").stdout
    assert f"DL_DIR={tmp_path}/dl" in shown
    assert f"BR_CACHE_DIR={tmp_path}/ccache" in shown
