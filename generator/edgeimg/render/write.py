"""Tree -> project on disk: writes what changed, removes what went stale.

What we own is listed in `.edgeimg-files`; a file that a user added is never touched.
The list is written before the files, as the union of old and new, so that a
killed run leaves nothing that the next one does not know as its own. What went
stale is removed first: it may be in the way of what comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeimg.cache import write_atomic
from edgeimg.errors import UserError
from edgeimg.manifest.load import shown
from edgeimg.render.tree import Entry, Link, Tree

OWNED = ".edgeimg-files"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What writing a tree changed.

    Attributes:
        identity: of the image that is built from it.
    """

    folder: Path
    files: int
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    identity: str = ""


def write(tree: Tree, folder: Path) -> Written:
    """Brings the project folder to the tree.

    Raises:
        UserError: the folder holds other things and is not a project of ours, or
            cannot be written.
    """
    try:
        return _write(tree, folder)
    except ValueError as error:
        raise UserError(str(error), hint="Run it again.") from None
    except OSError as error:
        place = shown(Path(error.filename)) if error.filename else shown(folder)
        raise UserError(f"cannot be written: {error.strerror}", place=place) from None


def _write(tree: Tree, folder: Path) -> Written:
    owned = _owned(folder)
    if owned is None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(
                "is not an edgeimg project and not empty",
                place=shown(folder),
                hint="Name another folder with --project.",
            )
        owned = set()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(tree.files)
    for path in sorted(wanted):
        _check_way(folder, path, owned)
    if wanted - owned:
        _write_owned(folder, owned | wanted)
    removed = [path for path in sorted(owned - wanted) if _remove(folder, path)]
    changed = [path for path in sorted(wanted) if _bring(folder / path, tree.files[path])]
    if owned != wanted:
        _write_owned(folder, wanted)
    return Written(folder=folder, files=len(wanted), changed=tuple(changed), removed=tuple(removed))


def _check_way(folder: Path, name: str, owned: set[str]) -> None:
    """Refuses what is in the way of a file and not ours, before anything is written."""
    path = folder / name
    for parent in _parents(folder, path):
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            # No path of a tree is both file and folder: ours is stale, and goes first.
            if parent.relative_to(folder).as_posix() in owned:
                return
            if parent.is_symlink():
                _refuse(parent, "is a link; edgeimg does not write through it")
            _refuse(parent, f"is a file, in the way of {name}")
    if path.is_dir() and not path.is_symlink():
        for below in sorted(path.rglob("*")):
            ours = below.relative_to(folder).as_posix() in owned
            if not ours and (below.is_symlink() or not below.is_dir()):
                _refuse(below, f"is in the way of the file {name}")


def _refuse(path: Path, message: str) -> None:
    raise UserError(message, place=shown(path), hint="Move it away; it is not edgeimg's.")


def _parents(folder: Path, path: Path) -> list[Path]:
    """The folders between the project and one of its paths, from the top."""
    parts = path.relative_to(folder).parts
    return [folder.joinpath(*parts[:end]) for end in range(1, len(parts))]


def _owned(folder: Path) -> set[str] | None:
    try:
        lines = (folder / OWNED).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return {
        line
        for line in lines
        if line and not line.startswith(("/", "#")) and ".." not in line.split("/")
    }


def _write_owned(folder: Path, paths: set[str]) -> None:
    header = "# Files that edgeimg wrote and will replace or remove; others are yours.\n"
    write_atomic(folder / OWNED, (header + "".join(f"{path}\n" for path in sorted(paths))).encode())


def _bring(path: Path, entry: Entry) -> bool:
    """Writes the file if it is not already so; True if it was written."""
    if isinstance(entry, Link):
        if path.is_symlink() and str(path.readlink()) == entry.target:
            return False
        _clear(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(entry.target)
        return True
    content = entry.data()
    mode = 0o755 if entry.executable else 0o644
    if entry.private:
        mode &= 0o700
    if path.is_file() and not path.is_symlink():
        status = path.stat()
        if status.st_size == len(content) and path.read_bytes() == content:
            if status.st_mode & 0o777 != mode:
                path.chmod(mode)
            return False
    _clear(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)
    path.chmod(mode)
    return True


def _clear(path: Path) -> None:
    # A link is never written through: it may lead out of the project.
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():  # of empty folders, as what is not ours was refused
        for below in sorted(path.rglob("*"), reverse=True):
            below.rmdir()
        path.rmdir()


def _remove(folder: Path, name: str) -> bool:
    path = folder / name
    if any(parent.is_symlink() for parent in _parents(folder, path)):
        return False  # somebody else's by now
    if not path.is_symlink() and not path.is_file():
        return False
    path.unlink()
    for parent in path.parents:
        if parent == folder:
            break
        try:
            parent.rmdir()
        except OSError:
            break
    return True
