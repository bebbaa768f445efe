"""From what the user names to the layers that make up a BSP."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgeimg.bsp.manifests import Named, is_setup, read_kas, read_repo, read_setup
from edgeimg.bsp.read import find_bitbake, read
from edgeimg.bsp.reading import Layer
from edgeimg.errors import UserError
from edgeimg.manifest.load import is_file, is_folder, shown

DEPTH = 4
MAX_FOLDERS = 20_000
MAX_BESIDE = 1000
# Folders of a layer that hold no layers.
NOT_INTO = re.compile(
    r"\..*|(?:recipes|classes)(?:-.*)?|dynamic-layers|files|conf|lib|scripts|downloads"
)
# oe-core's own, which nobody's BSP is.
CORE = "core"
OF_CORE = frozenset({CORE, "selftest", "skeleton"})


@dataclass(frozen=True, kw_only=True)
class Bsp:
    """The layers of a BSP, and what was looked for and not found.

    Attributes:
        bitbake: the folder that holds BitBake's package `bb`.
        layers: in the order of BBLAYERS, oe-core's first; None: those of `build`.
        own: those of them that the user named; None: all but oe-core.
        chosen: somebody has said which layers are in the build.
        build: a build folder.
        local_conf: what the user's file writes into local.conf.
        missing: what was named and is not here, one line each.
        notes: what the user should know.
        beside: layers that lie beside them and are not taken.
    """

    bitbake: Path
    layers: tuple[Path, ...] | None
    own: tuple[Path, ...] | None = None
    chosen: bool = False
    build: Path | None = None
    local_conf: str = ""
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    beside: tuple[Path, ...] = ()


@dataclass(kw_only=True)
class _Places:
    """What the paths that the user named come to; `direct`: layers that are such a path."""

    layers: list[Path] = field(default_factory=list)
    direct: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)
    local_conf: str = ""
    chosen: bool = False


def find(
    paths: Sequence[Path], *, bitbake: Path | None, core: Path | None, every: bool = False
) -> Bsp:
    """The BSP at these paths: layers, folders of them, files that name them, a build folder.

    Layers that these depend on, and oe-core, are looked for beside them.

    Args:
        bitbake: the user's BitBake; None: one that lies there, else the package's.
        core: oe-core's checkout, or its folder `meta`; None: one that lies there.
        every: layers without a machine count too.

    Raises:
        UserError: there is no layer, or BitBake is missing.
    """
    for path in paths:
        if is_file(path / "conf/bblayers.conf"):
            return _build_folder(path, paths, bitbake, core)
    places = _Places()
    for path in paths:
        _take(path, places)
    if not places.layers:
        for tree in (one for path in paths for one in (path, *_folders(path))):
            if is_file(tree / "external.desc"):
                raise UserError(
                    "is an external tree of Buildroot, and no layer of Yocto's",
                    place=shown(tree),
                    hint="Boards are made of it: edgeimg bsp import, with this very folder.",
                )
        missing = f" Not checked out: {'; '.join(places.missing)}." if places.missing else ""
        raise UserError(
            "no layer is here",
            place=shown(paths[0]),
            hint=f"A layer has a file conf/layer.conf.{missing}",
        )
    beside = [*places.beside, *(_around(places.layers))]
    parser = find_bitbake(bitbake, [folder / "bitbake" for folder in beside] + beside)
    if core is not None:
        places.layers.insert(0, _meta(core))
    layers, notes = _stack(parser, places, beside, every=every)
    return Bsp(
        bitbake=parser,
        layers=layers,
        own=tuple(one for one in layers if one in places.layers and not is_core(one)),
        chosen=places.chosen,
        local_conf=places.local_conf,
        missing=tuple(places.missing),
        notes=notes,
        beside=tuple(one for one in dict.fromkeys(_beside(beside)) if one not in layers),
    )


def _build_folder(
    path: Path, paths: Sequence[Path], bitbake: Path | None, core: Path | None
) -> Bsp:
    if len(paths) > 1 or core is not None:
        raise UserError(
            "is a build folder, which names all its layers itself",
            place=shown(path),
            hint="Give it alone.",
        )
    beside = [*path.resolve().parents[:3]]
    parser = find_bitbake(bitbake, [one / name for one in beside for name in ("bitbake", ".")])
    return Bsp(bitbake=parser, layers=None, chosen=True, build=path.resolve())


def _take(path: Path, places: _Places) -> None:
    if is_file(path / "conf/layer.conf"):
        places.layers.append(path.resolve())
        places.direct.append(path.resolve())
        return
    if is_folder(path):
        places.layers += _below([path])
        places.beside.append(path.resolve())
        return
    if not is_file(path):
        raise UserError("does not exist", place=shown(path), hint="Check the path.")
    named: Named
    if is_setup(path):
        named = read_setup(path)
        places.chosen = True
    elif path.suffix in (".yml", ".yaml", ".json"):
        named = read_kas(path)
        places.chosen = True
    elif path.suffix == ".xml":
        named = read_repo(path)
    else:
        raise UserError(
            "is not a BSP",
            place=shown(path),
            hint="Give a layer, a folder of layers, a kas file (.yml), a manifest of repo (.xml), "
            "a configuration of bitbake-setup (.conf.json), a build folder, or an external tree "
            "of Buildroot.",
        )
    for layer in named.layers or _below(named.folders):
        if is_file(layer / "conf/layer.conf"):
            places.layers.append(layer)
        else:
            places.missing.append(f"{shown(layer)}, which has no conf/layer.conf")
    places.missing += named.missing
    places.local_conf += named.local_conf
    places.beside += [folder.parent for folder in named.folders]


def _below(folders: Sequence[Path]) -> list[Path]:
    """The layers below these folders; links to folders are not followed."""
    found: list[Path] = []
    visited = itertools.count()
    for top in folders:
        depth = len(top.resolve().parts)
        for folder, names, files in os.walk(top.resolve()):
            here = Path(folder)
            if next(visited) > MAX_FOLDERS:
                raise UserError(
                    f"has more than {MAX_FOLDERS:,} folders", place=shown(top), hint="Name a layer."
                )
            names[:] = sorted(
                name
                for name in names
                if not NOT_INTO.fullmatch(name) and not (here / name / "lib/bb").exists()
            )
            if len(here.parts) - depth >= DEPTH:
                names.clear()
            if "layer.conf" not in files and is_file(here / "conf/layer.conf"):
                found.append(here)
    return list(dict.fromkeys(found))


def _folders(path: Path) -> list[Path]:
    return [one for one in sorted(path.iterdir()) if is_folder(one)] if is_folder(path) else []


def _around(layers: Sequence[Path]) -> list[Path]:
    """Folders in which the checkouts lie that belong to these layers."""
    found = []
    for layer in layers:
        top = next((one for one in (layer, *layer.parents) if (one / ".git").exists()), layer)
        found += [layer.parent, top.parent]
    return list(dict.fromkeys(found))


def _beside(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        for pattern in ("*/conf/layer.conf", "*/*/conf/layer.conf"):
            for path in itertools.islice(folder.glob(pattern), MAX_BESIDE):
                yield path.parent.parent.resolve()


def _meta(core: Path) -> Path:
    for folder in (core / "meta", core):
        if is_file(folder / "conf/bitbake.conf"):
            return folder.resolve()
    raise UserError(
        "has no meta/conf/bitbake.conf", place=shown(core), hint="Name oe-core's checkout."
    )


def _stack(
    bitbake: Path, places: _Places, beside: Sequence[Path], *, every: bool
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The layers with machines, what they depend on, and oe-core before all."""
    named = list(dict.fromkeys(places.layers))
    others = [one for one in dict.fromkeys(_beside(beside)) if one not in named]
    # oe-core's first: it brings the Python `oe`, which others' layer.conf may use.
    asked = sorted([*named, *others], key=lambda one: not is_core(one))
    said = {one.path: one for one in read(bitbake, asked, apart=True).layers}
    first = [said[path] for path in named if path in said]
    notes = [f"{shown(one.path)}: {one.problem}" for one in first if one.problem]
    core = _choose(CORE, [*first, *(said[path] for path in others)], None)
    series = set(core.corenames) if core is not None else None
    order: list[Layer] = [core] if core is not None else []
    known = [*first, *(said[path] for path in others if path in said)]

    taken = set(core.names) if core is not None else set()

    def take(layer: Layer) -> None:
        if taken & set(layer.names):
            return
        taken.update(layer.names)  # before its dependencies, which may be a circle
        for name in layer.depends:
            other = _choose(name, known, series)
            if other is not None:
                take(other)
            elif name != CORE:
                notes.append(f"{layer.path.name} depends on the layer {name}, which is not here")
        order.append(layer)

    for layer in first:
        if set(layer.names) & OF_CORE or layer.problem:
            continue
        twin = _choose(layer.names[0], first, series) if layer.names else layer
        if twin is not None and twin is not layer and not places.chosen:
            notes.append(f"{shown(layer.path)} is left out: {shown(twin.path)} has its name too")
            continue
        # Machines include files of layers that have none, and do not always depend on them.
        parts = layer.path in places.direct or is_folder(layer.path / "conf/machine")
        if every or places.chosen or parts:
            take(layer)
    if core is None:
        notes.append(
            "openembedded-core is not here: what its files say of CPUs is not known; name it "
            "with --core"
        )
    mine = [one for one in order if one is not core]
    if not mine or not (every or places.chosen or any(_has_machines(one.path) for one in mine)):
        if notes and any(one.problem for one in first):
            raise UserError(notes[0], hint="BitBake could not read it.")
        raise UserError(
            "no layer here has a machine (conf/machine/NAME.conf)",
            place=shown(next((one for one in named if not is_core(one)), named[0])),
            hint=no_machine(places.missing),
        )
    return tuple(one.path for one in order), tuple(dict.fromkeys(notes))


def no_machine(missing: Sequence[str]) -> str:
    """What to do where no layer has a machine; `missing`: what is not checked out."""
    if missing:
        return f"Not checked out: {'; '.join(missing)}."
    return "A board is made of a machine: name the layer that has them, a BSP's."


def _choose(name: str, layers: Sequence[Layer], series: set[str] | None) -> Layer | None:
    """The first layer of that collection, one that is for the series before others."""
    of_name = [one for one in layers if name in one.names and one.problem is None]
    fitting = [one for one in of_name if series and series & (one.series or series)]
    return next(iter([*fitting, *of_name]), None)


def is_core(layer: Path) -> bool:
    """Whether the layer is oe-core's own."""
    return is_file(layer / "conf/bitbake.conf")


def _has_machines(layer: Path) -> bool:
    return next((layer / "conf/machine").glob("*.conf"), None) is not None
