"""Block maps, and images without one."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.unit.flash.flashkit import MIB, make_image, make_map, packed

from edgeimg.errors import UserError
from edgeimg.events import silent
from edgeimg.flash.bmap import beside, map_whole, read_bmap
from edgeimg.flash.image import content, open_image


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_image(tmp_path_factory.mktemp("image") / "a.img")
    make_map(path)
    return path


def test_a_map_of_bmaptools_is_read(image: Path) -> None:
    found = read_bmap(image.with_name("a.img.bmap"))
    assert (found.size, found.algorithm) == (24 * MIB, "sha256")
    assert found.mapped == 3 * MIB
    data = image.read_bytes()
    for one in found.ranges:
        piece = data[one.offset : one.offset + one.length]
        assert hashlib.sha256(piece).hexdigest() == one.checksum


@pytest.mark.parametrize(
    ("image", "names", "found"),
    [
        ("core.wic.gz", ["core.wic.bmap"], "core.wic.bmap"),
        ("sdcard.img", ["sdcard.img.bmap"], "sdcard.img.bmap"),
        ("a.img.zst", ["a.img.bmap", "a.bmap"], "a.img.bmap"),
        ("a.img.zst", ["a.bmap"], "a.bmap"),
        ("a.img", ["b.img.bmap"], None),
    ],
)
def test_the_map_lies_beside_the_image(
    tmp_path: Path, image: str, names: list[str], found: str | None
) -> None:
    for name in names:
        (tmp_path / name).write_text("x")
    path = beside(tmp_path / image)
    assert (path.name if path else None) == found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('chksum="', 'chksum="0', "its own checksum is wrong"),
        ('version="2.0"', 'version="1.2"', "without checksums"),
        ('version="2.0"', 'version="9.0"', "its version '9.0' is not known here"),
        ("sha256", "crc32", "its checksum 'crc32' is not known here"),
        ("<ImageSize>", "<Imagesize>", "is not a bmap file"),
        ("<?xml", "<!ENTITY", "is not a bmap file"),
    ],
)
def test_a_map_that_was_changed(
    image: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = image.with_name("a.img.bmap").read_text()
    assert old in text
    path = tmp_path / "x.bmap"
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=message):
        read_bmap(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("> 1280-", "> 100-", "its ranges overlap"),
        ("> 0-", "> 400-", "its range 400-255 lies outside the image"),
        ("<MappedBlocksCount> 768", "<MappedBlocksCount> 700", "not as many blocks"),
        ("<ImageSize> 25165824", "<ImageSize> 8192", "lies outside the image"),
        ("<BlockSize> 4096", "<BlockSize> 0", "its sizes are not"),
        ("<BlockSize> 4096", "<BlockSize> 99999999999999488", "its sizes are not"),
        ("<BlockSize> 4096", "<BlockSize> x", "'x' is no number"),
    ],
)
def test_a_map_that_contradicts_itself(
    image: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    """Its own checksum is right: whoever made it erred."""
    text = image.with_name("a.img.bmap").read_text()
    own = text.split("<BmapFileChecksum>")[1].split("<")[0].strip()
    changed = text.replace(old, new).replace(own, "0" * 64)
    assert changed != text.replace(own, "0" * 64)
    path = tmp_path / "x.bmap"
    path.write_text(changed.replace("0" * 64, hashlib.sha256(changed.encode()).hexdigest()))
    with pytest.raises(UserError, match=message):
        read_bmap(path)


def test_a_map_must_be_a_file_of_a_known_encoding(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.bmap")
    with pytest.raises(UserError, match="is not a file"):
        read_bmap(tmp_path / "pipe.bmap")
    path = tmp_path / "x.bmap"
    path.write_text('<?xml version="1.0" encoding="nonsense"?><bmap/>')
    with pytest.raises(UserError, match="is not a bmap file"):
        read_bmap(path)


def test_a_range_without_a_checksum_is_refused_before_it_is_written(
    image: Path, tmp_path: Path
) -> None:
    """bmaptool would write it unchecked, and only reading it back would fail."""
    text = image.with_name("a.img.bmap").read_text()
    own = text.split("<BmapFileChecksum>")[1].split("<")[0].strip()
    blank = re.sub(r'chksum="[0-9a-f]+"', 'chksum=""', text, count=1).replace(own, "0" * 64)
    path = tmp_path / "x.bmap"
    path.write_text(blank.replace("0" * 64, hashlib.sha256(blank.encode()).hexdigest()))
    with pytest.raises(UserError, match="a range without a checksum"):
        read_bmap(path)


@pytest.mark.parametrize("end", ["", ".zst", ".gz", ".xz", ".bz2"])
def test_an_image_without_a_map_gets_one_of_the_whole(tmp_path: Path, end: str) -> None:
    source = make_image(tmp_path / "b.img", 6)
    with source.open("ab") as file:
        file.write(b"odd end")
    path = packed(source, end) if end else source
    made = map_whole(open_image(path), tmp_path / "b.bmap", 1 << 40, silent)
    assert made.size == made.mapped == 6 * MIB + 7
    assert read_bmap(tmp_path / "b.bmap") == made
    target = tmp_path / "target"
    subprocess.run(
        ["bmaptool", "-q", "copy", "--bmap", tmp_path / "b.bmap", path, target], check=True
    )
    assert target.read_bytes() == source.read_bytes()


def test_a_cut_off_image_is_seen(image: Path, tmp_path: Path) -> None:
    path = packed(image, ".zst")
    cut = tmp_path / "cut.img.zst"
    cut.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match=r"cut\.img\.zst: cannot be unpacked: it is cut off"):
        map_whole(open_image(cut), tmp_path / "m", 1 << 40, silent)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.img", b"\x28\xb5\x2f\xfd" + b"x" * 600, "is packed as .zst and is not called so"),
        ("a.img.gz", b"x" * 600, "is not packed and is not called so"),
        ("a.tar.zst", b"\x28\xb5\x2f\xfd", "is an archive and no disk image"),
        ("a.img", b"\0" * 257 + b"ustar" + b"\0" * 300, "is an archive and no disk image"),
        ("a.img", b"", "is empty"),
    ],
)
def test_what_is_no_image(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserError, match=message):
        open_image(path)


def test_an_image_must_be_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.img")
    for path, message in (
        (tmp_path / "pipe.img", "is not a file"),
        (tmp_path, "is a directory"),
        (tmp_path / "x.img", "no such file"),
        (Path("/dev/zero"), "is not a file"),
    ):
        with pytest.raises(UserError, match=message):
            open_image(path)


def test_a_packed_image_that_begins_as_those_of_pzstd(tmp_path: Path) -> None:
    image = packed(make_image(tmp_path / "a.img"), ".zst")
    image.write_bytes(b"\x50\x2a\x4d\x18\x04\0\0\0\x75\0\0\0" + image.read_bytes())
    with content(open_image(image)) as stream:
        assert stream.read(25 * MIB) == (tmp_path / "a.img").read_bytes()
