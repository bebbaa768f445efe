"""The emitted project driven against a stand-in for Buildroot, with the real make and scripts."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.builders.kit import Trial, make_checkout

from edgeimg.builders.image import plain_environment
from edgeimg.cache import Cache
from edgeimg.errors import InternalError, UserError, UserErrors
from edgeimg.resources import data


def test_a_build_counts_packages_and_hands_out_its_files(trial: Trial) -> None:
    image = trial.build()
    assert trial.steps == ["config", "packages", "build", "sbom", "images"]
    total = trial.progress[-1].total
    assert total >= 30
    assert [one.done for one in trial.progress] == sorted(one.done for one in trial.progress)
    assert trial.progress[-1].done == total
    assert "Generating filesystem image rootfs.squashfs" in trial.progress[-2].detail + "".join(
        one.detail for one in trial.progress
    )
    images = trial.project / "build/images"
    assert sorted(path.name for path in images.iterdir()) == [
        "SHA256SUMS",
        "digits.img",
        "digits.img.bmap",
        "digits.img.zst",
        "image.json",
        "kernel",
        "root.squashfs",
        "sbom.cdx.json",
    ]
    described = json.loads((images / "image.json").read_text())
    assert described["board"] == "qemu-arm64"
    assert described["buildroot"] == "2026.02.3"
    digest = hashlib.sha256(image.disk.read_bytes()).hexdigest()
    assert described["files"]["digits.img"] == {"size": 10, "sha256": digest}
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=images, check=True)
    assert image.root.name == "root.squashfs"
    assert ">>> busybox" in (trial.project / "build/edgeimg.log").read_text()


def test_nothing_is_written_into_the_checkout(trial: Trial) -> None:
    before = sorted(trial.checkout.rglob("*"))
    trial.build()
    assert sorted(trial.checkout.rglob("*")) == before


def test_nothing_is_built_twice(trial: Trial) -> None:
    trial.build()
    before = (trial.project / "build/images/digits.img.zst").stat().st_mtime_ns
    trial.build()
    assert trial.packages == []
    assert "packages" not in trial.steps
    assert (trial.project / "build/images/digits.img.zst").stat().st_mtime_ns == before


def test_a_changed_model_rebuilds_its_package_alone(trial: Trial) -> None:
    trial.build()
    trial.product["models"] = ["digits-float"]
    trial.build()
    assert trial.packages == ["edge-model"]


def test_a_changed_app_rebuilds_its_package_alone(trial: Trial) -> None:
    trial.build()
    source = trial.folder / "app"
    shutil.copytree(data("app"), source)
    (source / "src/main.cc").write_text("int main() { return 0; }\n")
    trial.product["app"] = {"source": str(source)}
    trial.build()
    assert trial.packages == ["edge-infer"]


def test_a_changed_kernel_configuration_rebuilds_the_kernel_alone(trial: Trial) -> None:
    trial.build()
    trial.product["kernel"] = {"config": {"CONFIG_USB": "y"}}
    trial.build()
    assert trial.packages == ["linux"]
    trial.build()
    assert trial.packages == []


def test_a_kernel_of_a_branch_is_built_again_too(trial: Trial) -> None:
    # A real .config has this symbol, whichever kernel it is; the stand-in has the defconfig's.
    config = {"BR2_LINUX_KERNEL_VERSION": "release/6.12:vendor"}
    trial.product["buildroot"] = {"config": config}
    trial.build()
    build = trial.project / "build/output/build"
    (build / "linux-custom").rename(build / "linux-release_6.12_vendor")
    others = [build / name for name in ("linux-headers-6.12", "linux-firmware-20250101")]
    for folder in others:
        folder.mkdir()
    trial.product["kernel"] = {"config": {"CONFIG_USB": "y"}}
    trial.build()
    assert not (build / "linux-release_6.12_vendor").exists()
    assert all(folder.exists() for folder in others)


@pytest.mark.parametrize("own", [True, False])
def test_what_left_a_package_leaves_the_target_of_packages_with_their_own_folders(
    trial: Trial, own: bool
) -> None:
    config = {"BR2_PER_PACKAGE_DIRECTORIES": "y"} if own else {}
    trial.product["buildroot"] = {"config": config}
    trial.build()
    target = trial.project / "build/output/target"
    target.mkdir()
    trial.build()
    assert target.exists()
    trial.product["models"] = ["digits-float"]
    trial.build()
    assert target.exists() is not own


def test_a_symbol_that_goes_makes_everything_anew_and_one_that_comes_does_not(
    trial: Trial,
) -> None:
    trial.build()
    everything = len(trial.progress)
    trial.product["buildroot"] = {"config": {"BR2_PACKAGE_STRACE": "y"}}
    trial.build()
    assert trial.packages == []
    del trial.product["buildroot"]
    trial.build()
    assert trial.steps[:3] == ["config", "clean:", "packages"]
    assert len(trial.progress) == everything


def test_a_file_that_leaves_the_overlay_leaves_the_target(trial: Trial) -> None:
    overlay = trial.folder / "overlay"
    (overlay / "etc").mkdir(parents=True)
    (overlay / "etc/motd").write_text("hello\n")
    (overlay / "etc/kept").write_text("hello\n")
    trial.product["overlay"] = str(overlay)
    trial.build()
    target = trial.project / "build/output/target"
    target.mkdir()
    (overlay / "etc/motd").unlink()
    trial.build()
    assert "install" in trial.steps
    assert not target.exists()


def test_a_failure_names_package_step_and_log_and_keeps_its_last_lines(trial: Trial) -> None:
    trial.trouble("fail host-util-linux")
    with pytest.raises(InternalError) as caught:
        trial.build()
    error = caught.value
    assert error.message == (
        "the build failed: host-util-linux, download: no server has its source"
    )
    assert "project/build/edgeimg.log" in error.hint
    (note,) = error.__notes__
    assert len(note.splitlines()) == 30
    assert "unable to resolve host address" in note


def test_after_a_failure_the_next_run_goes_on_from_there(trial: Trial) -> None:
    trial.trouble("fail host-util-linux")
    with pytest.raises(InternalError):
        trial.build()
    built = trial.progress[-1].done - 1
    (trial.checkout / "trouble").unlink()
    trial.build()
    assert "packages" not in trial.steps
    assert trial.packages[0] == "host-util-linux"
    assert trial.progress[0].done == built + 1
    assert trial.progress[0].total == trial.progress[-1].done


def test_ctrl_c_ends_all_and_the_next_run_goes_on(trial: Trial) -> None:
    trial.trouble("wait busybox")

    def stop() -> None:
        """As Ctrl-C does, once busybox is being built."""
        if trial.packages and trial.packages[-1] == "busybox":
            raise KeyboardInterrupt

    class Watching(list[object]):
        def append(self, event: object) -> None:
            super().append(event)
            stop()

    trial.events = Watching()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        trial.build()
    waiting = subprocess.run(
        ["pgrep", "-f", f"fake_buildroot.py {trial.project}"], check=False, capture_output=True
    )
    assert waiting.stdout == b""
    (trial.checkout / "trouble").unlink()
    trial.events = []
    trial.build()
    assert trial.packages[0] == "busybox"


def test_what_buildroot_drops_is_an_error_with_its_place(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial.product["buildroot"] = {"config": {"BR2_PACKAGE_DROPPED": "y", "BR2_PACKAGE_GONE": "y"}}
    seen = []

    def explain(dropped: object, places: object, *folders: Path) -> list[UserError]:
        seen.append(dropped)
        return [UserError("why")]

    monkeypatch.setattr("edgeimg.builders.buildroot.drive.explain", explain)
    with pytest.raises(UserErrors):
        trial.build()
    assert seen == [[("BR2_PACKAGE_DROPPED", "y"), ("BR2_PACKAGE_GONE", "y")]]
    assert trial.progress == []
    with pytest.raises(UserErrors):  # again, and not only the first time
        trial.build()


def test_the_environment_beside_ours_stays_in_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/opt/venv")
    monkeypatch.setenv("PATH", "/opt/venv/bin:/opt/venv-tools/bin:/usr/bin")
    assert plain_environment()["PATH"] == "/opt/venv-tools/bin:/usr/bin"


def test_our_variables_do_not_reach_what_is_built(trial: Trial) -> None:
    makefile = trial.checkout / "Makefile"
    makefile.write_text(makefile.read_text().replace("all:\n", "all:\n\t@env > $(O)/seen\n"))
    trial.build()
    seen = (trial.project / "build/output/seen").read_text().splitlines()
    names = {line.partition("=")[0] for line in seen}
    assert not names & {"BOARD", "PRODUCT", "KERNEL", "OUTPUT", "TOLD", "VIRTUAL_ENV"}
    assert not any("VIRTUAL_ENV" in line for line in seen)
    cache = Cache().root
    assert f"BR2_DL_DIR={cache}/buildroot-downloads" in " ".join(seen)
    assert f"BR2_CCACHE_DIR={cache}/ccache" in " ".join(seen)


def test_the_wheel_is_lent_and_kept(trial: Trial, tmp_path: Path) -> None:
    plan = trial.plan()
    assert plan.runtime.wheel is not None
    lent = Cache().folder("buildroot-downloads") / plan.runtime.name / plan.runtime.wheel.file
    lent.unlink(missing_ok=True)
    pooled = Cache().downloads / plan.runtime.wheel.sha256
    pooled.write_bytes(b"not the wheel")  # a spoilt one is not lent
    trial.build()
    assert not lent.exists()
    assert not pooled.exists()


@pytest.mark.parametrize("found", ["2021.02", "2026.08"])
def test_another_release_is_refused(trial: Trial, found: str) -> None:
    shutil.rmtree(trial.checkout)
    make_checkout(trial.checkout, found)
    with pytest.raises(UserError, match=f"is Buildroot {found}, and 2026.02.3 is needed"):
        trial.build()


def test_a_folder_without_buildroot_is_refused(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEIMG_BUILDROOT", str(tmp_path))
    with pytest.raises(UserError, match="is no checkout of Buildroot"):
        trial.build()


def _emitted(trial: Trial) -> Path:
    trial.build()
    shutil.rmtree(trial.project / "build")
    return trial.project


def _make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "-C", str(folder), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_plain_make_does_all_of_it(trial: Trial) -> None:
    project = _emitted(trial)
    done = _make(project, f"BUILDROOT={trial.checkout}")
    assert done.returncode == 0, done.stderr
    assert (project / "build/images/digits.img.zst").exists()
    assert (project / "build/images/sbom.cdx.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["BUILDROOT=/nowhere"], "check: there is no Buildroot in /nowhere"),
        (["BUILDROOT={checkout}", "OUTPUT=/tmp/a b"], "check: a path with a blank"),
        (["BUILDROOT={checkout}", f"OUTPUT={{project}}/{'x' * 190}"], "starts no script"),
        (["BUILDROOT={checkout}", "OUTPUT={project}/a@b"], "takes no ':' and no '@'"),
        (["OFFLINE=yes"], "check: OFFLINE is set and there is no Buildroot 2026.02.3"),
        (["BUILDROOT={checkout}", "DEFCONFIG=nowhere"], "has no board nowhere"),
        (["BUILDROOT={checkout}", "RELEASE=2027.02"], "is Buildroot 2026.02.3, and this"),
    ],
    ids=["none", "blank", "long", "at", "offline", "board", "release"],
)
def test_what_cannot_work_is_said_first(trial: Trial, words: list[str], said: str) -> None:
    project = _emitted(trial)
    filled = [word.format(checkout=trial.checkout, project=project) for word in words]
    done = _make(project, *filled)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if "edgeimg: " in line]
    assert said in line
    assert "step config" not in done.stdout


def test_a_full_disk_is_said_first(trial: Trial, tmp_path: Path) -> None:
    project = _emitted(trial)
    (tmp_path / "bin").mkdir()
    df = tmp_path / "bin/df"
    df.write_text("#!/bin/sh\necho Filesystem 1024-blocks Used Available\necho x 9 8 1048576 /\n")
    df.chmod(0o755)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    command = ["make", "-C", str(project), f"BUILDROOT={trial.checkout}", "config"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PATH": path}
    )
    assert "edgeimg: check: only 1 GiB are free" in done.stderr


def test_offline_asks_no_server(trial: Trial) -> None:
    makefile = trial.checkout / "Makefile"
    told = "all:\n\t@echo $(BR2_PRIMARY_SITE_ONLY) $(BR2_PRIMARY_SITE) > $(O)/site\n"
    makefile.write_text(makefile.read_text().replace("all:\n", told))
    trial.build(offline=True)
    output = trial.project.resolve() / "build/output"
    assert (output / "site").read_text() == f"y file:{output}/no-network\n"
    assert "note" in trial.steps
    trial.product["buildroot"] = {"primary_site": "file:///srv/sources"}
    trial.build(offline=True)
    assert (output / "site").read_text().split() == ["y"]
    assert 'BR2_PRIMARY_SITE="file:///srv/sources"' in (output / ".config").read_text()


def test_the_menu_gives_back_what_was_changed(trial: Trial) -> None:
    project = _emitted(trial)
    done = _make(project, "-s", f"BUILDROOT={trial.checkout}", "menuconfig")
    assert done.returncode == 0, done.stderr
    from edgeimg.builders.buildroot.menu import read_lines

    lines = read_lines((project / "build/menuconfig").read_text())
    assert lines.pop("BR2_PACKAGE_STRACE") == "y"
    assert lines.pop("BR2_TARGET_GENERIC_ISSUE") == "5 $ a day"
    assert list(lines) == ["BR2_ROOTFS_OVERLAY", "BR2_ROOTFS_POST_BUILD_SCRIPT"]
