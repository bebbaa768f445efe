"""QEMU's command line."""

from __future__ import annotations

import os
import pty
import termios
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.verify.kit import FakeQemu

from edgeimg.errors import UserError
from edgeimg.guest.machine import Artefacts, arguments, qemu_version
from edgeimg.guest.qemu import run_console


@pytest.fixture
def qemu(tmp_path: Path) -> FakeQemu:
    return FakeQemu(tmp_path)


def test_the_whole_line(qemu: FakeQemu) -> None:
    words = arguments(
        qemu.board(),
        qemu.artefacts,
        "kernel",
        scratch=qemu.folder,
        serial=["-serial", "stdio"],
        stream=qemu.folder / "a,b.tar",
        ssh_port=2222,
    )
    folder = str(qemu.folder)
    assert words == [
        str(qemu.program),
        *("-M", "virt", "-cpu", "cortex-a53", "-accel", "tcg"),
        *("-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio"),
        *("-drive", f"if=none,id=disk,format=raw,snapshot=on,file={folder}/disk,,1.img"),
        *("-device", "nvme,drive=disk,serial=edgeimg"),
        *("-kernel", f"{folder}/kernel", "-initrd", f"{folder}/initrd"),
        *("-append", "console=ttyAMA0 {kernel}"),
        *("-device", "virtio-serial-pci,id=edgeimg-serial"),
        *("-chardev", f"file,id=edgeimg-verify,path={folder}/a,,b.tar"),
        *("-device", "virtserialport,chardev=edgeimg-verify,name=edgeimg.verify"),
        *("-global", "pci-device.romfile="),
        *("-netdev", "user,id=edgeimg-net,hostfwd=tcp:127.0.0.1:2222-:22"),
        *("-device", "virtio-net-pci,netdev=edgeimg-net"),
    ]


def test_without_verify_there_is_no_port_but_a_network_as_a_board_has_one(qemu: FakeQemu) -> None:
    words = arguments(qemu.board(), qemu.artefacts, "disk", scratch=qemu.folder, serial=[])
    assert not [word for word in words if "serial" in word and "drive=" not in word]
    assert words[-3:] == ["user,id=edgeimg-net", "-device", "virtio-net-pci,netdev=edgeimg-net"]


def test_with_verify_and_no_ssh_there_is_no_network(qemu: FakeQemu) -> None:
    stream = qemu.folder / "stream"
    words = arguments(
        qemu.board(), qemu.artefacts, "disk", scratch=qemu.folder, serial=[], stream=stream
    )
    assert not [word for word in words if "netdev" in word]


def test_a_boards_own_accelerator_stays(qemu: FakeQemu) -> None:
    board = qemu.board(args=("-M", "virt,accel=tcg"))
    assert "-accel" not in arguments(board, qemu.artefacts, "disk", scratch=qemu.folder, serial=[])


def test_a_kernel_boot_needs_a_kernel(qemu: FakeQemu) -> None:
    only_disk = Artefacts(image=qemu.artefacts.image)
    with pytest.raises(UserError, match="no kernel to boot directly"):
        arguments(qemu.board(), only_disk, "kernel", scratch=qemu.folder, serial=[])


def test_a_kernel_that_needs_no_initrd_gets_none(qemu: FakeQemu) -> None:
    artefacts = replace(qemu.artefacts, initrd=None)
    words = arguments(qemu.board(), artefacts, "kernel", scratch=qemu.folder, serial=[])
    assert "-initrd" not in words and "{initrd}" not in words
    assert "-kernel" in words and "-append" in words


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (("-drive", "if=pflash,format=raw,unit=0,file=/nowhere/a,,b.fd"), "/nowhere/a,b.fd"),
        (("-bios", "/nowhere/x.fd"), "/nowhere/x.fd"),
    ],
)
def test_firmware_must_be_there(qemu: FakeQemu, how: tuple[str, ...], words: str) -> None:
    board = qemu.board(args=how)
    with pytest.raises(UserError, match=f"QEMU's firmware {words} is missing"):
        arguments(board, qemu.artefacts, "kernel", scratch=qemu.folder, serial=[])


def test_a_bare_firmware_name_is_qemus_own(qemu: FakeQemu) -> None:
    arguments(
        qemu.board(args=("-bios", "bios-microvm.bin")),
        qemu.artefacts,
        "kernel",
        scratch=qemu.folder,
        serial=[],
    )


def test_a_program_that_is_no_qemu(qemu: FakeQemu) -> None:
    qemu.play(version="hello")
    with pytest.raises(UserError, match="does not name a version"):
        qemu_version(qemu.board())


def test_the_console_is_the_terminal(qemu: FakeQemu, monkeypatch: pytest.MonkeyPatch) -> None:
    master, terminal = pty.openpty()
    with os.fdopen(terminal, "r+b", buffering=0) as ours:
        monkeypatch.setattr("sys.stdin", ours)
        monkeypatch.setattr("sys.stdout", ours)
        before = termios.tcgetattr(terminal)
        qemu.play(["login: "], status=3)
        assert run_console(qemu.board(), qemu.artefacts, ssh_port=2022) == 3
        assert termios.tcgetattr(terminal) == before
        assert os.read(master, 100) == b"login: "
    os.close(master)
    assert qemu.args()[qemu.args().index("-serial") + 1] == "mon:stdio"
    assert any("hostfwd=tcp:127.0.0.1:2022-:22" in word for word in qemu.args())


def test_the_console_needs_a_terminal(qemu: FakeQemu, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(UserError, match="the console needs a terminal"):
            run_console(qemu.board(), qemu.artefacts)
