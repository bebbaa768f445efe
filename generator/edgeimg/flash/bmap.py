"""Block maps: which ranges of an image are data, with their checksums.

The format is bmaptool's, versions 1.3 to 2.x. An image without one gets a map of the whole,
so that there is one way to write and one way to verify.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from edgeimg.cache import write_atomic
from edgeimg.errors import UserError
from edgeimg.events import Progress, Report
from edgeimg.flash.image import ImageFile, content
from edgeimg.manifest.load import shown

LARGEST = 64 << 20
BLOCK = 4096
PIECE = 4 << 20  # of an image without a map: what one checksum covers
AGAIN = "Make it again: bmaptool create -o IMAGE.bmap IMAGE."


@dataclass(frozen=True, kw_only=True)
class Range:
    """A mapped range: offset and length in bytes, and the checksum of its bytes."""

    offset: int
    length: int
    checksum: str


@dataclass(frozen=True, kw_only=True)
class BlockMap:
    """A bmap file.

    Attributes:
        size: of the image, in bytes.
        algorithm: hashlib's name of the checksums.
        made: of the image as it is, by us; nobody else knows the file.
    """

    path: Path
    size: int
    algorithm: str
    ranges: tuple[Range, ...]
    made: bool = field(default=False, compare=False)

    @property
    def mapped(self) -> int:
        """Bytes that are written."""
        return sum(one.length for one in self.ranges)

    def before(self, place: int) -> int:
        """Mapped bytes that lie before a place in the image."""
        return sum(min(one.length, max(0, place - one.offset)) for one in self.ranges)


def beside(image: Path) -> Path | None:
    """The map that lies beside an image: its whole name, or a beginning of it, and `.bmap`."""
    name = image.name
    while True:
        path = image.with_name(f"{name}.bmap")
        if path.is_file():
            return path
        name, dot, _ = name.rpartition(".")
        if not dot or not name:
            return None


def read_bmap(path: Path) -> BlockMap:
    """Reads a map, and checks its own checksum.

    Raises:
        UserError: it cannot be read, was changed, contradicts itself, or has no checksums.
    """
    try:
        if not path.is_file() and not path.is_dir() and path.exists():  # a pipe never ends
            raise UserError("is not a file", place=shown(path))
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError((error.strerror or "cannot be read").lower(), place=shown(path)) from None
    try:
        return _parse(path, data)
    except _Wrong as wrong:
        raise UserError(str(wrong), place=shown(path), hint=AGAIN) from None


class _Wrong(Exception):
    """What is wrong with a map."""


def _parse(path: Path, data: bytes) -> BlockMap:
    if len(data) > LARGEST or b"<!ENTITY" in data:
        raise _Wrong("is not a bmap file")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):  # also an unknown encoding
        raise _Wrong("is not a bmap file") from None
    if root.tag != "bmap":
        raise _Wrong("is not a bmap file")
    version = _version(root.get("version", ""))
    if version < (1, 3):
        raise _Wrong("is a bmap file without checksums; nothing could be verified")
    if version == (1, 3):
        algorithm, own, attribute = "sha1", "BmapFileSHA1", "sha1"
    else:
        algorithm, own, attribute = _text(root, "ChecksumType"), "BmapFileChecksum", "chksum"
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        raise _Wrong(f"its checksum '{algorithm[:40]}' is not known here")
    _check_own(data, _text(root, own), algorithm)
    size, block = _number(_text(root, "ImageSize")), _number(_text(root, "BlockSize"))
    if size == 0 or not 512 <= block <= LARGEST or block % 512:
        raise _Wrong("its sizes are not those of an image")
    ranges = tuple(_ranges(root, attribute, size, block))
    blocks = sum(-(-one.length // block) for one in ranges)
    if blocks != _number(_text(root, "MappedBlocksCount")):
        raise _Wrong("its ranges are not as many blocks as it says")
    return BlockMap(path=path, size=size, algorithm=algorithm, ranges=ranges)


def _version(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([12])\.([0-9]{1,3})", text)
    if found is None:
        raise _Wrong(f"its version '{text[:20]}' is not known here")
    return int(found[1]), int(found[2])


def _text(root: ElementTree.Element, tag: str) -> str:
    text = root.findtext(tag)
    if text is None:
        raise _Wrong(f"has no {tag}")
    return text.strip()


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise _Wrong(f"'{text[:40]}' is no number")
    return int(text)


def _check_own(data: bytes, own: str, algorithm: str) -> None:
    """The map's own checksum is that of the file with zeros in its place."""
    blank = data.replace(own.encode(), b"0" * len(own)) if own else data
    if hashlib.new(algorithm, blank).hexdigest() != own:
        raise _Wrong("was changed: its own checksum is wrong")


def _ranges(root: ElementTree.Element, attribute: str, size: int, block: int) -> Iterator[Range]:
    found = []
    for element in root.iterfind("BlockMap/Range"):
        first, _, last = (element.text or "").strip().partition("-")
        begin = _number(first.strip())
        end = _number(last.strip()) if last else begin
        checksum = element.get(attribute)
        # Without one bmaptool writes what it does not check.
        if not checksum or not re.fullmatch(r"[0-9a-f]+", checksum):
            raise _Wrong("has a range without a checksum")
        found.append((begin, end, checksum))
    for begin, end, _ in found:
        if begin > end or end * block >= size:
            raise _Wrong(f"its range {begin}-{end} lies outside the image")
    if any(later[0] <= earlier[1] for earlier, later in pairwise(found)):
        raise _Wrong("its ranges overlap")
    if not found:
        raise _Wrong("maps nothing")
    for begin, end, checksum in found:
        length = min((end + 1) * block, size) - begin * block
        yield Range(offset=begin * block, length=length, checksum=checksum)


def map_whole(image: ImageFile, path: Path, most: int, report: Report) -> BlockMap:
    """Makes the map of an image that has none: all of it, read once.

    Args:
        path: where the map is written.
        most: bytes that there is room for; a packed image may be any size, and is read no further.

    Raises:
        UserError: the image is cut off or spoilt, or larger than that.
    """
    total = image.path.stat().st_size
    ranges: list[Range] = []
    size = 0
    with content(image) as stream:
        while piece := stream.read(PIECE):
            checksum = hashlib.sha256(piece).hexdigest()
            ranges.append(Range(offset=size, length=len(piece), checksum=checksum))
            size += len(piece)
            if size > most:
                raise UserError(
                    f"is larger than the {most} bytes that there is room for",
                    place=shown(image.path),
                    hint="Take a larger device.",
                )
            done = stream.position
            report(Progress(name="read", done=done >> 20, total=total >> 20, detail="MiB"))
    write_atomic(path, _as_xml(size, ranges))
    return BlockMap(path=path, size=size, algorithm="sha256", ranges=tuple(ranges), made=True)


def _as_xml(size: int, ranges: list[Range]) -> bytes:
    blocks = -(-size // BLOCK)
    root = ElementTree.Element("bmap", version="2.0")
    zeros = "0" * 64
    for tag, value in (
        ("ImageSize", size),
        ("BlockSize", BLOCK),
        ("BlocksCount", blocks),
        ("MappedBlocksCount", blocks),
        ("ChecksumType", "sha256"),
        ("BmapFileChecksum", zeros),
    ):
        ElementTree.SubElement(root, tag).text = str(value)
    block_map = ElementTree.SubElement(root, "BlockMap")
    for one in ranges:
        last = (one.offset + one.length - 1) // BLOCK
        text = f"{one.offset // BLOCK}-{last}"
        ElementTree.SubElement(block_map, "Range", chksum=one.checksum).text = text
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data.replace(zeros.encode(), hashlib.sha256(data).hexdigest().encode())
