"""What the post-build script makes of Buildroot's target folder, also when it runs again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgeimg.resources import data

SCRIPT = data("buildroot-external") / "board/common/post-build.sh"
INITTAB = """\
::sysinit:/bin/mount -t proc proc /proc
{line}
::sysinit:/etc/init.d/rcS
"""
WRITABLE = "::sysinit:/bin/mount -o remount,rw /"
READ_ONLY = "::sysinit:/bin/mount -o remount,ro /"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    for name in ("etc/init.d", "etc/edgeimg/init.d"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("S01syslogd", "S49ntp", "S50dropbear"):
        (tmp_path / "etc/init.d" / name).touch()
    (tmp_path / "etc/inittab").write_text(INITTAB.format(line=WRITABLE))
    return tmp_path


def _run(target: Path) -> None:
    for _ in range(2):
        subprocess.run([SCRIPT, target], check=True)


@pytest.mark.parametrize("line", [WRITABLE, f"#{WRITABLE}"])
def test_the_root_is_read_only_with_the_feature_and_not_without(target: Path, line: str) -> None:
    inittab = target / "etc/inittab"
    inittab.write_text(INITTAB.format(line=line))
    feature = target / "etc/edgeimg/read-only-root"
    feature.touch()
    _run(target)
    assert inittab.read_text() == INITTAB.format(line=f"{line}\n{READ_ONLY}")
    feature.unlink()
    _run(target)
    assert inittab.read_text() == INITTAB.format(line=line)


def test_features_start_their_own_daemons(target: Path) -> None:
    _run(target)
    assert (target / "etc/init.d/S50dropbear").exists()
    (target / "etc/edgeimg/init.d/40-ssh").touch()
    (target / "etc/edgeimg/init.d/20-network").touch()
    _run(target)
    assert [path.name for path in (target / "etc/init.d").iterdir()] == ["S01syslogd"]


def test_settings_of_ones_own_stay(target: Path) -> None:
    (target / "etc/default").mkdir()
    (target / "etc/default/syslogd").write_text("SYSLOGD_ARGS=-R192.0.2.1\n")
    _run(target)
    assert (target / "etc/default/syslogd").read_text() == "SYSLOGD_ARGS=-R192.0.2.1\n"
    assert (target / "etc/resolv.conf").readlink() == Path("../run/resolv.conf")
    assert (target / "data").is_dir()
