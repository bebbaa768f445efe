"""The machine that QEMU starts is the one that `check` judges."""

from __future__ import annotations

from pathlib import Path

from edgeimg.guest.machine import Artefacts, arguments
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import load
from edgeimg.resources import data_root


def test_the_board_s_memory_is_qemu_s(tmp_path: Path) -> None:
    shipped = (data_root() / "boards/qemu-riscv64.yaml").read_text()
    mine = tmp_path / "mine.yaml"
    mine.write_text(shipped.replace("memory_mib: 512", "memory_mib: 2048"))
    machine = load(mine, Board).machine
    assert machine is not None
    for file in ("image", "kernel", "initrd"):
        (tmp_path / file).touch()
    files = Artefacts(
        image=tmp_path / "image",
        kernel=tmp_path / "kernel",
        initrd=tmp_path / "initrd",
        cmdline="",
    )
    words = arguments(machine, files, "kernel", scratch=tmp_path, serial=[])
    assert words[len(words) - 1 - words[::-1].index("-m") + 1] == "2048"


def test_hardware_is_no_machine() -> None:
    assert load(data_root() / "boards/raspberrypi5.yaml", Board).machine is None
