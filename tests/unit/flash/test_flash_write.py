"""Writing and reading back, on real block devices made of files; and what goes wrong then."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.flash.flashkit import (
    MIB,
    at_first,
    kill_child,
    loop,
    make_image,
    make_map,
    mounted,
    packed,
    sparse,
)

from edgeimg.errors import InternalError, Stopped, UserError
from edgeimg.events import Event, Progress, silent
from edgeimg.flash.bmap import BlockMap, map_whole, read_bmap
from edgeimg.flash.image import ImageFile, open_image
from edgeimg.flash.write import held, verify, write


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> ImageFile:
    path = make_image(tmp_path_factory.mktemp("image") / "a.img", 24, data=5)
    make_map(path)
    return open_image(path)


@pytest.fixture(scope="module")
def block_map(image: ImageFile) -> BlockMap:
    return read_bmap(image.path.with_name("a.img.bmap"))


@pytest.fixture(scope="module")
def slow(image: ImageFile) -> ImageFile:
    """The same, packed so that writing it takes a while: something can happen meanwhile."""
    return open_image(packed(image.path, ".bz2"))


@pytest.fixture(params=["file", "loop"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """What is written, and the file in which it ends up: the same code for both."""
    backing = sparse(tmp_path / "card", 64)
    if request.param == "file":
        yield backing, backing
        return
    with loop(backing) as device:
        yield Path(device), backing


@pytest.mark.parametrize("end", ["", ".zst"])
def test_an_image_is_written_and_verified(
    image: ImageFile, block_map: BlockMap, target: tuple[Path, Path], end: str
) -> None:
    events: list[Event] = []
    source = open_image(packed(image.path, end)) if end else image
    with held(target[0]):
        write(source, block_map, target[0], events.append)
        verify(block_map, target[0], events.append)
    written = target[1].read_bytes()[: block_map.size]
    assert written == image.path.read_bytes()
    for name in ("write", "verify"):
        moved = [one for one in events if isinstance(one, Progress) and one.name == name]
        assert moved[-1].done == moved[-1].total == 15


def test_its_progress_is_where_it_is(
    slow: ImageFile, block_map: BlockMap, target: tuple[Path, Path]
) -> None:
    events: list[Event] = []
    write(slow, block_map, target[0], events.append)
    done = [one.done for one in events if isinstance(one, Progress)]
    assert done == sorted(done)
    assert any(0 < one < 15 for one in done)


def test_a_flipped_bit_is_found_though_the_cache_has_the_right_one(
    image: ImageFile, block_map: BlockMap, target: tuple[Path, Path]
) -> None:
    write(image, block_map, target[0], silent)
    target[0].read_bytes()  # into the page cache
    spoilt = block_map.ranges[1]
    with target[1].open("r+b") as file:
        file.seek(spoilt.offset + spoilt.length - 1)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 4]))
    message = f"otherwise than it was written: {spoilt.length} bytes at offset {spoilt.offset}"
    with pytest.raises(InternalError, match=message):
        verify(block_map, target[0], silent)


def test_bmaptool_dies_in_the_middle(
    slow: ImageFile, block_map: BlockMap, target: tuple[Path, Path]
) -> None:
    report = at_first("write", lambda: kill_child("bmaptool"))
    with pytest.raises(InternalError, match=r"bmaptool was killed. .* holds a part of the image"):
        write(slow, block_map, target[0], report)


def test_the_user_stops_it(
    image: ImageFile, slow: ImageFile, block_map: BlockMap, target: tuple[Path, Path]
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match=r"stopped while it wrote\. .* holds a part of the image"):
        write(slow, block_map, target[0], at_first("write", stop))
    write(image, block_map, target[0], silent)
    with pytest.raises(Stopped, match="is written and not verified"):
        verify(block_map, target[0], at_first("verify", stop))


def test_a_device_that_goes_away(
    image: ImageFile, slow: ImageFile, block_map: BlockMap, tmp_path: Path
) -> None:
    backing = sparse(tmp_path / "card", 64)
    with loop(backing) as device:

        def pull() -> None:
            os.truncate(backing, 0)
            subprocess.run(["losetup", "--set-capacity", device], check=True)

        with pytest.raises(UserError, match=r"went away while it was written\. .*cable"):
            write(slow, block_map, Path(device), at_first("write", pull))
        os.truncate(backing, 64 * MIB)
        subprocess.run(["losetup", "--set-capacity", device], check=True)
        write(image, block_map, Path(device), silent)
        with pytest.raises(InternalError, match="went away while it was verified"):
            verify(block_map, Path(device), at_first("verify", pull))


def test_a_medium_that_cannot_hold_what_it_says(
    image: ImageFile, block_map: BlockMap, tmp_path: Path
) -> None:
    """64 MiB that are 8: a false card, or a full disk below it."""
    with (
        mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=8m", "tmpfs") as small,
        loop(sparse(small / "card", 64)) as device,
        pytest.raises(UserError, match="cannot be written: input/output error"),
    ):
        write(image, block_map, Path(device), silent)


def test_the_image_of_another_map(
    image: ImageFile, block_map: BlockMap, tmp_path: Path, target: tuple[Path, Path]
) -> None:
    other = tmp_path / "other.img"
    data = bytearray(image.path.read_bytes())
    data[100] ^= 1
    other.write_bytes(data)
    with pytest.raises(UserError, match=r"other.img: is not the image of .*a\.img\.bmap"):
        write(open_image(other), block_map, target[0], silent)


def test_an_image_that_changes_after_it_was_read(tmp_path: Path, target: tuple[Path, Path]) -> None:
    """Its map is ours: naming that would help nobody."""
    path = make_image(tmp_path / "b.img", 6)
    image = open_image(path)
    made = map_whole(image, tmp_path / "ours", 1 << 40, silent)
    with path.open("r+b") as file:
        file.write(b"changed")
    with pytest.raises(UserError, match=r"b\.img: has changed since it was read") as raised:
        write(image, made, target[0], silent)
    assert "ours" not in str(raised.value)


def test_a_name_that_begins_as_an_option(
    image: ImageFile,
    tmp_path: Path,
    target: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("-a.img")
    path.write_bytes(image.path.read_bytes()[:MIB])
    made = map_whole(open_image(path), tmp_path / "m", 1 << 40, silent)
    write(open_image(path), made, target[0], silent)
    assert target[1].read_bytes()[:MIB] == path.read_bytes()


def test_a_cut_off_image(
    image: ImageFile, block_map: BlockMap, tmp_path: Path, target: tuple[Path, Path]
) -> None:
    cut = tmp_path / "cut.img.zst"
    cut.write_bytes(packed(image.path, ".zst").read_bytes()[: 8 * MIB])
    with pytest.raises(UserError, match=r"cut\.img\.zst: is .*part of the image"):
        write(open_image(cut), block_map, target[0], silent)


def test_a_signature_that_cannot_be_checked(
    image: ImageFile, tmp_path: Path, target: tuple[Path, Path]
) -> None:
    """Whatever bmaptool refuses itself: its own words, and that nothing was written."""
    named = tmp_path / "a.bmap"
    named.write_bytes(image.path.with_name("a.img.bmap").read_bytes())
    named.with_name("a.bmap.asc").write_text("no signature")
    with pytest.raises(InternalError, match=r"(?i)status 1: .*sig.*\. Nothing was written to"):
        write(image, read_bmap(named), target[0], silent)
    assert not any(target[1].read_bytes())


def test_who_else_has_the_device(tmp_path: Path) -> None:
    with loop(sparse(tmp_path / "card", 8)) as device:
        with held(Path(device)):
            with pytest.raises(UserError, match="is in use"), held(Path(device)):
                pass
            other = os.open(device, os.O_RDONLY)
            with pytest.raises(BlockingIOError):  # as udev asks, before it looks at a device
                fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
            os.close(other)
        exclusive = os.open(device, os.O_RDONLY | os.O_EXCL)  # as the kernel holds a mounted one
        with pytest.raises(UserError, match="is in use"), held(Path(device)):
            pass
        os.close(exclusive)
