"""The emitted project: buildable without edgeimg, to the same bytes, whatever interrupts it."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.qemu.conftest import Built, environment, run_edgeimg, write_product

from edgeimg.catalog.runtimes import Runtime
from edgeimg.manifest.load import load
from edgeimg.resources import data

pytestmark = pytest.mark.qemu


def _sums(project: Path) -> str:
    return (project / "build/images/SHA256SUMS").read_text()


def _copy(built: Built, to: Path) -> Path:
    """The emitted project without anything that was built."""
    subprocess.run(["cp", "-a", built.project, to], check=True)
    subprocess.run(["rm", "-rf", to / "build", to / ".edgeimg-files"], check=True)
    return to


def test_make_alone_builds_the_same_bytes(built: Built, tmp_path: Path) -> None:
    """Without edgeimg, its environment and, where the tests are root's, without root."""
    project = _copy(built, tmp_path / "elsewhere")
    pool = tmp_path / "pool"
    subprocess.run(
        ["cp", "-al", Path(environment()["EDGEIMG_CACHE"]) / "downloads", pool], check=True
    )
    command = ["sh", "-c", f"umask 077; cd {project} && make DOWNLOADS={pool}"]
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", "nobody", project, pool], check=True)
        for parent in (tmp_path, *tmp_path.parents):
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(
        command,
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert _sums(project) == _sums(built.project)


def test_nothing_changed_is_nothing_done(built: Built) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.images.iterdir()}
    done = run_edgeimg(built.folder, "build", "--locked", "--offline")
    assert done.status == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in built.images.iterdir()} == before


def test_what_was_taken_away_is_made_again(built: Built) -> None:
    before = _sums(built.project)
    product = built.project.name.removesuffix("-qemu-arm64")
    for name in (f"{product}.img", "kernel"):
        (built.images / name).unlink()
    shutil.rmtree(built.project / "build/linux")
    shutil.rmtree(built.project / "build/esp")
    (built.images / f"{product}.img.bmap").write_text("")
    done = run_edgeimg(built.folder, "build", "--locked", "--offline")
    assert done.status == 0, done.stderr
    assert _sums(built.project) == before
    subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=built.images, check=True)


def test_the_app_is_compiled_once_for_all_products(built: Built) -> None:
    before = _sums(built.project)
    shutil.rmtree(built.project / "build/app")
    (built.project / "build/edge-infer").unlink()
    hits = _cache_hits()
    done = run_edgeimg(built.folder, "build", "--locked", "--offline")
    assert done.status == 0, done.stderr
    # This folder is a copy: the first one was compiled elsewhere.
    assert _cache_hits() - hits >= 25
    assert _sums(built.project) == before


# The wheel's file name says 2.27 of arm64.
def test_the_wheels_library_wants_the_c_library_that_the_catalogue_says(built: Built) -> None:
    library = built.project / "build/base/usr/lib/libLiteRt.so"
    said = subprocess.check_output(["readelf", "--version-info", library], text=True)
    wanted = {tuple(map(int, one.split("."))) for one in re.findall(r"\bGLIBC_([\d.]+)", said)}
    runtime = load(data("catalog") / "runtimes/litert.yaml", Runtime)
    wheel = runtime.releases[0].wheels["arm64"]
    assert tuple(map(int, str(wheel.glibc).split("."))) == max(wanted)


def _cache_hits() -> int:
    folder = f"{environment()['EDGEIMG_CACHE']}/ccache"
    said = subprocess.check_output(["ccache", "--print-stats"], env={"CCACHE_DIR": folder})
    counters = dict(line.split("\t") for line in said.decode().splitlines())
    return int(counters["direct_cache_hit"]) + int(counters["preprocessed_cache_hit"])


def test_an_app_that_does_not_compile_says_where(built: Built, tmp_path: Path) -> None:
    project = tmp_path / "broken"
    subprocess.run(["cp", "-a", built.project, project], check=True)
    # The first that is compiled; what comes after it is not waited for.
    with (project / "app/src/camera.cc").open("a") as file:
        file.write("int broken = nowhere;\n")
    downloads = Path(environment()["EDGEIMG_CACHE"]) / "downloads"
    done = subprocess.run(
        ["make", f"DOWNLOADS={downloads}", "build/edge-infer"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("edgeimg: app:")]
    assert len(said) == 1
    assert "edgeimg: app: app does not compile: app/src/camera.cc:" in said[0]
    assert "nowhere" in said[0]


def test_killed_at_any_moment_it_ends_with_the_same_bytes(built: Built, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    write_product(folder, board="qemu-arm64")
    (folder / "edgeimg.lock").write_bytes((built.folder / "edgeimg.lock").read_bytes())
    moments = random.Random()
    seed = moments.randrange(1 << 32)
    moments.seed(seed)
    print(f"seed {seed}")
    command = [sys.executable, "-m", "edgeimg", "build", "--offline"]
    for number in range(8):
        running = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(moments.uniform(0.1, 1.0 + number))
        # Every second time politely, as Ctrl-C does.
        running.send_signal(signal.SIGINT if number % 2 else signal.SIGKILL)
        running.wait(60)
    done = run_edgeimg(folder, "build", "--offline")
    assert done.status == 0, done.stderr
    assert _sums(folder / "build" / built.project.name) == _sums(built.project)


def test_one_edgeimg_a_project_at_a_time(built: Built, tmp_path: Path) -> None:
    from edgeimg.builders.image import holding

    with holding(built.project):
        done = run_edgeimg(built.folder, "build")
    assert done.status == 2
    assert "another edgeimg works on this project" in done.stderr


def test_the_image_says_what_is_in_it(built: Built) -> None:
    import json

    sbom = json.loads((built.images / "sbom.spdx.json").read_text())
    assert sbom["spdxVersion"] == "SPDX-2.3"
    names = {package["name"] for package in sbom["packages"]}
    assert {"libc6", "busybox-static", "ai-edge-litert", "edge-infer"} <= names
    assert any("digits" in name for name in names)
    image = json.loads((built.images / "image.json").read_text())
    assert image["board"] == "qemu-arm64"


def test_the_sbom_is_valid_spdx(built: Built) -> None:
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    document = parse_file(str(built.images / "sbom.spdx.json"))
    assert [one.validation_message for one in validate_full_spdx_document(document)] == []


def test_offline_without_downloads_is_one_line(built: Built, tmp_path: Path) -> None:
    folder = tmp_path / "offline"
    write_product(folder, board="qemu-arm64")
    (folder / "edgeimg.lock").write_bytes((built.folder / "edgeimg.lock").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "edgeimg", "build", "--offline"],
        cwd=folder,
        env={**environment(), "EDGEIMG_CACHE": str(tmp_path / "empty")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "fetch" in errors[0]
    assert "OFFLINE" in errors[0]
    assert not list((tmp_path / "empty/downloads").iterdir())
