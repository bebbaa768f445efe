"""The verb: what it refuses, what it asks, what it answers."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Answer
from tests.unit.flash.flashkit import MIB, loop, make_image, make_map, mounted, packed, sparse

from edgeimg import process
from edgeimg.cli.flash import How
from edgeimg.flash import devices, ready

Edgeimg = Callable[..., Answer]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_image(tmp_path_factory.mktemp("image") / "a.img")
    make_map(path)
    return path


@pytest.fixture
def card(tmp_path: Path) -> Iterator[str]:
    with loop(sparse(tmp_path / "card", 32)) as device:
        yield device


def refusal(edgeimg: Edgeimg, *words: str | Path) -> str:
    """The one line of a refusal; nothing may be asked or written first."""
    answer = edgeimg("flash", *words)
    assert answer.status == 2
    assert answer.stderr.startswith("error: ") and answer.stderr.count("\n") == 1
    return answer.stderr


def test_a_device_is_written_and_verified(
    edgeimg: Edgeimg, image: Path, card: str, tmp_path: Path
) -> None:
    words = ("--device", card, "--yes", "--not-removable", card)
    answer = edgeimg("flash", image, *words)
    assert answer.status == 0
    assert re.search(r"3\.1 MB written in .* verified in .*\nTake it out", answer.stdout)
    assert (tmp_path / "card").read_bytes()[: 24 * MIB] == image.read_bytes()


def test_the_next_step_is_the_boards(edgeimg: Edgeimg, image: Path, card: str) -> None:
    words = ("--device", card, "--yes", "--not-removable", card, "--output", "json")
    path = packed(image, ".zst")
    told = json.loads(edgeimg("flash", path, *words, "--board", "imx8mp-evk").stdout)
    assert "SW4 to 0011" in told["next"]
    assert (told["verified"], told["size"], told["written"]) == (True, 24 * MIB, 3 * MIB)


def test_any_name_of_a_device_is_that_device(
    edgeimg: Edgeimg, image: Path, card: str, tmp_path: Path
) -> None:
    link, part = tmp_path / "by-id", tmp_path / "node"
    link.symlink_to(card)
    number = Path(card).stat().st_rdev
    os.mknod(part, 0o600 | 0o060000, number)
    for path in (link, part):
        assert "is not removable" in refusal(edgeimg, image, "--device", path, "--yes")
    for path in (link, part):
        words = ("--device", path, "--yes", "--not-removable", path)
        assert edgeimg("flash", image, *words).status == 0


def test_a_device_that_is_not_removable_is_named_twice(
    edgeimg: Edgeimg, image: Path, card: str
) -> None:
    said = refusal(edgeimg, image, "--device", card, "--yes")
    assert (
        f"is not removable (33.6 MB). To write it all the same: --not-removable {card} --yes."
        in said
    )
    said = refusal(edgeimg, image, "--device", card, "--yes", "--not-removable", "/dev/sdz")
    assert f"--not-removable /dev/sdz: is not {card}" in said
    said = refusal(edgeimg, image, "--device", card, "--not-removable", card)
    assert "nobody is there to ask. Say --yes" in said


def test_the_systems_own_disk(edgeimg: Edgeimg, image: Path) -> None:
    for own in (one for one in devices.devices() if "/" in one.system):
        words = ("--device", own.path, "--yes", "--not-removable", own.path)
        said = refusal(edgeimg, image, *words)
        assert "is in use by this system: /" in said or "and no disk" in said


def test_a_mounted_device(edgeimg: Edgeimg, image: Path, tmp_path: Path) -> None:
    backing = sparse(tmp_path / "fs", 32)
    subprocess.run(["mke2fs", "-q", backing], check=True)
    with loop(backing) as device, mounted(tmp_path / "mnt", device) as folder:
        words = ("--device", device, "--yes", "--not-removable", device)
        said = refusal(edgeimg, image, *words)
        assert f"{device}: is mounted at {folder}. Unmount it first: sudo umount {folder}" in said
        # Also an image that lies on the device itself.
        own = folder / "own.img"
        own.write_bytes(b"\0" * 4096)
        assert "is mounted at" in refusal(edgeimg, own, *words)
        assert backing.read_bytes()[1080:1082] == b"\x53\xef"


def test_swap(edgeimg: Edgeimg, image: Path, card: str) -> None:
    subprocess.run(["mkswap", "-q", card], check=True, capture_output=True)
    if subprocess.run(["swapon", card], capture_output=True, check=False).returncode:
        pytest.skip("no swap can be switched on here")
    try:
        words = ("--device", card, "--yes", "--not-removable", card)
        assert "is in use by this system: swap" in refusal(edgeimg, image, *words)
    finally:
        subprocess.run(["swapoff", card], check=True)


def test_a_loop_over_the_device(edgeimg: Edgeimg, image: Path, card: str) -> None:
    with loop(Path(card)) as other:
        words = ("--device", card, "--yes", "--not-removable", card)
        said = refusal(edgeimg, image, *words)
        assert f"is in use: {other} is on it. Take that down first: sudo losetup -d {other}" in said


def file_system(folder: Path) -> Path:
    path = sparse(folder / "fs", 10)
    subprocess.run(["mke2fs", "-q", path], check=True)
    return path


def test_a_partition(edgeimg: Edgeimg, image: Path, tmp_path: Path) -> None:
    backing = sparse(tmp_path / "card", 32)
    with backing.open("r+b") as file:
        file.seek(MIB)
        file.write(file_system(tmp_path).read_bytes())
    with loop(backing) as device:
        part = Path(f"{device}p1")
        table = b"label: dos\nstart=2048, size=20480\n"
        subprocess.run(
            ["sfdisk", "--quiet", "--no-reread", "--wipe", "never", device], input=table, check=True
        )
        # Not every kernel reads the partitions of a loop device; each can be told of them.
        subprocess.run(["partx", "--add", device], check=True)
        try:
            if not part.exists():
                pytest.skip("no node is made for a partition here")
            words = ("--device", part, "--yes", "--not-removable", part)
            said = refusal(edgeimg, image, *words)
            assert f"is a partition, on {device}, and no disk. Name the whole disk" in said
            with mounted(tmp_path / "mnt", part):
                words = ("--device", device, "--yes", "--not-removable", device)
                assert f"is mounted at {tmp_path}/mnt" in refusal(edgeimg, image, *words)
        finally:
            subprocess.run(["partx", "--delete", device], check=True)


def test_what_is_too_small_or_read_only(edgeimg: Edgeimg, image: Path, tmp_path: Path) -> None:
    with loop(sparse(tmp_path / "small", 8)) as device:
        words = ("--device", device, "--yes", "--not-removable", device)
        for path in (image, packed(image, ".zst")):
            said = refusal(edgeimg, path, *words)
            assert "has 8388608 bytes (8.4 MB), and the image 25165824 (25.2 MB)" in said
    with loop(sparse(tmp_path / "card", 32), "--read-only") as device:
        words = ("--device", device, "--yes", "--not-removable", device)
        assert "is read-only" in refusal(edgeimg, image, *words)


def test_a_packed_image_without_a_map_is_counted(
    edgeimg: Edgeimg, image: Path, tmp_path: Path
) -> None:
    """A stream of zstd's does not say how large it is."""
    path = packed(image, ".zst").rename(tmp_path / "alone.img.zst")
    with loop(sparse(tmp_path / "small", 8)) as device:
        answer = edgeimg("flash", path, "--device", device, "--yes", "--not-removable", device)
        assert answer.status == 2
        assert "is larger than the 8388608 bytes that there is room for" in answer.stderr
        assert not any((tmp_path / "small").read_bytes())
    with loop(sparse(tmp_path / "card", 32)) as device:
        words = ("--device", device, "--yes", "--not-removable", device, "--output", "ndjson")
        lines = [json.loads(one) for one in edgeimg("flash", path, *words).stdout.splitlines()]
        assert lines[-1]["event"] == "result" and lines[-1]["written"] == 24 * MIB
        steps = [one["name"] for one in lines if one["event"] == "step"]
        assert steps == ["read", "write", "verify"]
    assert (tmp_path / "card").read_bytes()[: 24 * MIB] == image.read_bytes()


def test_the_image_on_the_loop_itself(edgeimg: Edgeimg, image: Path) -> None:
    with loop(image) as device:
        words = ("--device", device, "--yes", "--not-removable", device)
        assert "is the image itself" in refusal(edgeimg, image, *words)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("/dev/nothing-there", "no such file or directory"),
        ("/dev/null", "is not a block device"),
        (".", "is not a block device"),
    ],
)
def test_what_is_no_device(edgeimg: Edgeimg, image: Path, device: str, message: str) -> None:
    assert f"{device}: {message}" in refusal(edgeimg, image, "--device", device, "--yes")


def test_an_image_of_another_size_than_its_map(
    edgeimg: Edgeimg, image: Path, card: str, tmp_path: Path
) -> None:
    other = sparse(tmp_path / "b.img", 3)
    words = ("--device", card, "--yes", "--not-removable", card)
    said = refusal(edgeimg, other, *words, "--bmap", image.with_name("a.img.bmap"))
    assert "has 3145728 bytes, and its map" in said


def test_a_file_for_a_vendors_tool_is_not_for_a_card(
    edgeimg: Edgeimg, image: Path, card: str
) -> None:
    words = ("--device", card, "--yes", "--not-removable", card, "--with", "boot=x")
    assert "--with: is for a board that is flashed over USB" in refusal(edgeimg, image, *words)


@pytest.mark.parametrize("option", ["--file", "--model", "--builder", "--set", "--project"])
def test_of_a_named_image_no_product_is_asked(edgeimg: Edgeimg, image: Path, option: str) -> None:
    words = ("--device", "/dev/null", "--yes", option, "x")
    said = f"{option}: says nothing of an image that is named. Leave it out."
    assert said in refusal(edgeimg, image, *words)


def test_without_a_device_they_are_listed(edgeimg: Edgeimg, image: Path) -> None:
    answer = edgeimg("flash", image)
    assert answer.status == 2
    assert answer.stdout.startswith("path")
    assert "no removable device" in answer.stderr or "Name it: edgeimg flash" in answer.stderr
    listed = json.loads(edgeimg("flash", "--list", "--output", "json").stdout)["devices"]
    assert {"path", "model", "size", "removable", "refused"} <= set(listed[0])


def test_nothing_is_built(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no image is named, and there is no edgeimg.yaml" in refusal(edgeimg)
    answer = edgeimg("flash", "--board", "qemu-arm64", "--device", "/dev/null")
    assert answer.status == 2
    assert "digits.img: no image there. Run `edgeimg build` first." in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_who_may_not_write_is_told_the_command(
    edgeimg: Edgeimg, image: Path, card: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "may_write", lambda device: False)
    said = refusal(edgeimg, image, "--device", card, "--yes", "--not-removable", card)
    command = said.partition("Run it as root: ")[2]
    assert command.startswith(f"sudo {sys.executable} -P -B -m edgeimg flash --device {card} --yes")
    assert command.endswith(f"--bmap {image}.bmap {image}\n")


def test_root_does_what_is_left(
    edgeimg: Edgeimg,
    image: Path,
    card: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """sudo itself is left out: what it would run is run."""
    became: list[str] = []

    def become(words: list[str], **_: object) -> None:
        became.extend(words)
        raise SystemExit(0)

    monkeypatch.setattr(ready, "may_write", lambda device: False)
    monkeypatch.setattr(process, "become", become)
    monkeypatch.setattr(How, "interactive", True)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{card}\n"))
    edgeimg("flash", image, "--device", card, "--board", "rock-5b")
    assert became[0] == "sudo" and not any((tmp_path / "card").read_bytes())
    done = subprocess.run(became[1:], capture_output=True, text=True, check=True, cwd="/")
    assert "1500000 baud" in done.stdout
    assert (tmp_path / "card").read_bytes()[: 24 * MIB] == image.read_bytes()
    again = [word if word != "--sequence" else "--verbose" for word in became[1:]]
    del again[again.index("--verbose") + 1]
    other = subprocess.run([*again, "--sequence", "1"], capture_output=True, text=True, check=False)
    assert "is another medium than the one that was looked at; nothing was written" in other.stderr


@pytest.mark.parametrize(("answer", "status"), [("right", 0), ("/dev/sdz", 2), ("", 2)])
def test_of_the_removable_ones_one_is_chosen(
    edgeimg: Edgeimg,
    image: Path,
    card: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
) -> None:
    known = [replace(one, removable=one.path == card) for one in devices.devices()]
    monkeypatch.setattr(devices, "devices", lambda: tuple(known))
    told = edgeimg("flash", image)
    assert told.status == 2
    assert f"no device is named. Name it: edgeimg flash --device {card} --yes." in told.stderr
    monkeypatch.setattr(How, "interactive", True)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{card if answer == 'right' else answer}\n"))
    told = edgeimg("flash", image)
    assert told.status == status
    assert f"{card}, 33.6 MB: everything on it is lost. Type its path" in told.stderr


class Terminal:
    """`edgeimg flash` on a terminal, with somebody in front of it."""

    def __init__(self, *words: str | Path) -> None:
        self.near, far = pty.openpty()
        command = [sys.executable, "-m", "edgeimg", "flash", *words]
        env = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "300"}
        self.process = subprocess.Popen(
            command, stdin=far, stdout=far, stderr=far, env=env, start_new_session=True
        )
        os.close(far)
        self.text = ""

    def wait_for(self, words: str) -> None:
        while words not in self.text:
            try:
                data = os.read(self.near, 4096)
            except OSError:
                data = b""
            assert data, f"ended before {words!r}: {self.text}"
            self.text += data.decode(errors="replace")

    def type(self, line: str) -> None:
        os.write(self.near, f"{line}\n".encode())

    def end(self) -> int:
        while True:
            try:
                data = os.read(self.near, 4096)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors="replace")
        os.close(self.near)
        return self.process.wait()


@pytest.mark.parametrize("right", [True, False])
def test_on_a_terminal_the_path_is_typed(
    image: Path, card: str, tmp_path: Path, right: bool
) -> None:
    terminal = Terminal(image, "--device", card, "--yes")
    terminal.wait_for("everything on it is lost. It is not removable. Type its path to write it: ")
    terminal.type(card if right else "yes")
    status = terminal.end()
    assert status == (0 if right else 2)
    assert any((tmp_path / "card").read_bytes()) == right
    assert ("verified in" if right else "nothing was written") in terminal.text


def test_a_signal_says_what_it_leaves_behind(tmp_path: Path) -> None:
    image = make_image(tmp_path / "large.img", 160, data=40)
    make_map(image)
    with loop(sparse(tmp_path / "card", 600)) as card:
        words = [image, "--device", card, "--yes", "--not-removable", card, "--output", "ndjson"]
        process = subprocess.Popen(
            [sys.executable, "-m", "edgeimg", "flash", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if '"progress"' in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        assert process.returncode == 130
        assert f"stopped while it wrote. {card} now holds a part of the image" in err
        assert json.loads(out.splitlines()[-1])["event"] == "error"
        for _ in range(50):  # nothing of it writes on
            if b"bmaptool" not in _commands():
                break
            time.sleep(0.1)
        assert b"large.img" not in _commands()


def _commands() -> bytes:
    return b"\n".join(
        one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline") if one.exists()
    )
