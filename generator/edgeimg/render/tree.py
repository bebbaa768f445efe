"""The files to emit, in memory: text, or a reference to a hashed file."""

from __future__ import annotations

import hashlib
import stat
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from edgeimg.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Text:
    """A file that was rendered."""

    content: str
    executable: bool = False
    private: bool = False

    def data(self) -> bytes:
        return self.content.encode()


@dataclass(frozen=True, kw_only=True)
class Data:
    """A file of bytes that were computed."""

    content: bytes
    executable: bool = False
    private: bool = False

    def data(self) -> bytes:
        return self.content


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A file that is copied as it is. `sha256`, if known, is checked when written."""

    source: Path
    executable: bool = False
    private: bool = False
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


Entry = Text | Data | Copy | Link


@dataclass
class Tree:
    """Files by their path in the project; a path is given once, or replaced on purpose.

    Attributes:
        files: what is written.
        empty: folders without files, which a folder under version control cannot hold.
    """

    files: dict[str, Entry] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)
    _folders: set[str] = field(default_factory=set, repr=False)

    def add(self, path: str, entry: Entry, *, replace: bool = False) -> None:
        """Puts a file into the tree.

        Raises:
            ValueError: the path leaves the tree, is there already, or would be both
                a file and a folder.
        """
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or path != str(pure):
            raise ValueError(f"{path} is not a path in the tree")
        if path in self.files and not replace:
            raise ValueError(f"{path} is in the tree already")
        if clash := self._clash(path):
            raise ValueError(f"{clash} is both a file and a folder")
        self.files[path] = entry
        self._folders.update(_parents(path))

    def copy_folder(
        self,
        source: Path,
        into: str = "",
        *,
        what: str = "",
        replace: bool = False,
        skip: Collection[str] = (".git",),
        exact: bool = False,
    ) -> None:
        """Adds all files of a folder, sorted; hidden ones too, but no caches.

        Args:
            source: the folder.
            into: where in the tree.
            what: how errors call the folder: `overlay`.
            replace: its files may stand for others that are in the tree already.
            skip: names in the folder itself, not below, that are left out.
            exact: caches, empty folders and the privacy of files count as well.

        Raises:
            UserError: something in it cannot be copied, or fits not into the tree.
        """
        what = what or source.name
        for path in files_of(source, what, skip=skip, exact=exact):
            relative = path.relative_to(source).as_posix()
            target = f"{into}/{relative}" if into else relative
            folder = path.is_dir() and not path.is_symlink()
            if clash := self._clash(target, folder=folder):
                inner = PurePosixPath(clash).relative_to(into).as_posix()
                link = "a link" if path.is_symlink() else "a file"
                here = "a folder" if folder or clash != target else link
                there = "a folder" if clash in self._folders else "a file"
                raise UserError(
                    f"{inner} is {here} here, and {there} in the image",
                    place=what,
                    hint="Rename it, or take it out.",
                )
            if not folder:
                self.add(target, _entry(path, private=exact), replace=replace)
            elif target not in self._folders:
                self.empty.add(target)

    def _clash(self, path: str, *, folder: bool = False) -> str:
        """The path, or the parent of it, that would be both a file and a folder."""
        if path in (self.files if folder else self._folders):
            return path
        return next((parent for parent in _parents(path) if parent in self.files), "")


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _entry(path: Path, *, private: bool) -> Entry:
    if path.is_symlink():
        return Link(target=str(path.readlink()))
    mode = path.stat().st_mode
    return Copy(source=path, executable=bool(mode & 0o100), private=private and not mode & 0o077)


def files_of(
    folder: Path, what: str, *, skip: Collection[str] = (), exact: bool = False
) -> Iterator[Path]:
    """All files and links below a folder, sorted by path; with `exact` empty folders as well.

    Raises:
        UserError: something is neither file, folder nor link, cannot be read, or has
            a name or a target that does not fit into a line.
    """
    yield from _walk(folder, folder, what, skip, exact)


def _walk(folder: Path, top: Path, what: str, skip: Collection[str], exact: bool) -> Iterator[Path]:
    try:
        paths = sorted(folder.iterdir(), key=lambda one: one.name)
    except OSError as error:
        name = folder.relative_to(top).as_posix()
        raise UserError(f"{name} cannot be read: {error.strerror}", place=what) from None
    if not paths and exact and folder != top:
        yield folder
    for path in paths:
        if path.name in skip or (path.name == "__pycache__" and not exact):
            continue
        if _is_folder(path, path.relative_to(top).as_posix(), what):
            yield from _walk(path, top, what, (), exact)
        else:
            yield path


def _is_folder(path: Path, name: str, what: str) -> bool:
    """True for a folder, False for a file or a link; anything else is refused."""
    if _breaks_a_line(name):
        message = f"the name {name!r} has a control character, or is not UTF-8"
        raise UserError(message, place=what)
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) and _breaks_a_line(target := str(path.readlink())):
            message = f"{name} leads to {target!r}, with a control character, or not UTF-8"
            raise UserError(message, place=what)
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            raise UserError(f"{name} is neither file, folder nor link", place=what)
        if stat.S_ISREG(mode):
            path.open("rb").close()
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}", place=what) from None
    return stat.S_ISDIR(mode)


def _breaks_a_line(name: str) -> bool:
    return any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name)
