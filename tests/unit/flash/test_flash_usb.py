"""Boards that a vendor's tool flashes: stand-ins say what the tools' sources say.

No tool has been run with a board. What uuu and rkdeveloptool say without one is from the real
programs; the rest is from their sources, and from initrd-flash.sh.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Answer
from tests.unit.flash.flashkit import make_image, packed

from edgeimg.catalog.flashers import Flasher
from edgeimg.catalog.search import Catalog
from edgeimg.flash import usb
from edgeimg.manifest.board import Board
from edgeimg.resources import data

Edgeimg = Callable[..., Answer]

UUU = r"""
echo "$@" > "$RECORD"
printf 'uuu (Universal Update Utility) for nxp imx chips -- lib1.4.193\n\n'
printf 'New USB Device Attached at 1:2\n1:2>Start Cmd:SDPS: boot -scanterm -f x\n'
printf '\033[93m\r50%%\033[0m\033[93m\r100%%\033[0m1:2>\033[92mOkay (0.9s)\033[0m\n'
printf '1:2>Start Cmd:FB: flash -raw2sparse all y\n'
printf '\033[93m\r1%%\033[0m\r2%%\r3%%'
case $1-$FAIL in
    *-usb) printf '\n1:2>\033[91mFail Bulk(W):LIBUSB_ERROR_IO(3s)\033[0m\n'; exit 255 ;;
    *-other) printf '\n1:2>Fail of a new kind\n'; exit 7 ;;
    *-kill) kill -9 $$ ;;
esac
printf '\r100%%\n1:2>Okay (12s)\n1:2>Start Cmd:FB: done\n1:2>Okay (0s)\n'
"""
ROCKCHIP = r"""
echo "$@" >> "$RECORD"
case $1 in
    db) [ "$FAIL" = db ] && { printf 'Downloading bootloader failed!\r\n'; exit 1; }
        printf 'Downloading bootloader succeeded.\r\n' ;;
    wl) cp "$3" "$RECORD.image"
        for part in 10 50 100; do
            printf 'Write LBA from file (%s%%)\r\n\033[1A\033[2K' $part
        done ;;
    rd) printf 'Reset Device OK.\r\n' ;;
esac
"""
JETSON = r"""#!/bin/bash
[ -e .env.initrd-flash ] || exit 1
echo "Machine:       jetson-orin-nano-devkit"
echo "== Step 1: Preparing binaries at now =="
if [ -n "$FAIL" ]; then echo "ERR: RCM boot failed at now"; exit 1; fi
echo "Successfully finished at now"
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty USB, programs that are ours alone, and a folder of images."""
    for name in ("sys", "dev", "bin", "images"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(usb, "SYS_USB", tmp_path / "sys")
    monkeypatch.setattr(usb, "DEV_USB", tmp_path / "dev")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    monkeypatch.setenv("FAIL", "")
    return tmp_path


def plug(bench: Path, identity: str, number: int = 5, product: str = "") -> Path:
    folder = bench / "sys" / f"1-{number}"
    folder.mkdir()
    vendor, _, model = identity.partition(":")
    words = {"idVendor": vendor, "idProduct": model, "busnum": "1", "devnum": str(number)}
    for name, word in {**words, "product": product}.items():
        (folder / name).write_text(f"{word}\n")
    node = bench / "dev" / "001" / f"{number:03d}"
    node.parent.mkdir(exist_ok=True)
    node.write_bytes(b"")
    return node


def program(bench: Path, name: str, text: str) -> None:
    path = bench / "bin" / name
    path.write_text(text if text.startswith("#!") else f"#!/bin/sh{text}")
    path.chmod(0o755)


def imx(bench: Path) -> Path:
    program(bench, "uuu", UUU)
    (bench / "images/imx-boot").write_bytes(b"boot")
    (bench / "images/imx-boot.tagged").write_bytes(b"never this one")
    return packed(make_image(bench / "images/digits-image.wic", 2, data=0), ".gz")


def test_uuu_gets_the_boot_container_and_the_image(edgeimg: Edgeimg, bench: Path) -> None:
    image = imx(bench)
    plug(bench, "1fc9:0146")
    words = ("--usb", "--board", "imx8mp-evk", "--yes")
    answer = edgeimg("flash", image, *words)
    assert (answer.status, answer.stderr.count("error")) == (0, 0)
    folder = bench / "images"
    said = (bench / "record").read_text().split()
    assert said[-4:] == ["-b", "emmc_all", str(folder / "imx-boot"), str(image)]
    assert "its eMMC was written by uuu, which reads nothing back" in answer.stdout
    assert "set SW4 to eMMC" in answer.stdout
    assert not list(folder.glob("flash-*"))


def test_its_progress_is_seen_as_it_comes(edgeimg: Edgeimg, bench: Path) -> None:
    plug(bench, "1fc9:0146")
    words = ("--usb", "--board", "imx8mp-evk", "--yes", "--output", "ndjson")
    lines = edgeimg("flash", imx(bench), *words).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    moved = [one["done"] for one in events if one["event"] == "progress"]
    assert moved == [50, 100, 1, 2, 3, 100]
    assert events[-1] == {
        "event": "result",
        "image": str(bench / "images/digits-image.wic.gz"),
        "board": "imx8mp-evk",
        "usb": "1fc9:0146",
        "tool": "uuu",
        "verified": False,
        "next": events[-1]["next"],
    }


@pytest.mark.parametrize(
    ("fail", "status", "message"),
    [
        ("usb", 2, "uuu: the transfer over USB failed; its eMMC may hold a part of the image"),
        ("other", 1, "uuu: ended with status 7; its eMMC may hold a part"),
        ("kill", 1, "uuu: ended with signal 9; its eMMC may hold a part"),
    ],
)
def test_what_its_failures_mean(
    edgeimg: Edgeimg,
    bench: Path,
    monkeypatch: pytest.MonkeyPatch,
    fail: str,
    status: int,
    message: str,
) -> None:
    plug(bench, "1fc9:0146")
    monkeypatch.setenv("FAIL", fail)
    answer = edgeimg("flash", imx(bench), "--usb", "--board", "imx8mp-evk", "--yes")
    assert answer.status == status
    assert message in answer.stderr
    assert (bench / "images/flash-uuu/flash.log").read_text()


def test_everything_that_is_missing_at_once(
    edgeimg: Edgeimg, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = imx(bench)
    (bench / "bin/uuu").unlink()
    monkeypatch.setattr("shutil.which", lambda program, path=None: None)
    answer = edgeimg("flash", image, "--usb", "--board", "imx8mp-evk", "--yes")
    assert answer.status == 2
    first, second = answer.stderr.splitlines()
    assert "uuu: the program 'uuu' is missing. It is Debian's package uuu" in first
    assert "imx8mp-evk: does not wait on USB to be flashed (1fc9:0146). Switch the" in second


def test_a_board_of_the_vendors_that_is_in_another_mode(edgeimg: Edgeimg, bench: Path) -> None:
    plug(bench, "1fc9:0152", product="USB download gadget")
    answer = edgeimg("flash", imx(bench), "--usb", "--board", "imx8mp-evk", "--yes")
    assert "(1fc9:0146); 1fc9:0152 USB download gadget is there. Switch" in answer.stderr


def test_two_boards(edgeimg: Edgeimg, bench: Path) -> None:
    plug(bench, "1fc9:0146", 5)
    plug(bench, "1fc9:0146", 6)
    answer = edgeimg("flash", imx(bench), "--usb", "--board", "imx8mp-evk", "--yes")
    assert "2 boards wait on USB to be flashed. Unplug all but one." in answer.stderr


def test_no_right_to_its_node(
    edgeimg: Edgeimg, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = plug(bench, "1fc9:0146")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != node)
    answer = edgeimg("flash", imx(bench), "--usb", "--board", "imx8mp-evk", "--yes")
    assert answer.status == 2
    assert f"{node}: this user may not open it. Once, as root: uuu -udev >" in answer.stderr


def test_rkdeveloptool_gets_an_unpacked_image_and_the_users_loader(
    edgeimg: Edgeimg, bench: Path
) -> None:
    program(bench, "rkdeveloptool", ROCKCHIP)
    plug(bench, "2207:350b")
    source = make_image(bench / "images/digits-image.wic", 6)
    image = packed(source, ".xz")
    words = ("--usb", "--board", "rock-5b", "--yes")
    answer = edgeimg("flash", image, *words)
    assert answer.status == 2
    assert "no loader is named: rk3588_spl_loader_*.bin" in answer.stderr
    loader = bench / "loader.bin"
    loader.write_bytes(b"x")
    answer = edgeimg("flash", image, *words, "--with", f"loader={loader}")
    assert answer.status == 0
    steps = (bench / "record").read_text().splitlines()
    unpacked = bench / "images/flash-rkdeveloptool/digits-image.wic"
    assert steps == [f"db {loader}", f"wl 0 {unpacked}", "rd"]
    assert (bench / "record.image").read_bytes() == source.read_bytes()


def test_a_loader_that_is_refused(
    edgeimg: Edgeimg, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(bench, "rkdeveloptool", ROCKCHIP)
    plug(bench, "2207:350b")
    image = make_image(bench / "images/digits-image.wic", 6)
    monkeypatch.setenv("FAIL", "db")
    words = ("--usb", "--board", "rock-5b", "--yes", "--with", f"loader={image}")
    answer = edgeimg("flash", image, *words)
    assert answer.status == 2
    assert "did not take the loader" in answer.stderr and "of this very chip" in answer.stderr
    assert len((bench / "record").read_text().splitlines()) == 1


def jetson(bench: Path) -> Path:
    for name in ("dtc", "sgdisk", "udisksctl", "udevadm"):
        program(bench, name, "\n")
    folder = bench / "package"
    folder.mkdir()
    (folder / ".env.initrd-flash").write_text("MACHINE=x\n")
    (folder / "initrd-flash").write_text(JETSON)
    (folder / "initrd-flash").chmod(0o755)
    archive = bench / "images/digits-image.tegraflash-tar.zst"
    subprocess.run(["tar", "--zstd", "-C", folder, "-cf", archive, "."], check=True)
    return archive


@pytest.mark.skipif(os.geteuid() != 0, reason="initrd-flash runs as root")
def test_initrd_flash_runs_in_its_archive(
    edgeimg: Edgeimg, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = jetson(bench)
    plug(bench, "0955:7523", product="APX")
    # Without --usb: the board's image is no copy of a medium.
    words = (archive, "--board", "jetson-orin", "--yes")
    answer = edgeimg("flash", *words)
    assert answer.status == 0
    assert "was written by initrd-flash" in answer.stdout and "Take the jumper off" in answer.stdout
    monkeypatch.setenv("FAIL", "1")
    answer = edgeimg("flash", *words)
    assert answer.status == 2
    assert "the board did not take its first program over USB" in answer.stderr
    said = edgeimg("flash", *words, "--device", "/dev/sdb").stderr
    assert "--device: the board jetson-orin is flashed over USB, not by way of /dev/sdb" in said


def test_initrd_flash_as_another_user_is_told_the_command(
    edgeimg: Edgeimg, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = jetson(bench)
    plug(bench, "0955:7523")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    answer = edgeimg("flash", archive, "--board", "jetson-orin", "--yes")
    assert answer.status == 2
    assert re.search(r"Run it as root: sudo .* flash --usb --yes --board .*jetson", answer.stderr)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--usb", "--board", "qemu-arm64"), "qemu-arm64 is not flashed over USB"),
        (("--usb",), "--usb: needs a board. Name it with --board."),
        (("--usb", "--board", "beagleplay"), "beagleplay is not flashed over USB"),
        (("--usb", "--board", "rock-5b", "--with", "x"), "--with x: is not WORD=FILE"),
        (("--usb", "--board", "rock-5b", "--with", "lader=x"), "Perhaps you meant 'loader'?"),
        (("--usb", "--board", "rock-5b", "--with", "loader=/x"), "/x: is not there"),
        (
            ("--usb", "--board", "rock-5b", "--with", "loader=~nobody-here/x"),
            "--with loader: ~nobody-here/x is not a path here",
        ),
        (("--usb", "--board", "rock-5b", "--bmap", "x"), "--bmap: says nothing of a board that"),
        (("--usb", "--board", "imx93-evk"), "no imx-boot there, which uuu needs"),
    ],
)
def test_what_does_not_fit(
    edgeimg: Edgeimg, bench: Path, words: tuple[str, ...], message: str
) -> None:
    image = make_image(bench / "images/digits-image.wic", 2, data=0)
    answer = edgeimg("flash", image, *words)
    assert answer.status == 2
    assert message in answer.stderr


def test_nobody_is_asked_in_a_script(edgeimg: Edgeimg, bench: Path) -> None:
    plug(bench, "1fc9:0146")
    answer = edgeimg("flash", imx(bench), "--usb", "--board", "imx8mp-evk")
    assert answer.status == 2
    assert "nobody is there to ask. Say --yes" in answer.stderr
    assert not (bench / "record").exists()


def test_boards_and_tools_agree() -> None:
    """Each word of a tool's commands is a file that the board's YAML knows, and no other."""
    catalog = Catalog()
    boards = [catalog.load("board", path.stem, Board)[1] for path in data("boards").glob("*.yaml")]
    ways = [one.flash.usb for one in boards if one.flash and one.flash.usb]
    assert {way.tool for way in ways} == set(catalog.names("flasher"))
    for way in ways:
        tool = catalog.load("flasher", way.tool, Flasher)[1]
        assert {*way.files, *way.given} == tool.words
        assert set(tool.raw) <= tool.words and "image" in tool.words
    hardware = [one for one in boards if one.qemu is None]
    assert all(one.flash for one in hardware)
