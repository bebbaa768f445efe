"""What the recipes' own functions do, run as BitBake expands them, without a compiler."""

from __future__ import annotations

import hashlib
import shutil
import stat
import subprocess
import textwrap
import types
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from tests.unit.render.bitbake_stub.kit import Parsed, Project, Recipe, build_folder, emit, parse

from edgeimg.errors import UserError
from edgeimg.resources import data

SIGNER = "RWRP8Y3CU1z4qgV28kQ0pDnGttDM0ovb3u7vYNCWLwgGfH6AyADe/w81"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ000000000000000000000000000000000000000000 test"
NAMES = ("${@os.system('touch ran')}", "$(touch ran)", " a ", "b \"'\\", "-n", "*", "ü 🙂")

SYSTEMD = data("debian-image") / "features/systemd/root"


def _overlay(folder: Path) -> None:
    for name in NAMES:
        (folder / "opt" / name).mkdir(parents=True)
        (folder / "opt" / name / name).write_text(name)
    for name, mode in {
        "etc/secret": 0o600,
        "etc/tool": 0o700,
        "bin/hello": 0o755,
        "root/.profile": 0o644,
        "etc/resolv.conf": 0o664,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
        (folder / name).chmod(mode)
    for name in ("srv/ b ", "tmp", "lib/firmware", "new"):
        (folder / name).mkdir(parents=True)
    (folder / "etc/zone").symlink_to("/usr/share/zoneinfo/UTC")
    (folder / "srv/link").symlink_to("/ -> x")
    (folder / "srv/empty").symlink_to("-n b")
    (folder / "new/place").symlink_to("..")


def _project(folder: Path, cache: Path, series: str, model: str) -> Project:
    _overlay(folder / "overlay")
    return emit(
        folder,
        cache,
        board="qemu-arm64",
        models=[model],
        overlay="overlay",
        features={
            "network": {},
            "ssh": {"authorized_keys": [KEY]},
            "deploy": {"keys": [SIGNER], "trial_seconds": 20},
        },
        yocto={"series": series, "golden": True},
    )


@pytest.fixture(scope="module")
def projects(
    tmp_path_factory: pytest.TempPathFactory, session_cache: Path
) -> list[tuple[Project, Parsed]]:
    folder = tmp_path_factory.mktemp("install")
    projects = [
        _project(folder / series, session_cache, series, model)
        for series, model in (("wrynose", "digits"), ("scarthgap", "digits-onnx"))
    ]
    builds = [
        (build_folder(one, "build", one.sample("local.conf")), one.recipes) for one in projects
    ]
    return list(zip(projects, parse(builds), strict=True))


@pytest.fixture(params=[0, 1], ids=["wrynose", "scarthgap"])
def emitted(
    request: pytest.FixtureRequest, projects: list[tuple[Project, Parsed]]
) -> tuple[Project, Parsed]:
    return projects[request.param]


def _run(recipe: Recipe, function: str) -> None:
    """A shell function, as BitBake runs it: it ends with the first command that fails."""
    work = Path(recipe.values["WORKDIR"])
    work.mkdir(parents=True, exist_ok=True)
    script = work / function
    script.write_text(recipe.values[function], encoding="utf-8")
    command = ["sh", "-e", str(script)]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _installed(recipe: Recipe) -> dict[str, int]:
    """Path -> permissions of what `do_install` made; all of it is in a package."""
    source = Path(recipe.values["S"])
    for word in recipe.words("SRC_URI"):
        # A file that is not unpacked into S is a class's.
        if word.startswith("file://") and ";subdir=" in word:
            path = word.removeprefix("file://").split(";")[0]
            found = next(Path(one) / path for one in recipe.folders if (Path(one) / path).exists())
            source.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                shutil.copytree(found, source / path)
            else:
                shutil.copy(found, source / path)
    _run(recipe, "do_install")
    root = Path(recipe.values["D"])
    modes = {
        f"/{path.relative_to(root)}": stat.S_IMODE(path.lstat().st_mode)
        for path in root.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    packages = [recipe.words(name) for name in (f"FILES:{recipe.values['PN']}-dev", "FILES")]
    for path in modes:
        patterns = [one for package in packages for one in package]
        assert any(fnmatch(path, one) or path.startswith(f"{one}/") for one in patterns), path
    return modes


def test_the_app_installs_what_starts_it(emitted: tuple[Project, Parsed]) -> None:
    recipe = emitted[1].recipes["edge-infer"]
    assert _installed(recipe) == {
        "/etc/edgeimg/verify.conf": 0o644,
        "/usr/lib/edgeimg/features": 0o755,
        "/usr/lib/edgeimg/lines.awk": 0o644,
        "/usr/lib/edgeimg/service": 0o755,
        "/usr/lib/edgeimg/verify": 0o755,
        "/usr/lib/systemd/system-generators/edgeimg": 0o755,
        "/usr/lib/systemd/system/edge-infer@.service": 0o644,
        "/usr/lib/systemd/system/edgeimg-features.service": 0o644,
        "/usr/lib/systemd/system/multi-user.target.d/edgeimg.conf": 0o644,
    }
    for path in (
        "usr/lib/edgeimg/service",  # of two with this name, the one for systemd
        "usr/lib/systemd/system-generators/edgeimg",
        "usr/lib/systemd/system/multi-user.target.d/edgeimg.conf",
    ):
        installed = Path(recipe.values["D"]) / path
        assert installed.read_bytes() == (SYSTEMD / path).read_bytes()


def test_models_are_installed_for_everybody_to_read(emitted: tuple[Project, Parsed]) -> None:
    project, parsed = emitted
    modes = _installed(parsed.recipes["edge-model"])
    (model,) = project.plan.models
    assert modes.keys() >= {f"/etc/edge-infer/{model.name}.json", model.image_file}
    assert len([path for path in modes if path.startswith(model.image_samples)]) == 16
    assert set(modes.values()) == {0o644}


def test_expected_outputs_are_installed(emitted: tuple[Project, Parsed]) -> None:
    project, parsed = emitted
    modes = _installed(parsed.recipes["edge-model-golden"])
    (model,) = project.plan.models
    folder = f"/usr/share/edge-infer-golden/{model.name}"
    expected = {
        f"{folder}/{mode}/{name}"
        for mode in project.plan.runtime.kernel_modes
        for name in ("tolerance.json", *(f"{sample.name}.0.bin" for sample in model.samples))
    }
    assert set(modes) == expected
    assert set(modes.values()) == {0o644}


def test_keys_are_for_root_alone(emitted: tuple[Project, Parsed]) -> None:
    recipe = emitted[1].recipes["edge-ssh-keys"]
    assert _installed(recipe) == {"/root/.ssh/authorized_keys": 0o600}
    assert stat.S_IMODE((Path(recipe.values["D"]) / "root/.ssh").stat().st_mode) == 0o700


def test_what_takes_a_deploy_is_installed_with_the_products_keys(
    emitted: tuple[Project, Parsed],
) -> None:
    recipe = emitted[1].recipes["edge-deploy"]
    assert _installed(recipe) == {
        "/etc/edgeimg/deploy.conf": 0o644,
        "/etc/edgeimg/keys": 0o644,
        "/usr/lib/edgeimg/deploy": 0o755,
        "/usr/lib/edgeimg/deployed": 0o644,
    }
    into = Path(recipe.values["D"])
    assert (into / "etc/edgeimg/keys").read_text() == f"{SIGNER}\n"
    assert "TRIAL_SECONDS=20\n" in (into / "etc/edgeimg/deploy.conf").read_text()
    assert recipe.words("RDEPENDS") == ["edge-infer", "minisign", "systemd-extra-utils"]


def test_the_library_comes_out_of_the_wheel(emitted: tuple[Project, Parsed]) -> None:
    project, parsed = emitted
    runtime = project.plan.runtime
    assert runtime.yocto is not None and runtime.wheel is not None
    recipe = parsed.recipes[str(runtime.yocto.recipe)]
    files = Path(recipe.values["EDGEIMG_FILES"])
    files.mkdir(parents=True)
    with zipfile.ZipFile(files / runtime.wheel.file, "w") as wheel:
        wheel.writestr(runtime.wheel.member, "library")
    if "HEADER" in recipe.values:
        (files / recipe.values["HEADER"]).write_text("header")
    store = types.SimpleNamespace(getVar=recipe.values.get)
    body = recipe.values["do_unpack"].split("\n", 1)[1]
    exec(textwrap.dedent(body), {"d": store})
    expected = {
        "litert": {"/usr/lib/libLiteRt.so": 0o755},
        "onnxruntime": {
            "/usr/include/onnxruntime/onnxruntime_c_api.h": 0o644,
            "/usr/lib/libonnxruntime.so": 0o777,
            "/usr/lib/libonnxruntime.so.1": 0o777,
            "/usr/lib/libonnxruntime.so.1.28.0": 0o755,
        },
    }
    assert _installed(recipe) == expected[runtime.name]
    library = Path(recipe.values["D"]) / "usr/lib" / Path(runtime.wheel.member).name
    assert library.read_text() == "library"


def test_licences_are_those_of_the_files(emitted: tuple[Project, Parsed]) -> None:
    """An MD5 of LIC_FILES_CHKSUM that does not fit would end a build."""
    for name in ("edge-infer", "edge-model"):
        recipe = emitted[1].recipes[name]
        (uri,) = recipe.words("LIC_FILES_CHKSUM")
        path, md5 = uri.removeprefix("file://").split(";md5=")
        found = next(Path(one) / path for one in recipe.folders if (Path(one) / path).exists())
        assert hashlib.md5(found.read_bytes(), usedforsecurity=False).hexdigest() == md5


def test_the_overlay_holds_no_links(emitted: tuple[Project, Parsed]) -> None:
    """BitBake would follow them on the machine that builds."""
    images = emitted[0].layer / "recipes-core/images"
    links = [path for path in (images / "overlay").rglob("*") if path.is_symlink()]
    assert links == []
    assert "link /srv/link -> / -> x\n" in (images / "overlay.txt").read_text()


def test_the_overlay_is_laid_last(emitted: tuple[Project, Parsed]) -> None:
    commands = emitted[1].recipes["t-image"].words("ROOTFS_POSTPROCESS_COMMAND")
    assert commands == ["overlay_files", "overlay_files"]


def test_a_link_with_an_arrow_in_its_name_is_refused(tmp_path: Path, session_cache: Path) -> None:
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay/a -> b").symlink_to("c")
    with pytest.raises(UserError, match="overlay: a -> b is a link with an arrow in its name"):
        emit(tmp_path, session_cache, board="qemu-arm64", models=["digits"], overlay="overlay")


def test_the_overlay_lies_over_the_image(emitted: tuple[Project, Parsed], tmp_path: Path) -> None:
    recipe = emitted[1].recipes["t-image"]
    # Its text is part of the signature of do_rootfs.
    assert "overlay_files" in recipe.uses["do_rootfs"]
    root = Path(recipe.values["IMAGE_ROOTFS"])
    for name, mode in {"usr/bin": 0o755, "usr/lib": 0o755, "tmp": 0o1777, "root": 0o700}.items():
        (root / name).mkdir(parents=True)
        (root / name).chmod(mode)
    for name in ("bin", "lib"):
        (root / name).symlink_to(f"usr/{name}")
    outside = tmp_path / "outside"
    outside.write_text("the host's")
    (root / "etc").mkdir()
    (root / "etc/resolv.conf").symlink_to(outside)
    # A link of the overlay takes the place of a file, of a link to a folder, of an empty folder.
    (root / "etc/zone").write_text("the image's")
    (root / "srv").mkdir()
    (root / "srv/link").symlink_to("../usr")
    (root / "srv/empty").mkdir()
    _run(recipe, "overlay_files")
    _run(recipe, "overlay_files")

    assert outside.read_text() == "the host's"
    for name in NAMES:
        assert (root / "opt" / name / name).read_text() == name
    modes = {
        str(path.relative_to(root)): stat.S_IMODE(path.lstat().st_mode)
        for path in root.rglob("*")
        if "opt" not in path.parts and not path.is_symlink()
    }
    assert modes == {
        "etc": 0o755,
        "etc/resolv.conf": 0o644,
        "etc/secret": 0o600,
        "etc/tool": 0o700,
        "new": 0o755,
        "root": 0o700,
        "root/.profile": 0o644,
        "srv": 0o755,
        "srv/ b ": 0o755,
        "tmp": 0o1777,
        "usr": 0o755,
        "usr/bin": 0o755,
        "usr/bin/hello": 0o755,
        "usr/lib": 0o755,
        "usr/lib/firmware": 0o755,
    }
    assert (root / "etc/zone").readlink() == Path("/usr/share/zoneinfo/UTC")
    assert (root / "srv/link").readlink() == Path("/ -> x")
    assert (root / "srv/empty").readlink() == Path("-n b")
    assert (root / "new/place").readlink() == Path("..")
    assert sorted((root / "usr").iterdir()) == [root / "usr/bin", root / "usr/lib"]
    assert list(Path(recipe.values["WORKDIR"]).rglob("ran")) == []
