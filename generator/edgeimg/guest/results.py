"""The guest's results: one tar stream, read from memory, never unpacked.

docs/design.md ("The guest's side of `verify`") says what is in it. The stream comes
from the system under test, so nothing in it is trusted: names, sizes, numbers.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgeimg.guest.errors import CorruptedError, TruncatedError

MAX_ENTRY = 64 << 20  # bytes
MAX_STREAM = 512 << 20
MAX_ENTRIES = 200_000
BLOCK = tarfile.BLOCKSIZE

_SUM = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_RAW = re.compile(r"(.+)\.([0-9]{1,4})\.bin")
_NAMED = {"status", "stderr", "out.jsonl"}


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """One run of `edge-infer` in the guest.

    Attributes:
        status: its exit status.
        stderr: the end of its diagnostics.
        lines: its standard output, a JSON line a frame.
        raw: (sample, index of the output) -> the output's bytes.
    """

    status: int
    stderr: str
    lines: tuple[str, ...]
    raw: Mapping[tuple[str, int], bytes] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class GuestResults:
    """Everything that the guest sent.

    Attributes:
        inputs: absolute path in the image -> SHA-256, of models, samples, labels.
        runs: (model, mode) -> its run.
    """

    inputs: Mapping[str, str]
    runs: Mapping[tuple[str, str], ModelRun]


def read_results(stream: bytes) -> GuestResults:
    """Read and check the whole stream.

    Raises:
        TruncatedError: it ends before `END`.
        CorruptedError: a checksum or a name is wrong, or an entry is too large.
    """
    if not stream:
        raise TruncatedError(
            "the guest sent no results",
            hint="Has the image /usr/lib/edgeimg/verify, in QEMU a driver for virtio serial ports, "
            "and is the board's `console` one that its kernel has?",
        )
    entries: dict[str, bytes] = {}
    for name, data in _entries(stream):
        if name in entries:
            raise CorruptedError(f"the guest sent {name} twice")
        entries[name] = data
        if name == "END":
            break
    if "END" not in entries:
        last = next(reversed(entries), "nothing")
        raise TruncatedError(
            f"the guest's results were cut short: {len(entries)} entries, "
            f"{len(stream)} bytes, the last whole one is {last}"
        )
    if entries.pop("END").strip() != b"0":
        raise CorruptedError("the guest could not collect its results: END is not 0")
    _check_sums(entries)
    inputs = _sums(entries.pop("INPUTS.sha256"), "INPUTS.sha256")
    return GuestResults(inputs=inputs, runs=_runs(entries))


def _entries(stream: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each regular file, as far as the stream goes."""
    position = 0
    total = 0
    long_name: str | None = None
    while position + BLOCK <= len(stream):
        header = stream[position : position + BLOCK]
        try:
            entry = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as problem:
            if not header.strip(b"\0"):
                return  # the end of the archive
            raise CorruptedError(
                f"the guest's results are damaged at byte {position}: {problem}"
            ) from problem
        total += 1
        if entry.size < 0 or entry.size > MAX_ENTRY or total > MAX_ENTRIES:
            raise CorruptedError(
                f"the guest's results are too large: {entry.name!r} has {entry.size} bytes"
            )
        begin = position + BLOCK
        data = stream[begin : begin + entry.size]
        position = begin + -(-entry.size // BLOCK) * BLOCK
        if len(data) < entry.size:
            return
        if entry.type == tarfile.GNUTYPE_LONGNAME:
            long_name = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
            continue
        name, long_name = long_name or entry.name, None
        if entry.isdir():
            continue
        if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise CorruptedError(f"the guest sent {name!r}, which is not a regular file")
        yield _checked(name), data


def _checked(name: str) -> str:
    parts = name.removeprefix("./").split("/")
    if name.startswith("/") or not all(parts) or {".", ".."} & set(parts) or not name.isprintable():
        raise CorruptedError(f"the guest sent a file with the name {name!r}")
    return "/".join(parts)


def _sums(data: bytes, name: str) -> dict[str, str]:
    """Path -> SHA-256, of `sha256sum`'s lines."""
    sums = {}
    for line in filter(None, data.decode("utf-8", "surrogateescape").split("\n")):
        found = _SUM.fullmatch(line)
        if found is None:
            raise CorruptedError(f"{name} of the guest has the line {line[:200]!r}")
        sums[found[2]] = found[1]
    return sums


def _check_sums(entries: dict[str, bytes]) -> None:
    """Every entry has its checksum, and every checksum its entry."""
    missing = [name for name in ("INPUTS.sha256", "SHA256SUMS") if name not in entries]
    if missing:
        raise CorruptedError(f"the guest's results lack {missing[0]}")
    sums = {
        path.removeprefix("./"): digest
        for path, digest in _sums(entries.pop("SHA256SUMS"), "SHA256SUMS").items()
    }
    for name, data in entries.items():
        if name not in sums:
            raise CorruptedError(f"the guest's results have no checksum of {name}")
        if hashlib.sha256(data).hexdigest() != sums[name]:
            raise CorruptedError(f"{name} was changed on its way from the guest: wrong checksum")
    lost = sorted(set(sums) - set(entries))
    if lost:
        raise CorruptedError(f"the guest's results lack {lost[0]}, which has a checksum")


def _runs(entries: Mapping[str, bytes]) -> dict[tuple[str, str], ModelRun]:
    files: dict[tuple[str, str], dict[str, bytes]] = {}
    raws: dict[tuple[str, str], dict[tuple[str, int], bytes]] = {}
    for name, data in entries.items():
        parts = name.split("/")
        found = _RAW.fullmatch(parts[-1])
        if len(parts) == 3 and parts[2] in _NAMED:
            files.setdefault((parts[0], parts[1]), {})[parts[2]] = data
        elif len(parts) == 4 and parts[2] == "raw" and found is not None:
            raw = raws.setdefault((parts[0], parts[1]), {})
            raw[found[1], int(found[2])] = data
        else:
            raise CorruptedError(f"the guest sent {name}, which is not a result")
    runs = {}
    for key in sorted(files.keys() | raws.keys()):
        found_files = files.get(key, {})
        lost = sorted(_NAMED - found_files.keys())
        if lost:
            raise CorruptedError(f"the guest's results lack {'/'.join(key)}/{lost[0]}")
        runs[key] = ModelRun(
            status=_status(found_files["status"], "/".join(key)),
            stderr=found_files["stderr"].decode("utf-8", "replace"),
            lines=tuple(
                filter(None, found_files["out.jsonl"].decode(errors="replace").split("\n"))
            ),
            raw=raws.get(key, {}),
        )
    return runs


def _status(data: bytes, key: str) -> int:
    text = data.strip()
    if not text.isdigit() or len(text) > 3:
        raise CorruptedError(f"{key}/status of the guest is {text[:20]!r}, not a number")
    return int(text)
