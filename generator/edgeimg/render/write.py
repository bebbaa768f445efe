"""Tree -> project on disk: writes what changed, removes what went stale.

What we own is listed in `.edgeimg-files`; a file that a user added is never touched.
The list is written before the files, as the union of old and new, so that a
killed run leaves nothing that the next one does not know as its own.
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
    """What writing a tree changed."""

    folder: Path
    files: int
    changed: tuple[str, ...]
    removed: tuple[str, ...]


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
    if wanted - owned:
        _write_owned(folder, owned | wanted)
    changed = [path for path in sorted(wanted) if _bring(folder / path, tree.files[path])]
    removed = [path for path in sorted(owned - wanted) if _remove(folder, path)]
    if owned != wanted:
        _write_owned(folder, wanted)
    return Written(folder=folder, files=len(wanted), changed=tuple(changed), removed=tuple(removed))


def _owned(folder: Path) -> set[str] | None:
    try:
        lines = (folder / OWNED).read_text(encoding="utf-8").splitlines()
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


def _remove(folder: Path, name: str) -> bool:
    path = folder / name
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
