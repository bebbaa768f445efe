"""What is refused before an image is read, what is no image, and hostile names."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Answer
from tests.unit.flash.flashkit import MIB, loop, make_image, make_map, packed, sparse

from edgeimg.errors import UserError
from edgeimg.flash.image import open_image
from edgeimg.flash.kind import check_kind

Edgeimg = Callable[..., Answer]
EDGEIMG = [sys.executable, "-m", "edgeimg", "flash"]


@pytest.fixture
def card(tmp_path: Path) -> Iterator[str]:
    with loop(sparse(tmp_path / "card", 32)) as device:
        yield device


def meant(card: str) -> tuple[str, ...]:
    return ("--device", card, "--yes", "--not-removable", card)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "is not removable"),
        (("--yes",), "is not removable"),
        (("--yes", "--not-removable", "/dev/sdz"), "--not-removable /dev/sdz: is not"),
    ],
)
def test_what_is_refused_is_refused_before_the_image_is_read(
    edgeimg: Edgeimg, card: str, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    image = make_image(tmp_path / "a.img")
    answer = edgeimg("flash", image, "--device", card, *words)
    assert answer.status == 2 and says in answer.stderr
    assert "read a.img" not in answer.stderr


def test_a_raw_image_that_is_too_large_is_not_read(
    edgeimg: Edgeimg, card: str, tmp_path: Path
) -> None:
    image = make_image(tmp_path / "a.img", 40)
    answer = edgeimg("flash", image, *meant(card))
    assert answer.status == 2 and "and the image 41943040 (41.9 MB)" in answer.stderr
    assert "read a.img" not in answer.stderr


def test_a_bomb_is_unpacked_as_far_as_the_device_goes(
    edgeimg: Edgeimg, card: str, tmp_path: Path
) -> None:
    head = bytearray(MIB)
    head[510:512] = b"\x55\xaa"
    member = gzip.compress(bytes(16 * MIB), 1)
    bomb = tmp_path / "a.img.gz"
    bomb.write_bytes(gzip.compress(bytes(head), 1) + 1000 * member)  # 16 GiB
    answer = edgeimg("flash", bomb, *meant(card))
    assert answer.status == 2
    assert "a.img.gz: is larger than the 33554432 bytes that there is room for" in answer.stderr
    assert not any((tmp_path / "card").read_bytes())


@pytest.mark.parametrize("end", ["", ".zst"])
def test_what_is_no_image_is_not_written(
    edgeimg: Edgeimg, card: str, tmp_path: Path, end: str
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image\n" * 10000)
    path = packed(text, end) if end else text
    answer = edgeimg("flash", path, *meant(card))
    assert answer.status == 2
    assert "has no partition table and no file system that is known here" in answer.stderr
    assert f"make its map, and it is written: bmaptool create -o {text}.bmap {text}" in (
        answer.stderr
    )
    assert not any((tmp_path / "card").read_bytes())
    make_map(text)
    assert edgeimg("flash", path, *meant(card)).status == 0


def test_an_image_of_a_virtual_machine_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(b"QFI\xfb" + bytes(70000))
    with pytest.raises(UserError, match=r"qcow2.*qemu-img convert"):
        check_kind(open_image(path))
    path.write_bytes(b"\x3a\xff\x26\xed" + bytes(70000))
    with pytest.raises(UserError, match=r"Android.*simg2img"):
        check_kind(open_image(path))


@pytest.mark.parametrize(
    "command",
    [
        ["mke2fs", "-q", "-t", "ext4"],
        ["mkfs.vfat"],
        ["mkfs.btrfs", "-q"],
        ["mkfs.xfs", "-q"],
        ["mkfs.f2fs"],
        ["mkfs.erofs"],
        ["sfdisk", "-q"],
    ],
    ids=lambda words: words[0],
)
def test_a_file_system_over_all_of_it_is_an_image(tmp_path: Path, command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    path = sparse(tmp_path / "a.img", 400)
    more = [str(tmp_path / "empty")] if command[0] == "mkfs.erofs" else []
    (tmp_path / "empty").mkdir()
    subprocess.run([*command, path, *more], input=b"label: gpt\n", check=True, capture_output=True)
    check_kind(open_image(path))


def test_an_empty_device_is_not_none(edgeimg: Edgeimg, tmp_path: Path) -> None:
    answer = edgeimg("flash", make_image(tmp_path / "a.img"), "--device", "", "--yes")
    assert (answer.status, answer.stdout) == (2, "")
    assert answer.stderr.startswith("error: --device: is empty")


def test_a_hostile_name_is_one_clean_line(edgeimg: Edgeimg, card: str, tmp_path: Path) -> None:
    image = make_image(tmp_path / "a\nerror: b\x1b]0;title\x07\x1b[31m\u202e.img")
    answer = edgeimg("flash", image, *meant(card))
    assert answer.status == 0
    assert "read a error: b\\u202e.img" in answer.stderr
    refused = edgeimg("flash", image.with_name(f"{image.name}.gz"), *meant(card))
    assert refused.status == 2 and refused.stderr.count("\n") == 1
    assert not set(answer.stderr + refused.stderr) & set("\x1b\x07\u202e")


def test_what_was_built_is_written(
    edgeimg: Edgeimg, card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without IMAGE: the product's, where the build leaves it."""
    monkeypatch.chdir(tmp_path)
    words = ("--board", "qemu-arm64", "--project", tmp_path / "project", *meant(card))
    missing = edgeimg("flash", *words).stderr
    path = Path(missing.partition("error: ")[2].partition(": no image there")[0])
    path.parent.mkdir(parents=True)
    make_map(make_image(path))
    told = json.loads(edgeimg("flash", *words, "--output", "json").stdout)
    assert told["verified"] and Path(told["image"]).resolve() == path.resolve()
    assert (tmp_path / "card").read_bytes()[: 24 * MIB] == path.read_bytes()


def test_interrupted_before_the_writing_nothing_is_said_to_go_on(card: str, tmp_path: Path) -> None:
    image = packed(make_image(tmp_path / "a.img"), ".bz2")
    begin = tmp_path / "begin"  # of an image whose end does not come
    begin.write_bytes(bytes(510) + b"\x55\xaa" + bytes(200000))
    slow = tmp_path / "bin" / "bzip2"
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\ncat '{begin}'\nexec sleep 60\n")
    slow.chmod(0o755)
    env = {**os.environ, "PATH": f"{slow.parent}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        [*EDGEIMG, image, *meant(card)], stderr=subprocess.PIPE, text=True, env=env
    )
    assert process.stderr is not None
    assert "read a.img.bz2" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert said == "error: interrupted. Nothing was written.\n"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may look into; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_another_user_is_told_what_to_run_as_root(card: str, tmp_path: Path, public: Path) -> None:
    image = make_image(public / "a.img")
    drop = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    env = {**os.environ, "HOME": str(public), "PYTHONDONTWRITEBYTECODE": "1"}

    def call(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [*drop, *EDGEIMG, *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd="/", env=env
        )

    listed = call("--list")
    if os.geteuid() != 0 or "Permission denied" in listed.stderr:
        pytest.skip("nobody else can run this Python from here")
    assert listed.returncode == 0 and listed.stdout.startswith("path")
    done = call(image, *meant(card))
    assert done.returncode == 2
    assert f"{card}: this user may not write it. Run it as root: sudo " in done.stderr
    assert "is not removable" in call(image, "--device", card, "--yes").stderr
    assert not any((tmp_path / "card").read_bytes())
