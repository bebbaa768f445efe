"""menuconfig and --buildroot on the command line."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable

from tests.locks import fake_lock
from tests.unit.builders.kit import Trial

from edgeimg.prepare.lock import write_lock


def _on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Runs edgeimg with a terminal of its own; status and all that it showed."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edgeimg", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            shown += data
        os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def test_what_the_menu_changes_is_kept_in_the_product(trial: Trial) -> None:
    write_lock(trial.folder / "edgeimg.lock", fake_lock(trial.plan()))
    file = trial.folder / "edgeimg.yaml"
    before = file.read_text()
    file.write_text(f"{before}buildroot:\n  config:\n    BR2_ROOTFS_OVERLAY: /mine\n")
    status, shown = _on_a_terminal(
        "menuconfig", "--file", str(file), "--buildroot", str(trial.checkout)
    )
    assert status == 0, shown
    assert "kept in buildroot.config:\n    BR2_PACKAGE_STRACE: y\n" in shown
    assert "BR2_ROOTFS_POST_BUILD_SCRIPT: not kept." in shown
    assert file.read_text() == (
        f"{before}buildroot:\n  config:\n    BR2_PACKAGE_STRACE: y\n"
        '    BR2_ROOTFS_OVERLAY: "/mine /mine/too"\n'
        '    BR2_TARGET_GENERIC_ISSUE: "5 $ a day"\n'
    )


def test_the_menu_needs_a_terminal_and_buildroot(
    edgeimg: Callable[..., object], trial: Trial
) -> None:
    trial.plan()
    answer = edgeimg("menuconfig", "--file", trial.folder / "edgeimg.yaml")
    assert "there is no terminal for the menu" in str(answer)
    answer = edgeimg("menuconfig", "--board", "qemu-arm64", "--builder", "debian")
    assert "the builder debian has no menu" in str(answer)


def test_the_last_lines_of_a_failed_build_are_shown_before_the_error(
    edgeimg: Callable[..., object], trial: Trial
) -> None:
    write_lock(trial.folder / "edgeimg.lock", fake_lock(trial.plan()))
    trial.trouble("fail host-util-linux")
    answer = edgeimg("build", "--file", trial.folder / "edgeimg.yaml")
    lines = answer.stderr.splitlines()  # type: ignore[attr-defined]
    assert sum(line.startswith("  | ") for line in lines) == 30
    assert lines[-1].startswith("error: the build failed: host-util-linux, download: ")
