"""`bsp check`: what would clash between a BSP's layers and the layer that a product emits."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeimg.bsp.draft import one_line
from edgeimg.bsp.reading import Layer, Reading, Recipe
from edgeimg.builders.yocto.render import LAYER, image_name
from edgeimg.manifest.load import shown
from edgeimg.plan.plan import Plan, YoctoPlan

COLLECTION = "edgeimg"
PRIORITY = 6  # as templates/yocto/meta-edgeimg/conf/layer.conf has it


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One clash.

    Attributes:
        kind: what kind it is, in a word or two.
        stops: the image would not be built, or not with what it needs.
        text: what clashes, and who wins.
        hint: what to do.
    """

    kind: str
    stops: bool
    text: str
    hint: str = ""


def our_recipes(plan: Plan, yocto: YoctoPlan) -> dict[str, tuple[str, str]]:
    """Recipe -> its version and its path in the layer."""
    found = {"packagegroup-edgeimg": ("", "recipes-core/packagegroups/packagegroup-edgeimg.bb")}
    image = image_name(plan)
    found[image] = ("", f"recipes-core/images/{image}.bb")
    for path, folder in yocto.recipes.items():
        for recipe in sorted(folder.glob("*.bb")):
            name, _, version = recipe.stem.partition("_")
            found[name] = (version, f"{path}/{recipe.name}")
    return found


def check(plan: Plan, reading: Reading, missing: Sequence[str], project: Path) -> list[Finding]:
    """All that would clash, what stops a build first.

    Args:
        plan: of the product.
        reading: of the BSP's layers, and of the product's machine if they have it.
        missing: checkouts that the BSP names and that are not here.
        project: the folder of the project, whose layer BBMASK might match.
    """
    assert plan.yocto is not None
    ours = our_recipes(plan, plan.yocto)
    found = [
        Finding(kind="not checked out", stops=True, text=one, hint="Check it out.")
        for one in missing
    ]
    found += _layers(reading)
    found += _series(reading, plan.yocto)
    found += _depends(reading, plan.yocto)
    found += _collections(reading)
    found += _machine(reading, plan.yocto)
    found += _distro(reading, plan)
    found += _recipes(reading, ours)
    found += _preferred(reading, plan.yocto.machine, ours)
    found += _masks(reading, ours, project / LAYER)
    found += _appends(reading, ours)
    # A build that has our layer already says the same of it.
    return sorted(dict.fromkeys(found), key=lambda one: (not one.stops, one.kind))


def _layers(reading: Reading) -> Iterator[Finding]:
    if reading.problem:
        yield Finding(kind="unreadable", stops=True, text=reading.problem)
    for layer in reading.layers:
        if layer.problem:
            yield Finding(
                kind="unreadable", stops=True, text=f"{shown(layer.path)}: {layer.problem}"
            )
        for file in layer.missing:
            yield _missing(file, shown(layer.path / "conf/layer.conf"))


def _missing(file: str, who: str) -> Finding:
    return Finding(
        kind="missing file",
        stops=True,
        text=f"{one_line(file)} was not found, which {who} needs",
        hint="Add the layer that has it.",
    )


def _of_core(reading: Reading) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for layer in reading.layers for name in layer.corenames))


def _series(reading: Reading, yocto: YoctoPlan) -> Iterator[Finding]:
    core = _of_core(reading)
    if core and not set(core) & set(yocto.all_series):
        yield Finding(
            kind="series",
            stops=True,
            text=f"openembedded-core is {' '.join(core)}, and meta-edgeimg is for "
            f"{' '.join(yocto.all_series)}",
            hint="Take a series that both have.",
        )
    elif core and yocto.series not in core:
        yield Finding(
            kind="series",
            stops=False,
            text=f"openembedded-core is {' '.join(core)}, and versions and operators of the "
            f"product were checked for {yocto.series}",
            hint=f"Set yocto.series: {min(set(core) & set(yocto.all_series))}.",
        )
    for layer in reading.layers:
        if layer.series is None and layer.collections and not is_ours(layer):
            yield Finding(
                kind="series",
                stops=False,
                text=f"{layer.path.name} does not say its series (LAYERSERIES_COMPAT)",
            )
        elif core and layer.series is not None and not layer.series & set(core):
            yield Finding(
                kind="series",
                stops=True,
                text=f"{layer.path.name} is for {' '.join(sorted(layer.series))}, and "
                f"openembedded-core is {' '.join(core)}",
                hint="Check out the branch of the layer for it.",
            )


def _depends(reading: Reading, yocto: YoctoPlan) -> Iterator[Finding]:
    here = {name for layer in reading.layers for name in layer.names}
    for name in yocto.depends:
        if name not in here:
            yield Finding(
                kind="missing layer",
                stops=True,
                text=f"meta-edgeimg depends on {name}, which is not among the layers",
                hint="Add it with bitbake-layers add-layer.",
            )
    for layer in reading.layers:
        for name in layer.depends:
            if name not in here:
                yield Finding(
                    kind="missing layer",
                    stops=True,
                    text=f"{layer.path.name} depends on {name}, which is not among the layers",
                    hint="Add it with bitbake-layers add-layer.",
                )


def _collections(reading: Reading) -> Iterator[Finding]:
    owners: dict[str, list[Layer]] = {}
    for layer in reading.layers:
        for name in layer.names:
            owners.setdefault(name, []).append(layer)
    for name, layers in owners.items():
        if len(layers) > 1:
            where = " and ".join(shown(one.path) for one in layers)
            yield Finding(
                kind="collection",
                stops=True,
                text=f"{name} is the name of {where}",
                hint="Keep one.",
            )
        if name == COLLECTION and not is_ours(layers[0]):
            yield Finding(
                kind="collection",
                stops=True,
                text=f"{shown(layers[0].path)} is called {COLLECTION}, as meta-edgeimg is",
                hint="Rename the collection of that layer.",
            )


def is_ours(layer: Layer) -> bool:
    """Whether the layer is one that edgeimg has emitted, which is to be emitted anew."""
    return COLLECTION in layer.names and layer.path.name == LAYER


def _theirs(reading: Reading, recipes: Sequence[Recipe]) -> list[Recipe]:
    return [one for one in recipes if one.masked is None and one.collection != COLLECTION]


def _machine(reading: Reading, yocto: YoctoPlan) -> Iterator[Finding]:
    if reading.found and yocto.machine not in reading.found:
        yield Finding(
            kind="machine",
            stops=True,
            text=f"no layer has the machine {yocto.machine} of the product's board",
            hint="Name another with --board; `edgeimg bsp import` makes boards of these layers.",
        )
    for one in reading.machines:
        if one.problem:
            yield Finding(kind="machine", stops=True, text=f"{one.name}: {one.problem}")
        for file in one.missing if reading.core else ():  # much of it is oe-core's
            yield _missing(file, f"the configuration of {one.name}")
        if len(one.paths) > 1:
            others = ", ".join(shown(path) for path in one.paths[1:])
            text = f"{one.name} is read from {shown(one.paths[0])}, not from {others}"
            yield Finding(kind="machine", stops=False, text=text)


def _distro(reading: Reading, plan: Plan) -> Iterator[Finding]:
    """An init system or a C library that the image cannot do with."""
    if not reading.core:
        return
    distro = f"DISTRO {reading.values.get('DISTRO', '')}"
    if _without_systemd(reading.added):
        yield Finding(
            kind="distro",
            stops=True,
            text=f"{distro} stays without systemd, which meta-edgeimg needs, whatever local.conf "
            f"says: INIT_MANAGER is {reading.added.get('INIT_MANAGER')}",
            hint="Take one with systemd. `bitbake-getvar INIT_MANAGER` and `bitbake-getvar "
            "DISTRO_FEATURES` name the lines.",
        )
    elif _without_systemd(reading.values):
        yield Finding(
            kind="distro",
            stops=False,
            text=f"{distro} is without systemd, which meta-edgeimg needs",
            hint='INIT_MANAGER = "systemd", as ADDING.md says, changes that in all its images.',
        )
    libc = reading.values.get("TCLIBC", "glibc")
    if libc != "glibc" and plan.runtime.wheel is not None:
        yield Finding(
            kind="C library",
            stops=True,
            text=f"{distro} has {libc} (TCLIBC), and the wheel of {plan.runtime.name} "
            f"{plan.runtime.version} is built for glibc",
            hint="Take a distribution with glibc.",
        )


def _without_systemd(values: Mapping[str, str]) -> bool:
    features = values.get("DISTRO_FEATURES")
    return features is not None and "systemd" not in features.split()


def _priorities(reading: Reading) -> dict[str, int]:
    return {one.name: one.priority for layer in reading.layers for one in layer.collections}


def _recipes(reading: Reading, ours: Mapping[str, tuple[str, str]]) -> Iterator[Finding]:
    """Recipes of the same name: the higher priority wins, then the higher version."""
    priorities = _priorities(reading)
    for recipe in _theirs(reading, reading.recipes):
        if recipe.name not in ours:
            continue
        version = ours[recipe.name][0] or "1.0"
        theirs = (priorities.get(recipe.collection, 0), _parts(recipe.version or "1.0"))
        wins = theirs >= (PRIORITY, _parts(version))
        winner = "the vendor's" if wins else "ours"
        mask = "/".join(recipe.path.parts[-4:])
        yield Finding(
            kind="same recipe",
            stops=wins,
            text=f"{recipe.name} {recipe.version} of {recipe.collection}, priority {theirs[0]}, "
            f"and {version} of {COLLECTION}, priority {PRIORITY}: {winner} is built",
            hint=f'Mask theirs: BBMASK += "{mask}"' if wins else "",
        )


def _parts(version: str) -> list[int]:
    return [int(one) for one in re.findall(r"\d+", version)]


def _preferred(
    reading: Reading, machine: str, ours: Mapping[str, tuple[str, str]]
) -> Iterator[Finding]:
    said = dict(reading.preferred)
    for one in reading.machines:
        if one.name == machine:
            said |= one.preferred
    for name, (version, _) in ours.items():
        wanted = said.get(f"PREFERRED_VERSION_{name}")
        if wanted and not fnmatch.fnmatchcase(version or "1.0", wanted.replace("%", "*")):
            yield Finding(
                kind="preferred version",
                stops=True,
                text=f"PREFERRED_VERSION_{name} is {wanted}, and ours is {version or '1.0'}",
                hint="Take that line out of the vendor's configuration.",
            )


def _masks(reading: Reading, ours: Mapping[str, tuple[str, str]], layer: Path) -> Iterator[Finding]:
    for mask in reading.masks:
        try:
            compiled = re.compile(mask)
        except re.error as error:
            text = f"{mask[:80]} is no regular expression: {error}"
            yield Finding(kind="mask", stops=False, text=f"BBMASK {text}")
            continue
        hit = [
            name
            for name, (_, path) in ours.items()
            if compiled.search(str(layer.absolute() / path))
        ]
        if hit:
            yield Finding(
                kind="mask",
                stops=True,
                text=f"BBMASK {mask[:80]} masks {', '.join(sorted(hit))}",
                hint="Write the mask so that it names the vendor's layer.",
            )


def _appends(reading: Reading, ours: Mapping[str, tuple[str, str]]) -> Iterator[Finding]:
    files = {_file(one.name, one.version) for one in reading.recipes if one.masked is None}
    of_ours = {_file(name, version): name for name, (version, _) in ours.items()}
    warns = reading.values.get("BB_DANGLINGAPPENDS_WARNONLY", "").lower() in ("1", "yes", "true")
    for append in _theirs(reading, reading.appends):
        changed = next((name for file, name in of_ours.items() if _fits(append, file)), None)
        if changed is not None:
            text = f"{shown(append.path)} changes our {changed}"
            yield Finding(kind="append", stops=False, text=text)
        elif reading.core and not any(_fits(append, file) for file in files):
            yield Finding(
                kind="append",
                stops=not warns,  # BitBake has that until 2.8
                text=f"{shown(append.path)} appends to a recipe that is in no layer",
                hint="Add the layer that has the recipe, or mask the append.",
            )


def _file(name: str, version: str) -> str:
    """A recipe's file without its end."""
    return f"{name}_{version}" if version else name


def _fits(append: Recipe, file: str) -> bool:
    """As BitBake has it: what comes before a `%`, be it in the name, is how the file begins."""
    begin, percent, _ = _file(append.name, append.version).partition("%")
    return file.startswith(begin) if percent else file == begin
