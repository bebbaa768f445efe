"""The cache: what was fetched or computed once, found again by its content.

    <root>/CACHEDIR.TAG
    <root>/downloads/<sha256>       verified files; the Makefile's DOWNLOADS
    <root>/<namespace>/<key>        computed artefacts: `models`, `goldens`, `compiled`
    <root>/apt/<key>/               package lists and apt's private configuration
    <root>/locks/                   one file a key that somebody has worked on

Everything in it can be made again, so all of it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import filelock
import platformdirs

from edgeimg.errors import UserError

# https://bford.info/cachedir/
_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n"
    b"# This folder is a cache of edgeimg; all of it can be made again.\n"
)
_LOCKS = "locks"
# All that is ours: the root may be a folder with other things in it, which are never removed.
NAMESPACES = (
    "apt",
    "buildroot",
    "buildroot-downloads",
    "ccache",
    "compiled",
    "downloads",
    "goldens",
    "models",
    "tools",
    "yocto-downloads",
    "yocto-repositories",
    "yocto-sstate",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one namespace of the cache holds."""

    name: str
    files: int
    size: int


class Cache:
    """A content-addressed store on disk.

    Args:
        root: its folder; None takes $EDGEIMG_CACHE, else the user's cache folder.

    Raises:
        UserError: the folder cannot be written.
    """

    def __init__(self, root: Path | None = None) -> None:
        chosen = root or os.environ.get("EDGEIMG_CACHE") or platformdirs.user_cache_dir("edgeimg")
        try:
            self.root = Path(chosen).expanduser().absolute()
        except RuntimeError:
            raise UserError(
                f"{chosen} is not a path here", place="EDGEIMG_CACHE", hint="Whose home is that?"
            ) from None
        if "$" in str(self.root):
            hint = "Set EDGEIMG_CACHE to another folder."
            raise UserError(f"make and ccache expand the $ in the path {self.root}", hint=hint)
        tag = self.root / "CACHEDIR.TAG"
        try:
            if not tag.exists():
                write_atomic(tag, _TAG)
        except OSError as problem:
            raise _unwritable(self.root, problem) from problem

    @property
    def downloads(self) -> Path:
        """The pool of verified files, named by their SHA-256."""
        return self.folder("downloads")

    def folder(self, *names: str) -> Path:
        """A folder below the root, made if it is missing."""
        path = self.root.joinpath(*(_checked(name) for name in names))
        if names[0] not in (*NAMESPACES, _LOCKS):
            raise ValueError(f"not a namespace of the cache: {names[0]}")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise _unwritable(path, problem) from problem
        return path

    def download(self, sha256: str) -> Path | None:
        """A file of the pool, or None; its content is checked, a spoilt one is removed."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"not a SHA-256: {sha256!r}")
        path = self.downloads / sha256
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None
        if found != sha256:
            path.unlink(missing_ok=True)
            return None
        _touch(path)
        return path

    def get(self, namespace: str, key: str) -> bytes | None:
        """An artefact, or None."""
        path = self._path(namespace, key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        _touch(path)
        return data

    def put(self, namespace: str, key: str, data: bytes) -> Path:
        """Store an artefact; readers see the old one or the whole new one."""
        path = self._path(namespace, key)
        write_atomic(path, data)
        return path

    def get_json(self, namespace: str, key: str) -> Any | None:
        """An artefact that was stored as JSON, or None when it is missing or spoilt."""
        data = self.get(namespace, key)
        try:
            return None if data is None else json.loads(data)
        except ValueError:
            return None

    def put_json(self, namespace: str, key: str, value: Any) -> Path:
        """Store a value as JSON, the same value as the same bytes."""
        return self.put(namespace, key, canonical_json(value) + b"\n")

    @contextmanager
    def lock(self, namespace: str, key: str) -> Iterator[None]:
        """Held by one process or thread at a time, for each key."""
        name = f"{_checked(namespace)}-{_checked(key)}.lock"
        with filelock.FileLock(self.folder(_LOCKS) / name):
            yield

    def usage(self) -> tuple[Usage, ...]:
        """Files and bytes of each namespace."""
        found = []
        for folder in (self.root / name for name in NAMESPACES):
            if not folder.is_dir():
                continue
            sizes = [_size(path) for path in folder.rglob("*") if path.is_file()]
            found.append(Usage(name=folder.name, files=len(sizes), size=sum(sizes)))
        return tuple(found)

    def prune(self, older_than: timedelta) -> int:
        """Delete what was not used for so long; returns the bytes that this freed."""
        limit = time.time() - older_than.total_seconds()
        freed = 0
        for usage in self.usage():
            for entry in sorted((self.root / usage.name).iterdir()):
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime >= limit:
                        continue
                    if entry.is_dir():
                        freed += sum(_size(path) for path in entry.rglob("*") if path.is_file())
                        shutil.rmtree(entry, ignore_errors=True)
                    else:
                        freed += _size(entry)
                        entry.unlink(missing_ok=True)
        return freed

    def clear(self, namespace: str) -> int:
        """Delete all of a namespace; returns the bytes that this freed."""
        folder = self.root / _checked(namespace)
        freed = sum(_size(path) for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder, ignore_errors=True)
        return freed

    def _path(self, namespace: str, key: str) -> Path:
        return self.folder(namespace) / _checked(key)


def write_atomic(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Write a file so that nobody ever sees half of it; its mode is 0644.

    Args:
        sync: whether the bytes must be on the disk before the file has its name.

    Raises:
        OSError: the folder cannot be made or written; it names the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _replace(path, data, sync)
    except OSError as error:
        # Not the file for a moment, and not none at all, as with a full disk.
        error.filename = str(path)
        raise


def in_place(path: Path) -> bool:
    """Whether a file that a user names is no plain file: a pipe, a device, a link (/dev/stdout)."""
    return path.is_symlink() or (path.exists() and not path.is_file())


def write_named(path: Path, data: bytes) -> None:
    """Write a file that a user names; a plain one by `write_atomic`.

    Raises:
        OSError: it cannot be written; it names the file.
    """
    if in_place(path):
        path.write_bytes(data)
    else:
        write_atomic(path, data)


def _replace(path: Path, data: bytes, sync: bool) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o644)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def canonical_json(value: Any) -> bytes:
    """The one JSON text of a value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _unwritable(path: Path, problem: OSError) -> UserError:
    hint = "Set EDGEIMG_CACHE to a folder that you may write."
    return UserError(f"cannot write the cache {path}: {problem.strerror}", hint=hint)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name for the cache: {name!r}")
    return name


def _touch(path: Path) -> None:
    """Remember that it was used, for `prune`; a read-only cache does not mind."""
    with suppress(OSError):
        os.utime(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
