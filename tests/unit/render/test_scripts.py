"""Scripts of the emitted project that need no packages."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeimg.builders.debian.drive import ERROR
from edgeimg.resources import data

SCRIPTS = data("debian-image") / "scripts"


def _run(folder: Path, script: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / script), *args],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        restore_signals=False,  # SIGXFSZ stays ignored: a write beyond the limit fails
    )


def test_a_link_out_of_the_overlay_is_listed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/all").symlink_to("/")
    (tmp_path / "root/a b").write_text("x")
    assert _run(tmp_path, "list.sh", "build/root.list", "root").returncode == 0
    lines = (tmp_path / "build/root.list").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["root", "root/a b", "root/all"]
    assert lines[2].endswith("\t/")
    before = (tmp_path / "build/root.list").stat().st_mtime_ns
    _run(tmp_path, "list.sh", "build/root.list", "root")
    assert (tmp_path / "build/root.list").stat().st_mtime_ns == before


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A project whose lock names one wheel of 4 MiB, a `file:` URL."""
    content = bytes(4 << 20)
    (tmp_path / "wheel").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    url = f"file:{tmp_path}/wheel"
    row = ("lite", "1", "lite.whl", "", url, str(len(content)), sha256)
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock/wheels.tsv").write_text("\t".join(row) + "\n")
    (tmp_path / "lock/packages.tsv").write_text("")
    return tmp_path


def test_offline_says_what_is_missing(locked: Path) -> None:
    env = {"DOWNLOADS": "pool", "MIRROR": "file:/nowhere", "SNAPSHOT_MIRROR": ""}
    done = _run(locked, "fetch.sh", OFFLINE="yes", **env)
    assert done.returncode == 1
    assert done.stderr == (
        "edgeimg: fetch: OFFLINE is set and 1 of the lock's files are not in pool: lite. "
        "Fetch once without OFFLINE\n"
    )
    assert _run(locked, "fetch.sh", **env).returncode == 0
    assert _run(locked, "fetch.sh", OFFLINE="yes", **env).returncode == 0


def test_a_disk_that_takes_no_more_is_named(locked: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, before[1]))
    try:
        env = {"DOWNLOADS": "pool", "MIRROR": "file:/nowhere", "SNAPSHOT_MIRROR": ""}
        done = _run(locked, "fetch.sh", **env)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.returncode != 0
    assert "edgeimg: fetch: cannot write pool/" in done.stderr
    assert "File too large" in done.stderr


def test_a_module_that_the_kernel_has_not_is_the_build_s_one_line(tmp_path: Path) -> None:
    (tmp_path / "build/linux/modules").mkdir(parents=True)
    (tmp_path / "build/linux/modules/modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    (tmp_path / "list").write_text("# of the board\next4\nnone-such\n")
    done = _run(tmp_path, "modules.sh", "list", "into")
    assert done.returncode != 0
    assert ERROR.match(done.stderr)  # else make's own words stand beside it
    assert "the kernel has no 'none-such'" in done.stderr


@pytest.mark.parametrize("full", [True, False])
def test_a_full_disk_is_no_broken_package(tmp_path: Path, full: bool) -> None:
    """dpkg-deb fails when its output has no room, and the package was called unreadable."""
    limit = "ulimit -f 1; trap '' XFSZ; " if full else ""
    body = f"{limit}step=base; . '{SCRIPTS}/common.sh'; die 'cannot read pool/x'"
    done = subprocess.run(
        ["sh", "-c", body], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    said = "cannot write build/: File too large" if full else "cannot read pool/x"
    assert done.stderr == f"edgeimg: base: {said}\n"
    assert list((tmp_path / "build/tmp").iterdir()) == [tmp_path / "build/tmp/base"]


@pytest.mark.skipif(not shutil.which("dpkg-deb") or not shutil.which("unzip"), reason="needs both")
@pytest.mark.parametrize("role", ["root", "boot", ""])
def test_a_file_of_the_pool_that_was_damaged_is_named_and_goes(locked: Path, role: str) -> None:
    (locked / "scripts").symlink_to(SCRIPTS)
    wheels = (locked / "lock/wheels.tsv").read_text().replace("\t\t", "\tl.so\t")
    (locked / "lock/wheels.tsv").write_text(wheels)
    if role:
        row = wheels.split()
        packages = (role, "one", "1", "debian", "one.deb", row[-2], row[-1])
        (locked / "lock/packages.tsv").write_text("\t".join(packages) + "\n")
        (locked / "lock/wheels.tsv").write_text("")
    file = locked / "pool" / hashlib.sha256((locked / "wheel").read_bytes()).hexdigest()
    file.parent.mkdir()
    file.write_bytes(b"cut short")
    env = {"DOWNLOADS": "pool", "ARCHITECTURE": "arm64", "RUNTIME_LIBRARY": "usr/lib/l.so"}
    done = _run(locked, "base.sh", **env)
    assert done.returncode == 1
    said = f"edgeimg: base: pool/{file.name} was damaged, and is removed: run it again"
    assert said in done.stderr, done.stderr
    assert not file.exists()
