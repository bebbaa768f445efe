"""The flash of a board, with U-Boot's environment in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.verify.kit import FakeQemu

from edgeimg.guest.flash import environment, write_flash
from edgeimg.guest.machine import arguments
from edgeimg.guest.qemu import boot
from edgeimg.manifest.board import QemuBoot, QemuFlash

FLASH = QemuFlash(
    size_mib=4, environment_kib=1, environment={"bootdelay": "-2", "bootcmd": "boot it; reset"}
)
# What `mkenvimage -s 1024 -p 0` of u-boot-tools 2023.01 makes of the same variables begins
# with this checksum.
CHECKSUM = bytes.fromhex("ecc48fb3")


def test_the_environment_is_that_of_mkenvimage() -> None:
    data = environment(FLASH)
    assert len(data) == 1024
    assert data[:4] == CHECKSUM
    assert data[4:].rstrip(b"\0") == b"bootcmd=boot it; reset\0bootdelay=-2"


def test_the_flash_is_whole_and_sparse(tmp_path: Path) -> None:
    write_flash(FLASH, tmp_path / "flash.img")
    found = (tmp_path / "flash.img").stat()
    assert found.st_size == 4 << 20
    assert found.st_blocks * 512 < 1 << 20


@pytest.fixture
def disk_boot() -> QemuBoot:
    return QemuBoot(
        disk=("-drive", "if=pflash,unit=1,format=raw,file={flash}"),
        kernel=("-kernel", "{kernel}", "-initrd", "{initrd}", "-append", "{cmdline}"),
    )


def test_only_a_disk_boot_has_it(tmp_path: Path, disk_boot: QemuBoot) -> None:
    qemu = FakeQemu(tmp_path)
    board = qemu.board(flash=FLASH, boot=disk_boot)
    scratch = tmp_path / "a,b"
    scratch.mkdir()
    arguments(board, qemu.artefacts, "kernel", scratch=scratch, serial=[])
    assert not list(scratch.iterdir())
    words = arguments(board, qemu.artefacts, "disk", scratch=scratch, serial=[])
    assert f"if=pflash,unit=1,format=raw,file={tmp_path}/a,,b/flash.img" in words
    assert (scratch / "flash.img").read_bytes().startswith(CHECKSUM)


def test_it_goes_with_the_run(tmp_path: Path, disk_boot: QemuBoot) -> None:
    qemu = FakeQemu(tmp_path)
    boot(qemu.board(flash=FLASH, boot=disk_boot), qemu.artefacts)
    place = re.search(r"if=pflash\S*,file=([^ ,]+)", " ".join(qemu.args()))
    assert place is not None
    assert not Path(place[1]).exists()


def test_a_flash_that_nothing_uses_and_one_that_is_missing(
    tmp_path: Path, disk_boot: QemuBoot
) -> None:
    qemu = FakeQemu(tmp_path)
    with pytest.raises(ValueError, match=r"boot\.disk holds \{flash\}, and there is no `flash`"):
        qemu.board(boot=disk_boot)
    with pytest.raises(ValueError, match=r"flash: boot\.disk does not hold \{flash\}"):
        qemu.board(flash=FLASH)
