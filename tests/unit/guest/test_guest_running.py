"""A guest that runs until we are through with it; QEMU and ssh play a part."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tests.unit.guest.device_kit import Sandbox
from tests.unit.verify.kit import FakeQemu

from edgeimg.guest.running import running


def test_ssh_is_given_no_path_that_it_would_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "100% of it"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    sandbox, qemu = Sandbox(tmp_path, monkeypatch), FakeQemu(tmp_path)
    qemu.play([], sleep=60)
    with running(qemu.board(), qemu.artefacts) as device:
        assert device.run("echo here", timeout=10).text == "here"
    assert "% of" not in (sandbox.folder / "ssh.args").read_text()
