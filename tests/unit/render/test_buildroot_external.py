"""The emitted Buildroot tree, as Kconfig and make read it, without Buildroot.

A product takes every package of ours but the prebuilt runtimes that are not its own.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

import kconfiglib
import pytest
import yaml
from tests.catalogue import buildroot_boards
from tests.locks import fake_lock

from edgeimg.builders import BUILDERS
from edgeimg.catalog.runtimes import Runtime
from edgeimg.catalog.search import Catalog
from edgeimg.errors import UserError
from edgeimg.manifest.select import select
from edgeimg.plan.plan import Plan
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.tree import Text, Tree
from edgeimg.render.write import write
from edgeimg.resources import data

CATALOG = Catalog([])
PACKAGES = sorted(path.name for path in (data("buildroot-external") / "package").iterdir())
RUNTIMES = {name: CATALOG.load("runtime", name, Runtime)[1] for name in CATALOG.names("runtime")}
WHEELS = {name for name, runtime in RUNTIMES.items() if runtime.releases}
MODELS = {"litert": "digits", "onnxruntime": "digits-onnx"}

# Of Buildroot's make, what a package's file uses. It prints what the tests ask about.
BUILDROOT = r"""
qstrip = $(strip $(subst ",,$(1)))
github = https://github.com/$(1)/$(2)/archive/$(3)
pkgdir = $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
pkgname = $(notdir $(pkgdir))
define generic-package
PACKAGES += $(pkgname)
$(shell echo $(pkgname) | tr a-z- A-Z_)_PKGDIR := $(pkgdir)
endef
cmake-package = $(generic-package)
meson-package = $(generic-package)
autotools-package = $(generic-package)
kernel-module =
host-generic-package =
host-cmake-package =
upper = $(shell echo $(1) | tr a-z- A-Z_)
FIELDS = VERSION SITE SITE_METHOD SOURCE LICENSE LICENSE_FILES EXTRA_DOWNLOADS
include $(BR2_EXTERNAL_EDGEIMG_PATH)/external.mk
.PHONY: all
all:
	@:
$(foreach one,$(PACKAGES),$(foreach field,$(FIELDS),\
	$(info $(one)|$(field)|$(strip $($(call upper,$(one))_$(field))))))
"""


def _emit(folder: Path, cache: Path, **product: Any) -> Plan:
    file = folder / "edgeimg.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "name": "t", "builder": "buildroot", **product}))
    plan = _plan(file, cache)
    write(_tree(plan), folder / "project")
    return plan


def _plan(file: Path, cache: Path) -> Plan:
    chosen = select(file=file)
    return resolve(chosen.product, chosen.source, cache)


def _tree(plan: Plan) -> Tree:
    return BUILDERS["buildroot"].render(plan, Inputs(lock=fake_lock(plan)))


@pytest.fixture(params=sorted(WHEELS))
def external(request: pytest.FixtureRequest, tmp_path: Path, session_cache: Path) -> Path:
    runtime = request.param
    packages = [name for name in PACKAGES if name not in WHEELS - {runtime}]
    _emit(
        tmp_path,
        session_cache,
        board="qemu-arm64",
        models=[MODELS[runtime]],
        runtime=runtime,
        packages=packages,
    )
    return tmp_path / "project/external"


BOARDS = [
    name for name, board in buildroot_boards().items() if board.architecture in ("arm64", "x86_64")
]


@pytest.mark.parametrize("model", ["digits", "digits-onnx"])
@pytest.mark.parametrize("board", BOARDS)
def test_every_board_generates(board: str, model: str, tmp_path: Path, session_cache: Path) -> None:
    plan = _emit(tmp_path, session_cache, board=board, models=[model])
    assert plan.buildroot is not None
    tree = _tree(plan)
    config = tree.files["external/configs/t_defconfig"]
    assert isinstance(config, Text)
    # Every file of ours that the configuration names is there.
    named = re.findall(r"\$\(BR2_EXTERNAL_EDGEIMG_PATH\)/([^ \"]+)", config.content)
    paths = {f"external/{name}" for name in named}
    assert paths
    for path in paths:
        assert path in tree.files or any(one.startswith(f"{path}/") for one in tree.files), path
    ours = "external/board/" + board + "/genimage.cfg" in tree.files
    assert ours == (plan.buildroot.disk is None)


def _defconfig(plan: Plan) -> dict[str, str]:
    """Symbol -> value, as the emitted defconfig has them; each symbol once."""
    content = _tree(plan).files["external/configs/t_defconfig"]
    assert isinstance(content, Text)
    lines = [line for line in content.content.splitlines() if line.startswith("BR2_")]
    found = dict(line.split("=", 1) for line in lines)
    assert len(found) == len(lines)
    return found


def test_what_the_user_configures_counts(tmp_path: Path, session_cache: Path) -> None:
    asked = {
        "BR2_TARGET_GENERIC_HOSTNAME": "theirs",
        "BR2_ROOTFS_OVERLAY": "/srv/theirs",
        "BR2_PACKAGE_BUSYBOX_CONFIG_FRAGMENT_FILES": "/srv/theirs.fragment",
    }
    product = {"board": "qemu-arm64", "models": ["digits"]}
    before = _defconfig(_emit(tmp_path, session_cache, **product))
    after = _defconfig(_emit(tmp_path, session_cache, **product, buildroot={"config": asked}))
    assert after["BR2_TARGET_GENERIC_HOSTNAME"] == '"theirs"'
    for symbol in ("BR2_ROOTFS_OVERLAY", "BR2_PACKAGE_BUSYBOX_CONFIG_FRAGMENT_FILES"):
        assert after[symbol] == f'{before[symbol][:-1]} {asked[symbol]}"'
    assert {one for one in before if before[one] != after.get(one)} == set(asked)


def test_arguments_of_the_users_scripts_do_not_replace_genimage_s(
    tmp_path: Path, session_cache: Path
) -> None:
    names = ("BR2_ROOTFS_POST_SCRIPT_ARGS", "BR2_ROOTFS_POST_IMAGE_SCRIPT_ARGS")
    asked = {"config": dict.fromkeys(names, "--theirs")}
    found = _defconfig(
        _emit(tmp_path, session_cache, board="qemu-arm64", models=["digits"], buildroot=asked)
    )
    ours = "$$(BR2_EXTERNAL_EDGEIMG_PATH)/board/qemu-arm64/genimage.cfg"
    given = [found[name] for name in names]
    assert given == ['"--theirs"', f'"-c {ours.replace("$$", "$")} --theirs"']


@pytest.mark.parametrize("kind", ["empty folder", "file for its owner only"])
def test_what_a_device_table_cannot_name_is_refused(
    kind: str, tmp_path: Path, session_cache: Path
) -> None:
    odd = tmp_path / "overlay/opt/two words"
    odd.mkdir(parents=True)
    (tmp_path / "overlay/opt/plain file").write_text("x")
    name = "opt/two words"
    if kind != "empty folder":
        (odd / "key").write_text("x")
        (odd / "key").chmod(0o600)
        name += "/key"
    product = {"board": "qemu-arm64", "models": ["digits"], "overlay": "overlay"}
    with pytest.raises(UserError, match=f"overlay: {name} is an? {kind} with a blank in its path"):
        _emit(tmp_path, session_cache, **product)


def test_a_private_program_stays_a_program(tmp_path: Path, session_cache: Path) -> None:
    (tmp_path / "overlay").mkdir()
    for name, mode in (("key", 0o600), ("tool", 0o700)):
        (tmp_path / "overlay" / name).write_text("x")
        (tmp_path / "overlay" / name).chmod(mode)
    plan = _emit(tmp_path, session_cache, board="qemu-arm64", models=["digits"], overlay="overlay")
    table = _tree(plan).files["external/board/qemu-arm64/device_table.txt"]
    assert isinstance(table, Text)
    said = ["/key f 600 0 0 - - - - -", "/tool f 700 0 0 - - - - -"]
    assert table.content.splitlines() == said


def test_a_catalogue_brings_packages(tmp_path: Path, session_cache: Path) -> None:
    package = tmp_path / "vendor/buildroot-external/package"
    for name, selects in {"npu-driver": "npu-firmware", "npu-firmware": "", "other": ""}.items():
        (package / name).mkdir(parents=True)
        lines = f'config BR2_PACKAGE_{name.upper().replace("-", "_")}\n\tbool "{name}"\n'
        if selects:
            lines += f"\tselect BR2_PACKAGE_{selects.upper().replace('-', '_')}\n"
        (package / name / "Config.in").write_text(lines)
        (package / name / f"{name}.mk").write_text("$(eval $(generic-package))\n")
    plan = _emit(
        tmp_path,
        session_cache,
        board="qemu-arm64",
        models=["digits"],
        packages=["npu-driver"],
        catalogs=["vendor"],
    )
    external = tmp_path / "project/external"
    assert (external / "package/npu-driver/npu-driver.mk").exists()
    assert (external / "package/npu-firmware/npu-firmware.mk").exists()
    assert not (external / "package/other").exists()
    assert _defconfig(plan)["BR2_PACKAGE_NPU_DRIVER"] == "y"
    for name in ("npu-driver", "npu-firmware", "edge-infer"):
        assert f"/package/{name}/Config.in" in (external / "Config.in").read_text()


def _kconfig(external: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> kconfiglib.Kconfig:
    """Our Config.in files, with a symbol for each of Buildroot's that they name."""
    texts = [path.read_text() for path in external.glob("package/*/Config.in")]
    words = {word for text in texts for word in re.findall(r"\bBR2_\w+", text)}
    ours = {word for text in texts for word in re.findall(r"^config (\w+)", text, re.MULTILINE)}
    lines = [f'config {word}\n\tbool "{word}"\n' for word in sorted(words - ours)]
    stub = folder / "Config.in"
    stub.write_text("".join(lines) + f'source "{external}/Config.in"\n')
    monkeypatch.setenv("BR2_EXTERNAL_EDGEIMG_PATH", str(external))
    kconfig = kconfiglib.Kconfig(str(stub), warn_to_stderr=False)
    assert kconfig.warnings == []
    for word in words - ours - {"BR2_STATIC_LIBS"}:
        kconfig.syms[word].set_value("y")
    return kconfig


def test_kconfig_has_each_package(
    external: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kconfig = _kconfig(external, tmp_path, monkeypatch)
    names = sorted(path.parent.name for path in external.glob("package/*/Config.in"))
    symbols = ["BR2_PACKAGE_" + name.upper().replace("-", "_") for name in names]
    for symbol in symbols:
        kconfig.syms[symbol].set_value("y")
    assert [one for one in symbols if kconfig.syms[one].str_value != "y"] == []


def test_kconfig_says_what_is_missing(
    external: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kconfig = _kconfig(external, tmp_path, monkeypatch)
    kconfig.syms["BR2_INSTALL_LIBSTDCPP"].set_value("n")
    shown = [node.prompt[0] for node in kconfig.comments if kconfiglib.expr_value(node.dep)]
    hidden = [
        path.parent.name
        for path in external.glob("package/*/Config.in")
        if re.search(r"^\tdepends on BR2_INSTALL_LIBSTDCPP$", path.read_text(), re.MULTILINE)
    ]
    assert hidden
    for name in hidden:
        assert any(comment.startswith(f"{name} needs") for comment in shown), name


def _packages(external: Path) -> dict[str, dict[str, str]]:
    """What make understands: package -> variable -> value."""
    done = subprocess.run(
        ["make", "-s", "-f", "-", f"BR2_EXTERNAL_EDGEIMG_PATH={external}", "UNZIP=unzip"],
        input=BUILDROOT,
        capture_output=True,
        text=True,
        check=False,
        cwd=external,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, dict[str, str]] = {}
    for line in done.stdout.splitlines():
        package, field, value = line.split("|", 2)
        found.setdefault(package, {})[field] = value
    return found


def test_an_app_of_ones_own_is_not_under_our_licence(tmp_path: Path, session_cache: Path) -> None:
    """It need not have a file LICENSE, which Buildroot's legal-info would ask for."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/CMakeLists.txt").write_text("")
    product = {"board": "qemu-arm64", "models": ["digits"]}
    for app, licence, files in (
        ({}, "Apache-2.0", "LICENSE"),
        ({"app": {"source": "app"}}, "PROPRIETARY", ""),
    ):
        _emit(tmp_path, session_cache, **product, **app)
        found = _packages(tmp_path / "project/external")["edge-infer"]
        assert (found["LICENSE"], found["LICENSE_FILES"]) == (licence, files)


def test_legal_info_has_the_models_licences(external: Path) -> None:
    (name,) = _packages(external)["edge-model"]["LICENSE_FILES"].split()
    said = (external / "package/edge-model/root" / name).read_text()
    assert re.fullmatch(r"digits[a-z-]*: \S.*\n", said)


def test_make_reads_each_package(external: Path) -> None:
    packages = _packages(external)
    assert set(packages) == {path.parent.name for path in external.glob("package/*/Config.in")}
    for name, fields in packages.items():
        for field in ("VERSION", "SITE", "LICENSE"):
            assert fields[field], f"{name} has no {field}"


def test_every_source_and_licence_has_its_hash(external: Path) -> None:
    for name, fields in _packages(external).items():
        if fields["SITE_METHOD"] == "local":
            continue
        lines = (external / f"package/{name}/{name}.hash").read_text().splitlines()
        hashes = [line.split("  ") for line in lines if line and not line.startswith("#")]
        assert all(len(one) == 3 and one[0] == "sha256" for one in hashes), name
        assert all(len(one[1]) == len(hashlib.sha256().hexdigest()) for one in hashes), name
        known = {one[2] for one in hashes}
        source = fields["SOURCE"] or f"{name}-{fields['VERSION']}.tar.gz"
        if fields["SITE_METHOD"] == "git":
            source = next((one for one in known if one.startswith(f"{name}-")), source)
        wanted = {source, *fields["LICENSE_FILES"].split()}
        wanted |= {url.rsplit("/", 1)[-1] for url in fields["EXTRA_DOWNLOADS"].split()}
        assert wanted <= known, name
        # A wheel may hold no licence; all else names the file.
        assert fields["LICENSE_FILES"] or source.endswith(".whl"), name
