"""A machine that was read -> the YAML of a board; what is not known is a commented line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeimg.bsp.check import is_ours
from edgeimg.bsp.draft import FLASH, HEAD, Draft, board_name, one_line, quoted
from edgeimg.bsp.origin import Origin
from edgeimg.bsp.reading import Kernel, Layer, Machine, Reading, Recipe
from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.architectures import Architecture
from edgeimg.catalog.builders import YoctoCatalog
from edgeimg.manifest.base import NAME_PATTERN

# Types of IMAGE_FSTYPES that are a whole disk; the others are file systems and archives.
DISK = re.compile(r"(?:wic|img|[a-z0-9-]*(?:sdimg|sdcard))(?:\.(?:gz|bz2|xz|zst|lz4))?")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the catalogue knows, for reading machines by."""

    yocto: YoctoCatalog
    architectures: Mapping[str, Architecture]
    accelerators: Sequence[Accelerator]

    @property
    def parts(self) -> dict[str, str]:
        """Recipes that hint at an accelerator, and the part that each is."""
        return {name: part for one in self.accelerators for name, part in one.recipes.items()}


def draft(
    machine: Machine,
    reading: Reading,
    origins: Mapping[Path, Origin],
    facts: Facts,
    *,
    chosen: bool,
    out: Path,
) -> Draft:
    """The board of a machine.

    Args:
        origins: the checkout of each layer.
        chosen: the layers are all of them those of the build.
        out: the folder that the board is written to.
    """
    made = Draft(name=board_name(machine.name))
    own = _layer_of(machine.paths[0], reading.layers)
    where = machine.paths[0].relative_to(own.path) if own else machine.paths[0].name
    made.say(f"# {where} of {origins[own.path].shown if own else 'its layer'}, read by BitBake.")
    made.lines.append(HEAD.rstrip())
    for file in machine.missing:
        made.say(f"# Not found, so what it says is missing here: {one_line(file)}")
    for name, why in machine.unknown.items():
        made.say(f"# {name} cannot be told: {one_line(why, 120)}")
    made.say("version: 1")
    made.say(f"name: {quoted(made.name)}")
    made.say(f"summary: {quoted(_summary(machine))}")
    _cpu(made, machine, facts)
    made.unknown("memory_mib", "RAM in MiB, of the smallest model; no layer says it")
    made.unknown("storage_mib", "size of the boot medium in MiB; no layer says it")
    _console(made, machine)
    _offers(made, machine, facts, origins, reading)
    made.unknown("flash", FLASH, needed=False)
    made.say("default_builder: yocto")
    made.say("builders:")
    made.say("debian: {unsupported: imported from layers of Yocto; yocto serves this board}", 2)
    made.say("buildroot: {unsupported: imported from layers of Yocto; yocto serves this board}", 2)
    made.say("yocto:", 2)
    made.say(f"machine: {quoted(machine.name)}", 4)
    _bootloader(made, machine)
    layers = _needed(machine, reading, chosen=chosen)
    _layers(made, layers, reading, origins, facts, out)
    _artefacts(made, machine)
    if machine.deploys not in (None, "tmp/deploy"):
        made.say(f"deploy: {quoted(machine.deploys)} # DEPLOY_DIR_IMAGE", 4)
    _series(made, machine, layers, reading, origins, facts)
    return made


def _layer_of(path: Path, layers: Iterable[Layer]) -> Layer | None:
    return next((one for one in layers if path.is_relative_to(one.path)), None)


def _summary(machine: Machine) -> str:
    """The machine's #@NAME, which is oe-core's way to say one; else its own name."""
    text = machine.paths[0].read_bytes()[:65536].decode("utf-8", "replace")
    for key in ("NAME", "DESCRIPTION"):
        found = re.search(rf"^#@{key}:[ \t]*(\S.*)$", text, re.MULTILINE)
        if found:
            return found[1].strip()
    return machine.name


def _cpu(made: Draft, machine: Machine, facts: Facts) -> None:
    values = machine.values
    arch, features = values.get("TUNE_ARCH"), values.get("TUNE_FEATURES", "").split()
    name = next(
        (
            name
            for name, one in facts.architectures.items()
            if one.tune.arch == arch
            and set(one.tune.features) <= set(features)
            and not set(one.tune.without) & set(features)
        ),
        None,
    )
    if name is not None:
        made.say(f"architecture: {name} # TUNE_ARCH")
    elif arch in (None, "", "INVALID"):  # the last is oe-core's own, where no tune is named
        made.unknown("architecture", "TUNE_ARCH is not known; see catalog/architectures.yaml")
    else:
        why = f"TUNE_ARCH is {arch}, TUNE_FEATURES {' '.join(features)}: none that edgeimg builds"
        made.unknown("architecture", why)
    made.shown["architecture"] = name or ""
    flags = values.get("TUNE_CCARGS", "")
    cpu = re.search(r"-mcpu=([A-Za-z0-9_.-]+)", flags)
    tune = values.get("DEFAULTTUNE", "")
    if cpu is not None:
        made.say(f"cpu: {quoted(cpu[1])} # DEFAULTTUNE {one_line(tune)}")
    else:
        march = re.search(r"-march=(\S+)", flags)
        made.unknown("cpu", f"tune {tune or 'not known'} says {march[0] if march else 'none'}")
    made.unknown("cpu_features", "such as [fp16, dotprod]; no layer says them", needed=False)
    made.shown["cpu"] = cpu[1] if cpu else ""


def _console(made: Draft, machine: Machine) -> None:
    consoles = machine.values.get("SERIAL_CONSOLES", "").split()
    # As oe-core takes them apart: the speed may be missing, the terminal's type may follow.
    names = [re.sub(r"^[0-9]*;", "", one).partition(";")[0] for one in consoles]
    first = next((one for one in names if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", one)), None)
    if first is None:
        made.unknown("console", "the serial console's device; SERIAL_CONSOLES is not known")
    else:
        of = "the first of SERIAL_CONSOLES" if len(consoles) > 1 else "SERIAL_CONSOLES"
        made.say(f"console: {quoted(first)} # {of} {one_line(' '.join(consoles))}")
    made.shown["console"] = first or ""


def _offers(
    made: Draft,
    machine: Machine,
    facts: Facts,
    origins: Mapping[Path, Origin],
    reading: Reading,
) -> None:
    """Buses by MACHINE_FEATURES, units by recipes that say that they are for this machine."""
    buses = facts.yocto.machine_features
    features = machine.values.get("MACHINE_FEATURES", "").split()
    offers = dict.fromkeys(buses[one] for one in features if one in buses)
    hints = []
    for accelerator in facts.accelerators:
        for recipe in machine.hints:
            if recipe.name in accelerator.recipes and recipe.compatible is not False:
                of = _of(recipe, origins, reading)
                told = "for this machine" if recipe.compatible else "for any machine"
                text = f"{recipe.name} {recipe.version} of {of}, {told}: {accelerator.name}"
                made.say(f"# {one_line(text)}")
                hints.append(accelerator.name)
                if recipe.compatible and accelerator.needs not in buses.values():
                    offers[accelerator.needs] = None
    if offers:
        made.say(f"offers: [{', '.join(offers)}]")
    else:
        made.unknown("offers", "such as [usb, pcie]; MACHINE_FEATURES say none", needed=False)
    made.shown["accelerators"] = ", ".join(dict.fromkeys(hints))


def _of(recipe: Recipe, origins: Mapping[Path, Origin], reading: Reading) -> str:
    layer = _layer_of(recipe.path, reading.layers)
    return origins[layer.path].shown if layer else recipe.collection


def _bootloader(made: Draft, machine: Machine) -> None:
    values = machine.values
    parts = [
        f"{key} {values[key]}"
        for key in (
            "PREFERRED_PROVIDER_virtual/bootloader",
            "PREFERRED_PROVIDER_u-boot",
            "EFI_PROVIDER",
            "UBOOT_MACHINE",
            "UBOOT_CONFIG",
        )
        if values.get(key)
    ]
    said = one_line(", ".join(parts), 160)
    made.say(f"# The bootloader: {said or 'not known'}.", 4)
    made.shown["bootloader"] = said


def _needed(machine: Machine, reading: Reading, *, chosen: bool) -> list[Layer]:
    """The layers of this machine's build: those that it is read from, and what they need.

    Without one that edgeimg has emitted into it, which comes anew with each product.
    """
    if chosen:
        return [one for one in reading.layers if not is_ours(one)]
    order: list[Layer] = []

    def take(layer: Layer) -> None:
        if layer not in order:
            order.append(layer)
            for name in layer.depends:
                for other in reading.layers:
                    if name in other.names:
                        take(other)

    for layer in reading.layers:
        if layer.path in machine.layers or layer is _layer_of(machine.paths[0], reading.layers):
            take(layer)
    return [one for one in reading.layers if one in order]


def _layers(
    made: Draft,
    layers: Sequence[Layer],
    reading: Reading,
    origins: Mapping[Path, Origin],
    facts: Facts,
    out: Path,
) -> None:
    """The vendor's own repositories; what the catalogue has of each build is left to it."""
    catalog = facts.yocto
    owner = {
        layer.collection: (repository, name)
        for repository, one in catalog.repositories.items()
        for name, layer in one.layers.items()
    }
    of_all = {one for one in owner if owner[one][1] in catalog.layers}
    groups: dict[Path, list[Layer]] = {}
    for layer in layers:
        if not set(layer.names) & of_all:
            groups.setdefault(origins[layer.path].folder, []).append(layer)
    here = {name for one in layers for name in one.names}
    absent = [name for one in layers for name in one.depends if name not in here | of_all]
    known = [owner[name][1] for name in dict.fromkeys(absent) if name in owner]
    if known:
        made.say(f"layers: [{', '.join(known)}] # which LAYERDEPENDS name; the catalogue's", 4)
    for name in dict.fromkeys(absent):
        if name not in owner:
            made.say(f"# LAYERDEPENDS name {one_line(name)}, which was not found: add it.", 4)
    if groups:
        made.say("repositories:", 4)
    taken: set[str] = set()
    for folder, found in groups.items():
        known_as = [owner[name] for one in found for name in one.names if name in owner]
        # Only a checkout of the same layout can stand for the catalogue's.
        owners = [
            repository
            for repository, layer in known_as
            if (folder / catalog.repositories[repository].layers[layer].path / "conf").is_dir()
        ]
        name = owners[0] if owners else board_name(folder.name) or "bsp"
        while name in taken or (not owners and name in catalog.repositories):
            name += "-2"
        taken.add(name)
        _repository(made, name, origins[found[0].path], found, out)


def _repository(made: Draft, name: str, at: Origin, layers: Sequence[Layer], out: Path) -> None:
    made.say(f"{quoted(name)}:", 6)
    if at.url is not None:
        made.say(f"url: {quoted(at.url) if ':' not in at.url else at.url}", 8)
        made.say(f"branch: {quoted(at.branch or '')}", 8)
        made.say(f'commit: "{at.commit}"', 8)
    else:
        made.say(f"# A folder of this machine: it {one_line(at.why)}.", 8)
        made.say(f"path: {_path(at.folder, out)}", 8)
    inside = [os.path.relpath(one.path.resolve(), at.folder) for one in layers]
    if inside != ["."]:
        made.say(f"layers: [{', '.join(quoted(one) for one in inside)}]", 8)


def _path(folder: Path, out: Path) -> str:
    """Relative to the board's file where both lie in one folder of the user's."""
    near = out.resolve().parent.parent
    if folder.is_relative_to(near) and len(near.parts) > 2:
        return quoted(os.path.relpath(folder, out.resolve()))
    return quoted(str(folder))


def _artefacts(made: Draft, machine: Machine) -> None:
    types = dict.fromkeys(machine.values.get("IMAGE_FSTYPES", "").split())
    good = [one for one in types if re.fullmatch(r"[A-Za-z0-9_.+-]+", one)]
    if not good:
        made.unknown("artefacts", "files to hand out; IMAGE_FSTYPES is not known", 4, needed=False)
        return
    if machine.missing:  # what is not here may say another, so this may be oe-core's default
        why = f"files to hand out; IMAGE_FSTYPES is {' '.join(good)} without what was not found"
        made.unknown("artefacts", why, 4, needed=False)
        return
    good.sort(key=lambda one: DISK.fullmatch(one) is None)
    words = ", ".join(f'"{{image}}*.{one}"' for one in good)
    made.say("# All of IMAGE_FSTYPES, a disk first; strike what need not be handed out.", 4)
    made.say(f"artefacts: [{words}]", 4)
    made.shown["images"] = " ".join(good)


def _series(
    made: Draft,
    machine: Machine,
    layers: Sequence[Layer],
    reading: Reading,
    origins: Mapping[Path, Origin],
    facts: Facts,
) -> None:
    said = [one.series for one in layers if one.series is not None]
    series = sorted(set.intersection(*said)) if said else []
    series = [one for one in series if re.match(NAME_PATTERN, one)]
    made.shown["series"] = ", ".join(series)
    version = kernel_version(machine.kernel)
    made.shown["kernel"] = " ".join(
        one for one in (machine.kernel.provider if machine.kernel else "", version or "") if one
    )
    parts = _provides(machine, reading, origins, facts.parts)
    if not series:
        says = [
            f"{one.names[0]} {' '.join(sorted(one.series))}"
            for one in layers
            if one.series is not None
        ]
        why = f"LAYERSERIES_COMPAT have none in common: {', '.join(says) or 'no layer says any'}"
        made.unknown("series", f"such as {{{next(iter(facts.yocto.series))}: {{}}}}; {why}", 4)
        made.say(f"# {_kernel_says(machine)}", 6)
        return
    made.say("series:", 4)
    for name in series:
        if version is None:
            made.say(f"# {_kernel_says(machine)}", 6)
        made.say(f"{name}:" if parts else f"{name}: {{}}", 6)
        if parts:
            made.say("provides:", 8)
        for part, (number, source) in parts.items():
            made.say(f"{part}:", 10)
            made.say(f'version: "{number}"', 12)
            made.say(f"source: {quoted(source)}", 12)
            made.say("checked: read by BitBake, imported", 12)


def _provides(
    machine: Machine, reading: Reading, origins: Mapping[Path, Origin], parts: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Part -> its version, and where that is from: the kernel, and libraries of accelerators."""
    found: dict[str, tuple[str, str]] = {}

    def take(part: str, version: str, recipe: Path) -> None:
        number = re.match(r"[0-9]+(\.[0-9]+)*", version)
        if number and len(number[0]) <= 32 and re.match(NAME_PATTERN, part):
            layer = _layer_of(recipe, reading.layers)
            of = f" of {origins[layer.path].shown}" if layer else ""
            found.setdefault(part, (number[0], f"{recipe.name}{of}"))

    version = kernel_version(machine.kernel)
    if version and machine.kernel and machine.kernel.recipe:
        take("kernel", version, machine.kernel.recipe)
    for recipe in machine.hints:
        if recipe.compatible:
            take(parts[recipe.name], recipe.version, recipe.path)
    return found


def _kernel_says(machine: Machine) -> str:
    kernel = machine.kernel
    if kernel is None:
        return "the kernel is not known: no PREFERRED_PROVIDER_virtual/kernel"
    wanted = f" {kernel.wanted}" if kernel.wanted else ""
    version = kernel_version(kernel)
    if kernel.recipe is not None and version is not None:
        return one_line(f"the kernel is {kernel.provider}, {version} by {kernel.recipe.name}")
    if kernel.recipe is None:
        return one_line(f"the kernel is {kernel.provider}{wanted}, which is in none of the layers")
    return one_line(f"the kernel is {kernel.provider}{wanted}; its version cannot be told")


def kernel_version(kernel: Kernel | None) -> str | None:
    """The number that a kernel's version begins with."""
    for version in kernel.versions if kernel else ():
        found = re.match(r"[0-9]+(\.[0-9]+)+", version)
        if found:
            return found[0]
    return None
