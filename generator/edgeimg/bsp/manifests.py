"""Files that say where layers are checked out: of kas, bitbake-setup and repo."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from edgeimg.errors import InternalError, UserError
from edgeimg.manifest.load import is_file, is_folder, shown
from edgeimg.process import run

MAX_BYTES = 1 << 20
MAX_FILES = 100
KAS_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Named:
    """What such a file names.

    Attributes:
        layers: folders that it says are layers; empty when it does not say which.
        folders: checkouts in which the layers are to be found.
        missing: what it names and is not checked out, one line each.
        local_conf: what it writes into local.conf.
    """

    layers: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    local_conf: str = ""


def read_kas(path: Path) -> Named:
    """The layers of a kas file and of all that it includes, as kas itself reads them.

    A repository with an address is looked for where kas clones it: below KAS_WORK_DIR, here,
    beside the file, and in the folders above it.

    Raises:
        UserError: kas cannot read it.
    """
    whole = _kas_dump(path)
    named, folders, missing = [], [], []
    for name, repo in sorted((whole.get("repos") or {}).items()):
        repo = repo or {}
        folder = _kas_folder(path, name, repo)
        if folder is None:
            missing.append(f"{name}, {repo.get('url') or repo.get('path') or 'of this file'}")
            continue
        folders.append(folder)
        layers = repo.get("layers")
        for layer in layers or ["."]:
            if (layers or {}).get(layer) not in (
                "disabled",
                "excluded",
                0,
                False,
                "0",
                "n",
                "no",
                "false",
            ):
                named.append((folder / layer).resolve())
    return Named(
        layers=tuple(named),
        folders=tuple(folders),
        missing=tuple(missing),
        local_conf=_kas_local_conf(whole),
    )


def _kas_local_conf(whole: dict[str, Any]) -> str:
    """As kas writes it."""
    headers = sorted((whole.get("local_conf_header") or {}).items())
    lines = [text for _, text in headers if text]
    lines += [f'{key.upper()} ??= "{whole[key]}"' for key in ("machine", "distro") if key in whole]
    return "".join(f"{line}\n" for line in lines)


def _kas_dump(path: Path) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "edgeimg.bsp.kas_dump", "-l", "warning", "dump"]
    command += ["--format", "json"]
    command += ["--skip", "finish_setup_repos", "--skip", "repos_checkout", "--skip", "setup_dir"]
    env = {**os.environ}
    why = ""
    for folder in _above(path):
        # Files of other repositories are included from where those are checked out.
        env["KAS_WORK_DIR"] = str(folder)
        try:
            done = run(
                [*command, path.resolve()],
                env=env,
                cwd=path.resolve().parent,
                timeout=KAS_SECONDS,
                check=False,
            )
        except InternalError:
            raise UserError("kas took too long to read it", place=shown(path)) from None
        if done.status == 0:
            try:
                whole = json.loads(done.stdout)
            except ValueError:
                break
            return whole if isinstance(whole, dict) else {}
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        # The likeliest folder's: a file that is missing is named there.
        why = why or (_kas_says(lines) if lines else "it says nothing")
    raise UserError(
        f"kas cannot read it: {why}",
        place=shown(path),
        hint="Check it with `kas dump`; set KAS_WORK_DIR to where its repositories are.",
    )


def _kas_says(lines: list[str]) -> str:
    """The reason among kas's lines: what its schema found, else the last one."""
    told = [after for line, after in pairwise(lines) if line.endswith("validation Error:")]
    return (told[0] if told else lines[-1].split(" - ")[-1]).strip()[:300]


def _above(path: Path) -> Iterator[Path]:
    """Folders that kas may have cloned to, the likeliest first."""
    if named := os.environ.get("KAS_WORK_DIR"):
        yield Path(named)
    yield Path.cwd()
    parents = path.resolve().parents
    yield from parents[:4]


def _kas_folder(path: Path, name: str, repo: dict[str, Any]) -> Path | None:
    said = repo.get("path")
    if not repo.get("url") and not said:
        return _root(path)
    for base in _above(path):
        folder = base / (said or name)
        if is_folder(folder):
            return folder.resolve()
    return None


def _root(path: Path) -> Path:
    """The repository that a kas file lies in, else its folder."""
    here = path.resolve().parent
    return next((one for one in (here, *here.parents) if (one / ".git").exists()), here)


def is_setup(path: Path) -> bool:
    """Whether the file is a configuration of bitbake-setup; kas reads .json too."""
    return path.name.endswith(".json") and "bitbake-setup" in _setup(path)


def read_setup(path: Path) -> Named:
    """The layers of all configurations in a file of bitbake-setup's.

    Its sources lie in the folder `layers` of what `bitbake-setup init` made, here or above the
    file; else beside each other.

    Raises:
        UserError: it names no source, or is not in the form that bitbake-setup reads.
    """
    whole = _setup(path)
    try:
        places = [str(one.get("path") or name) for name, one in whole["sources"].items()]
        layers, beside = _setup_layers(whole["bitbake-setup"]["configurations"])
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(
            f"is no configuration of bitbake-setup: {str(error)[:100]}", place=shown(path)
        ) from None
    here = (*path.resolve().parents[:5], Path.cwd())
    tops = [top for folder in here for top in (folder / "layers", folder)]
    root = next((top for top in tops if any(is_folder(top / place) for place in places)), None)
    missing = [one for one in places if root is None or not is_folder(root / one)]
    if root is None:
        return Named(missing=tuple(missing))
    folders = [(root / one).resolve() for one in places if one not in missing]
    named = [(root / one).resolve() for one in layers if one.split("/")[0] not in missing]
    named += [(path.parent / one).resolve() for one in beside]
    return Named(layers=tuple(named), folders=tuple(folders), missing=tuple(missing))


def _setup(path: Path) -> dict[str, Any]:
    try:
        whole = json.loads(path.read_bytes()) if path.stat().st_size <= MAX_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return whole if isinstance(whole, dict) else {}


def _setup_layers(configurations: list[Any]) -> tuple[list[str], list[str]]:
    """The layers in the sources, and those beside the file; a configuration may hold others."""
    layers: dict[str, None] = {}
    beside: dict[str, None] = {}
    for one in configurations:
        layers |= dict.fromkeys(one.get("bb-layers") or ())
        beside |= dict.fromkeys(one.get("bb-layers-file-relative") or ())
        more = _setup_layers(one.get("configurations") or [])
        layers |= dict.fromkeys(more[0])
        beside |= dict.fromkeys(more[1])
    return list(layers), list(beside)


def read_repo(path: Path) -> Named:
    """The checkouts that a manifest of repo names.

    Raises:
        UserError: it is not a manifest, or includes one that is not there.
    """
    projects: dict[str, str] = {}  # by their place: a project may be checked out twice
    left: set[str] = set()
    seen: set[Path] = set()
    base = path.resolve().parent
    if base.name == ".repo":
        base = base / "manifests"

    def take(file: Path) -> None:
        if file in seen:
            return
        seen.add(file)
        if len(seen) > MAX_FILES:
            raise UserError("includes too many others", place=shown(path))
        for element in _xml(file):
            name = element.get("name", "")
            if element.tag == "include" and name:
                # Relative to the repository of the manifests, which may have folders.
                tops = (base, *base.parents[:3])
                files = [top / name for top in tops if is_file(top / name)]
                take((files or [base / name])[0].resolve())
            elif element.tag == "project" and name:
                place = element.get("path") or name
                projects[place] = name
                if "notdefault" in re.split(r"[,\s]+", element.get("groups", "")):
                    left.add(place)
            elif element.tag == "remove-project":
                for place in [one for one, of in projects.items() if of == name]:
                    del projects[place]

    take(path.resolve())
    if path.parent.resolve().name == ".repo":  # which the user has added here
        for file in sorted(path.parent.resolve().glob("local_manifests/*.xml")):
            take(file)
    if not projects:
        raise UserError("names no project", place=shown(path), hint="Is it a manifest of repo?")
    root = _workspace(path.resolve(), list(projects))
    folders, missing = [], []
    for place, name in sorted(projects.items()):
        if root is not None and is_folder(root / place):
            folders.append((root / place).resolve())
        elif place not in left:  # which repo checks out only when told to
            missing.append(f"{place}, project {name}")
    return Named(folders=tuple(folders), missing=tuple(missing))


def _xml(path: Path) -> list[ElementTree.Element]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"has more than {MAX_BYTES:,} bytes", place=shown(path))
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"cannot be read: {error.strerror}", place=shown(path), hint="Check the path."
        ) from None
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UserError("has a DOCTYPE, which a manifest of repo has not", place=shown(path))
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UserError(f"is not XML: {error}", place=shown(path)) from None
    if root.tag != "manifest":
        raise UserError(
            f"begins with <{root.tag[:40]}>, and a manifest of repo with <manifest>",
            place=shown(path),
        )
    return list(root)


def _workspace(path: Path, places: list[str]) -> Path | None:
    """The folder that the projects are checked out in."""
    for folder in (*path.parents[:5], Path.cwd()):
        if any(is_folder(folder / place) for place in places):
            return folder
    return None
