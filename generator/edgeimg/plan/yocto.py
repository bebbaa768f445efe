"""What the yocto builder configures: series, machine, repositories, recipes, local.conf."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from edgeimg.catalog.accelerators import AcceleratorYocto
from edgeimg.catalog.builders import YoctoCatalog, YoctoLayer
from edgeimg.catalog.features import Feature
from edgeimg.catalog.flashers import WORDS, Flasher
from edgeimg.catalog.search import Catalog
from edgeimg.errors import UserError, did_you_mean
from edgeimg.manifest.base import YoctoConf
from edgeimg.manifest.board import Board, Unsupported, YoctoBoard, YoctoBoardSeries
from edgeimg.manifest.load import is_file, shown, user_path
from edgeimg.manifest.product import Product, YoctoLayers
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.plan import (
    FlashWay,
    PlannedAccelerator,
    PlannedRepository,
    PlannedRuntime,
    YoctoPlan,
)

# Of every product; a runtime adds its own.
RECIPES = ("edge-infer", "edge-model")
GOLDEN = "edge-model-golden"


def choose_series(chosen: Chosen, serves: YoctoBoard, catalog: YoctoCatalog) -> str:
    """The product's series, or the catalogue's first that serves the board.

    Raises:
        UserError: there is none of that name, or it does not serve the board.
    """
    name = chosen.product.yocto.series
    place = chosen.source.place(("yocto", "series"))
    served = [
        one
        for one in catalog.series
        if isinstance(serves.series.get(one, Unsupported(unsupported="")), YoctoBoardSeries)
    ]
    if name is None:
        if not served:
            raise UserError(
                f"yocto: none of the catalogue's series serves {chosen.board.name}",
                place=shown(chosen.board_path),
            )
        return served[0]
    if name not in catalog.series:
        raise UserError(
            f"yocto.series: no '{name}'", place=place, hint=did_you_mean(name, list(catalog.series))
        )
    if name not in served:
        entry = serves.series.get(name)
        why = entry.unsupported if isinstance(entry, Unsupported) else "nobody has tried it"
        raise UserError(
            f"yocto.series: {name} does not serve {chosen.board.name}: {why}",
            place=place,
            hint=f"Take {' or '.join(served)}." if served else "",
        )
    return name


def plan_yocto(
    chosen: Chosen,
    serves: YoctoBoard,
    catalog: YoctoCatalog,
    series: str,
    stack: tuple[PlannedRuntime, PlannedAccelerator | None],
    features: tuple[Feature, ...],
) -> YoctoPlan:
    """Everything that the emitted project names.

    Raises:
        UserError: a variant, a layer, a licence or a recipe that is not there.
    """
    product = chosen.product
    of_series = serves.series[series]
    assert isinstance(of_series, YoctoBoardSeries)
    runtime, accelerator = stack
    assert runtime.yocto is not None
    added = (accelerator.entry.yocto if accelerator else None) or AcceleratorYocto()
    _refuse_kernel(chosen)
    kernel = serves.boot.kernel if serves.boot else None
    artefacts = (*serves.artefacts, *of_series.artefacts, *([kernel] if kernel else ()))
    needed = (*catalog.layers, *runtime.yocto.layers, *added.layers)
    # Another product on the board does without these.
    of_product = set(needed).difference(catalog.layers, serves.layers)
    wanted = (*catalog.layers, *serves.layers, *needed)  # in the order of the files in kas/
    repositories, collections = _repositories(chosen, catalog, series, wanted)
    features_own = (name for one in features for name in one.yocto.recipes)
    recipes = [
        *RECIPES,
        runtime.yocto.recipe,
        runtime.yocto.append,
        added.recipe,
        *features_own,
    ]
    if product.yocto.golden:
        recipes.append(GOLDEN)
    elif GOLDEN in product.packages:
        place = chosen.source.place(("packages", product.packages.index(GOLDEN)))
        hint = "Write `golden: true` below yocto:."
        raise UserError(f"packages: {GOLDEN} is not made", place=place, hint=hint)
    return YoctoPlan(
        series=series,
        release=catalog.series[series],
        all_series=tuple(sorted(catalog.series)),
        machine=_machine(chosen, serves),
        repositories=repositories,
        base=("bitbake", *_with_layers(catalog, catalog.layers)),
        own=(*_with_layers(catalog, of_product), *product.yocto.layers),
        needed=_with_layers(catalog, needed),
        depends=tuple(dict.fromkeys(collections[one] for one in needed)),
        recipes=_recipes(chosen.catalog, [one for one in recipes if one]),
        packages=(
            *added.packages,
            *(name for one in features for name in one.yocto.packages),
            *product.packages,
        ),
        recommends=tuple(name for one in features for name in one.yocto.recommends),
        image_features=tuple(
            dict.fromkeys(name for one in features for name in one.yocto.image_features)
        ),
        conf={
            "all products": {**catalog.conf, **catalog.series[series].conf},
            f"board {chosen.board.name}": serves.conf,
            **_accepted(chosen, serves),
            **_of_layers(catalog, wanted, series),
            f"runtime {runtime.name}": runtime.yocto.conf,
            **({f"accelerator {accelerator.name}": added.conf} if accelerator else {}),
            **{f"feature {one.name}": one.yocto.conf for one in features},
            **_of_product(product),
        },
        local_conf=product.yocto.local_conf,
        rm_work=product.yocto.rm_work,
        golden=product.yocto.golden,
        artefacts=artefacts,
        deploy=serves.deploy,
        flash=_flashed(chosen, artefacts),
        kernel=kernel,
        cmdline=" ".join((f"console={chosen.board.console}", *serves.boot.kernel_args))
        if serves.boot
        else "",
        maintainer=product.yocto.maintainer
        or f"whoever keeps {product.name} <maintainers@{product.name}.example>",
    )


def _flashed(chosen: Chosen, artefacts: tuple[str, ...]) -> tuple[FlashWay, ...]:
    """How the artefacts come onto the board without edgeimg, a way each."""
    flash = chosen.board.flash
    if flash is None:
        if chosen.board.qemu is not None:
            return (FlashWay(before="Nothing is flashed; runqemu starts it."),)
        return (FlashWay(before="How it comes onto the board, its vendor says."),)
    ways = []
    disk = next((one for one in artefacts if not one.endswith(".bmap")), "IMAGE")
    if flash.card is not None:
        copy = f"bmaptool copy {disk} /dev/sdX"
        ways.append(FlashWay(before="Onto a card:", commands=(copy,), after=flash.card))
    if (usb := flash.usb) is not None:
        place = chosen.entry.place("flash", "usb", "tool")
        _, tool = chosen.catalog.load("flasher", usb.tool, Flasher, place=place)
        files = {**{name: name.upper() for name in usb.given}, **usb.files}
        steps = tuple(
            WORDS.sub(lambda found: files.get(found[1], found[0]), " ".join(step))
            for step in tool.steps
        )
        if tool.unpack:
            steps = (f"tar -xf {files.get(tool.unpack, disk)}", *steps)
        before = f"To {usb.medium}, over USB. {usb.recovery} Then:"
        ways.append(FlashWay(before=before, commands=steps, after=usb.after))
    return tuple(ways)


def _with_layers(catalog: YoctoCatalog, layers: Iterable[str]) -> tuple[str, ...]:
    """The repositories that have one of these layers."""
    return tuple(
        name for name, one in catalog.repositories.items() if set(one.layers) & set(layers)
    )


def _of_layers(catalog: YoctoCatalog, layers: Iterable[str], series: str) -> dict[str, YoctoConf]:
    """What the repositories of these layers want in local.conf."""
    pins = {name: catalog.repositories[name].series for name in _with_layers(catalog, layers)}
    return {f"repository {name}": of[series].conf for name, of in pins.items() if series in of}


def _machine(chosen: Chosen, serves: YoctoBoard) -> str:
    variant = chosen.product.yocto.variant
    if variant is None:
        return serves.machine
    if variant not in serves.variants:
        raise UserError(
            f"yocto.variant: {chosen.board.name} has no '{variant}'",
            place=chosen.source.place(("yocto", "variant")),
            hint=did_you_mean(variant, list(serves.variants)),
        )
    return serves.variants[variant]


def _refuse_kernel(chosen: Chosen) -> None:
    """The kernel is the vendor's recipe: what is changed there is changed in a layer."""
    for key in ("args", "config"):
        if getattr(chosen.product.kernel, key):
            raise UserError(
                f"kernel.{key}: not with yocto, where the kernel is a recipe of the board's layer",
                place=chosen.source.place(("kernel", key)),
                hint="Append to that recipe in a layer of your own, `yocto.layers`; the command "
                "line often is APPEND or UBOOT_EXTLINUX_KERNEL_ARGS in yocto.local_conf.",
            )


def _accepted(chosen: Chosen, serves: YoctoBoard) -> dict[str, YoctoConf]:
    """What says that the licences which the product accepts are accepted, by section.

    Raises:
        UserError: the image cannot be built without one that is not accepted.
    """
    found: dict[str, YoctoConf] = {}
    for name, entry in serves.licenses.items():
        if name in chosen.product.accept_licenses:
            found[f"licence {name}, accepted by the product"] = entry.conf
        elif entry.without is None:
            raise UserError(
                f"{chosen.board.name} needs parts under the licence {name}: {entry.where}",
                place=chosen.source.place(("board",)),
                hint=f"Read it; then write `accept_licenses: [{name}]`.",
            )
    return found


def lacking(chosen: Chosen, serves: YoctoBoard) -> tuple[str, ...]:
    """What the image comes without for want of a licence, a note each."""
    return tuple(
        f"the image comes without {entry.without}: the licence {name} is not accepted "
        f"({entry.where}). Read it; then write `accept_licenses: [{name}]`"
        for name, entry in serves.licenses.items()
        if entry.without and name not in chosen.product.accept_licenses
    )


def _repositories(
    chosen: Chosen, catalog: YoctoCatalog, series: str, wanted: Iterable[str]
) -> tuple[dict[str, PlannedRepository], dict[str, str]]:
    """What must be cloned, and the collection of each layer; needed layers come before."""
    owner = {
        layer: repository
        for repository, entry in catalog.repositories.items()
        for layer in entry.layers
    }
    order: dict[str, YoctoLayer] = {}

    def take(name: str) -> None:
        if name not in owner:
            raise UserError(
                f"layers: no '{name}' in catalog/yocto.yaml",
                place=shown(chosen.board_path),
                hint=did_you_mean(name, list(owner)),
            )
        layer = catalog.repositories[owner[name]].layers[name]
        for need in layer.needs:
            if need not in order:
                take(need)
        order.setdefault(name, layer)

    for name in wanted:
        take(name)
    given = _of_board(chosen)
    found: dict[str, PlannedRepository] = {}
    for repository in dict.fromkeys(["bitbake", *(owner[name] for name in order)]):
        layers = tuple(layer.path for name, layer in order.items() if owner[name] == repository)
        if repository in given:
            one = given.pop(repository)
            found[repository] = replace(one, layers=tuple(dict.fromkeys((*layers, *one.layers))))
            continue
        entry = catalog.repositories[repository]
        pin = entry.series.get(series)
        if pin is None:
            raise UserError(
                f"layers: {repository} has no branch for {series}", place=shown(chosen.board_path)
            )
        found[repository] = PlannedRepository(
            url=entry.url, branch=pin.branch, commit=pin.commit, layers=layers
        )
    found.update(given)
    found.update(_own(chosen, found))
    return found, {name: layer.collection for name, layer in order.items()}


def _of_board(chosen: Chosen) -> dict[str, PlannedRepository]:
    """The repositories that the board's YAML says itself."""
    serves = chosen.board.builders.yocto
    if isinstance(serves, Unsupported) or not serves.repositories:
        return {}
    source = chosen.catalog.read(chosen.board_path, Board).source
    found = {}
    for name, one in serves.repositories.items():
        where = ("builders", "yocto", "repositories", name)
        place = source.place((*where, ""))
        if name == "product":
            raise UserError(
                "repositories: 'product' is the emitted project", place=place, hint="Rename it."
            )
        found[name] = _said(one, f"repositories.{name}", chosen.board_path.resolve().parent, place)
    return found


def _own(chosen: Chosen, known: dict[str, PlannedRepository]) -> dict[str, PlannedRepository]:
    """The product's own layers."""
    base = chosen.source.path.resolve().parent
    found: dict[str, PlannedRepository] = {}
    for name, one in chosen.product.yocto.layers.items():
        place = chosen.source.place(("yocto", "layers", name, ""))
        if name in known or name == "product":
            raise UserError(
                f"yocto.layers: '{name}' is a repository of this build already",
                place=place,
                hint="Give it another name.",
            )
        found[name] = _said(one, f"yocto.layers.{name}", base, place)
    return found


def _said(one: YoctoLayers, key: str, base: Path, place: str) -> PlannedRepository:
    """A repository, or a folder relative to `base`, as somebody has written it."""
    folder = user_path(base, one.path, place) if one.path is not None else None
    if folder is not None:
        if len(str(folder.resolve()).split()) != 1:
            raise UserError(
                f"{key}: BitBake splits a path at its blanks", place=place, hint="Move the layer."
            )
        for layer in one.layers:
            if not is_file(folder / layer / "conf/layer.conf"):
                raise UserError(
                    f"{key}: {one.path} has no {layer}/conf/layer.conf",
                    place=place,
                    hint="Name the folders that are layers in `layers:`.",
                )
    return PlannedRepository(
        url=one.url,
        branch=one.branch,
        commit=one.commit,
        folder=folder.resolve() if folder else None,
        layers=one.layers,
        fixed=True,
    )


def _recipes(catalog: Catalog, names: Iterable[str]) -> dict[str, Path]:
    """Path in the layer -> folder, of the first catalogue folder that has the recipe."""
    found: dict[str, Path] = {}
    for name in names:
        for folder in catalog.folders:
            layer = folder / "layers/meta-edgeimg"
            paths = sorted(layer.glob(f"recipes-*/{name}"))
            if paths:
                found[paths[0].relative_to(layer).as_posix()] = paths[0]
                break
        else:
            raise UserError(
                f"yocto: no recipe {name} in layers/meta-edgeimg of any catalogue folder",
                hint="A feature, the runtime or the accelerator names it: add its folder below "
                "recipes-*/, or correct the name.",
            )
    return dict(sorted(found.items()))


def _of_product(product: Product) -> dict[str, YoctoConf]:
    """The sections that the product itself writes."""
    options = product.yocto
    conf: YoctoConf = {}
    if options.source_mirror:
        conf["SOURCE_MIRROR_URL"] = options.source_mirror
        conf["INHERIT:append"] = " own-mirrors"
    if options.sstate_mirror:
        conf["SSTATE_MIRRORS"] = f"file://.* {options.sstate_mirror}/PATH;downloadfilename=PATH"
    if options.hash_server:
        conf["BB_HASHSERVE"] = "auto"
        conf["BB_HASHSERVE_UPSTREAM"] = options.hash_server
        conf["BB_SIGNATURE_HANDLER"] = "OEEquivHash"
    removal: YoctoConf = {"INHERIT:append": " rm_work"} if options.rm_work else {}
    return {"mirrors of the product": conf, "rm_work of the product": removal}
