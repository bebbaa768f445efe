"""The files to emit, in memory: text, or a reference to a hashed file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, kw_only=True)
class Text:
    """A file that was rendered."""

    content: str
    executable: bool = False

    def data(self) -> bytes:
        return self.content.encode()


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A file that is copied as it is. `sha256`, if known, is checked when written."""

    source: Path
    executable: bool = False
    sha256: str | None = None

    def data(self) -> bytes:
        """The bytes to write.

        Raises:
            OSError: the file cannot be read.
            ValueError: it changed after it was planned.
        """
        content = self.source.read_bytes()
        if self.sha256 and hashlib.sha256(content).hexdigest() != self.sha256:
            raise ValueError(f"{self.source} changed while it was used")
        return content


@dataclass(frozen=True, kw_only=True)
class Link:
    """A symbolic link of the user's overlay, kept as it is."""

    target: str


Entry = Text | Copy | Link


@dataclass
class Tree:
    """Files by their path in the project; a path is given once, or replaced on purpose."""

    files: dict[str, Entry] = field(default_factory=dict)

    def add(self, path: str, entry: Entry, *, replace: bool = False) -> None:
        """Puts a file into the tree.

        Raises:
            ValueError: the path leaves the tree, or is there already.
        """
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or path != str(pure):
            raise ValueError(f"{path} is not a path in the tree")
        if path in self.files and not replace:
            raise ValueError(f"{path} is in the tree already")
        self.files[path] = entry

    def copy_folder(self, source: Path, into: str = "", *, replace: bool = False) -> None:
        """Adds all files of a folder, sorted; hidden ones too, but no caches."""
        for path in files_of(source):
            relative = path.relative_to(source).as_posix()
            target = f"{into}/{relative}" if into else relative
            entry: Entry
            if path.is_symlink():
                entry = Link(target=str(path.readlink()))
            else:
                executable = bool(path.stat().st_mode & 0o100)
                entry = Copy(source=path, executable=executable)
            self.add(target, entry, replace=replace)


SKIPPED = {"__pycache__", ".git", ".cache", "build", ".DS_Store"}


def files_of(folder: Path) -> Iterator[Path]:
    """All files and links below a folder, sorted by path, without caches."""
    for path in sorted(folder.iterdir(), key=lambda one: one.name):
        if path.name in SKIPPED:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from files_of(path)
        else:
            yield path
