"""Product -> Plan: every choice, and every error of things that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar, get_args

from edgeimg.catalog.architectures import Architecture, Architectures
from edgeimg.catalog.builders import BuildrootRelease, DebianDistribution, YoctoCatalog
from edgeimg.catalog.features import Feature
from edgeimg.catalog.search import Catalog, Entry, Shadow, same_name
from edgeimg.errors import UserError, UserErrors, did_you_mean
from edgeimg.manifest.board import Board, BuildrootBoard, DebianBoard, Unsupported, YoctoBoard
from edgeimg.manifest.load import Source, is_folder, load, shown, user_path
from edgeimg.manifest.product import Builder, Product
from edgeimg.plan.accelerators import check_files
from edgeimg.plan.app import check_code, check_git, find_app
from edgeimg.plan.buildroot import choose_toolchain, fit_kernel, plan_buildroot
from edgeimg.plan.choice import choose
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.debian import check_overlay, plan_debian
from edgeimg.plan.features import check_disk, plan_features
from edgeimg.plan.fit import fit_operators
from edgeimg.plan.memory import fit_memory, fit_partitions
from edgeimg.plan.models import plan_model
from edgeimg.plan.plan import (
    BuildrootPlan,
    DebianPlan,
    Plan,
    PlannedAccelerator,
    PlannedFeature,
    PlannedModel,
    PlannedRuntime,
    YoctoPlan,
)
from edgeimg.plan.yocto import choose_series, lacking, plan_yocto


def resolve(product: Product, source: Source, cache_dir: Path | None = None) -> Plan:
    """Makes every decision about a product.

    Args:
        product: the product, parsed.
        source: the file that it was read from, for the places of errors.
        cache_dir: where what was read of model files is kept.

    Raises:
        UserErrors, UserError: what does not exist or does not fit, with places.
    """
    base = source.path.resolve().parent
    catalog = Catalog(catalog_folders(product, source))
    errors: list[UserError] = []
    place = source.place(("board",))
    entry = _collect(
        errors, lambda: catalog.entry("board", product.board, Board, place=place, base=base)
    )
    board = entry.value if entry else None
    architecture = _collect(errors, lambda: _architecture(catalog, entry)) if entry else None
    models = plan_models(product, source, catalog, cache_dir, errors)
    builder = product.builder or (board.default_builder if board else None)
    features = None
    if builder:
        errors += _unread(source, builder)
        features = _collect(errors, lambda: plan_features(product, source, catalog, builder))
    _names(product, source, catalog, builder, errors)
    overlay = _folder(product.overlay, base, source, ("overlay",), errors)
    app = find_app(product, base, source, errors)
    if errors or not entry or not board or not architecture or not builder or features is None:
        raise UserErrors(errors)
    board_path = entry.path
    serves = _builder(product, source, board, board_path, builder)
    fit_partitions(product, source, board, board_path, serves, models)
    chosen = Chosen(
        product=product,
        source=source,
        catalog=catalog,
        entry=entry,
        builder=builder,
    )
    check_git(product, source, serves)
    if isinstance(serves, DebianBoard):
        if overlay:
            check_overlay(overlay, source.place(("overlay",)))
        made = _with_debian(chosen, serves, models, features)
    elif isinstance(serves, YoctoBoard):
        made = _with_yocto(chosen, serves, models, features[1])
    else:
        if serves.disk is not None:
            check_disk(features[1], serves.disk, source)
        made = _with_buildroot(chosen, serves, models, features[0])
    if isinstance(serves, YoctoBoard) and serves.boot and board.qemu:
        board = board.model_copy(update={"qemu": serves.boot.over(board.qemu)})
    check_code(chosen, made.runtime, app)
    runtime, notes = fit_operators(chosen, models, made.runtime)
    if made.accelerator is not None:
        check_files(made.accelerator, models)
    notes = (*made.notes, *notes, *fit_memory(chosen, models, runtime))
    return Plan(
        product=product.name,
        summary=product.summary,
        manifests=_manifests(source, board_path, models),
        board=board,
        architecture=architecture,
        builder=builder,
        glibc=made.glibc,
        runtime=runtime,
        accelerator=made.accelerator,
        models=models,
        threads=product.threads,
        features=features[0],
        overlay=overlay,
        overlay_place=source.place(("overlay",)),
        app_source=app,
        app_place=source.place(("app", "source")),
        app_git=product.app.git if product.app else None,
        data_mib=product.data_mib,
        budgets=product.budgets,
        debian=made.debian,
        buildroot=made.buildroot,
        yocto=made.yocto,
        shadows=_shadows(catalog, product, runtime, features[0], builder),
        notes=notes,
    )


@dataclass(frozen=True, kw_only=True)
class _Made:
    """What is decided together with the builder."""

    glibc: str
    runtime: PlannedRuntime
    accelerator: PlannedAccelerator | None = None
    debian: DebianPlan | None = None
    buildroot: BuildrootPlan | None = None
    yocto: YoctoPlan | None = None
    notes: tuple[str, ...] = ()


def _with_debian(
    chosen: Chosen,
    serves: DebianBoard,
    models: tuple[PlannedModel, ...],
    features: tuple[tuple[PlannedFeature, ...], tuple[Feature, ...]],
) -> _Made:
    distribution = chosen.catalog.read(
        chosen.catalog.file("catalog/debian.yaml"), DebianDistribution
    ).value
    runtime, accelerator = choose(chosen, distribution.suite, models)
    planned, entries = features
    plan = plan_debian(chosen, serves, distribution, runtime, entries, planned)
    return _Made(glibc=distribution.glibc, runtime=runtime, accelerator=accelerator, debian=plan)


def _with_buildroot(
    chosen: Chosen,
    serves: BuildrootBoard,
    models: tuple[PlannedModel, ...],
    features: tuple[PlannedFeature, ...],
) -> _Made:
    release = chosen.catalog.read(
        chosen.catalog.file("catalog/buildroot.yaml"), BuildrootRelease
    ).value
    toolchain = choose_toolchain(chosen, release)
    notes = fit_kernel(chosen, serves, release, toolchain)
    glibc = release.toolchains[toolchain].glibc
    runtime, accelerator = choose(chosen, toolchain, models)
    plan = plan_buildroot(chosen, serves, release, toolchain, runtime, accelerator, features)
    return _Made(glibc=glibc, runtime=runtime, accelerator=accelerator, buildroot=plan, notes=notes)


def _with_yocto(
    chosen: Chosen,
    serves: YoctoBoard,
    models: tuple[PlannedModel, ...],
    features: tuple[Feature, ...],
) -> _Made:
    catalog = chosen.catalog.read(chosen.catalog.file("catalog/yocto.yaml"), YoctoCatalog).value
    series = choose_series(chosen, serves, catalog)
    glibc = catalog.series[series].glibc
    runtime, accelerator = choose(chosen, series, models)
    plan = plan_yocto(chosen, serves, catalog, series, (runtime, accelerator), features)
    notes = lacking(chosen, serves)
    return _Made(glibc=glibc, runtime=runtime, accelerator=accelerator, yocto=plan, notes=notes)


T = TypeVar("T")


def catalog_folders(product: Product, source: Source) -> list[tuple[str, Path]]:
    """The product's own catalogues: where each is named, and its folder."""
    base = source.path.resolve().parent
    places = [source.place(("catalogs", index)) for index in range(len(product.catalogs))]
    return [
        (place, user_path(base, folder, place))
        for place, folder in zip(places, product.catalogs, strict=True)
    ]


def _unread(source: Source, builder: str) -> list[UserError]:
    """What the command line sets of another builder's section. A file may have them all."""
    return [
        UserError(
            f"the builder is {builder}, which does not read it",
            place=place,
            hint=f"Leave it out, or add `--builder {where[0]}`.",
        )
        for where, place in source.given.items()
        if where and where[0] != builder and where[0] in get_args(Builder)
    ]


def _names(
    product: Product, source: Source, catalog: Catalog, builder: str | None, errors: list[UserError]
) -> None:
    """Adds to `errors` what the product names and the catalogue has not.

    Features are the builder's to judge; only where there is none yet, they are looked for here.
    """
    wanted = [("runtime", product.runtime, source.place(("runtime",)))]
    if product.accelerator:
        place = source.place(("accelerator", "name"))
        wanted.append(("accelerator", product.accelerator.name, place))
    if builder is None:
        places = {name: source.place(("features", name, "")) for name in product.features}
        wanted += [("feature", name, place) for name, place in places.items()]
    for kind, name, place in wanted:
        if name is not None:
            _collect(errors, partial(catalog.find, kind, name, place=place))


def _collect(errors: list[UserError], step: Callable[[], T]) -> T | None:
    """The step's result; its errors are kept so that others are found too."""
    try:
        return step()
    except UserErrors as error:
        errors += error.errors
    except UserError as error:
        errors.append(error)
    return None


def plan_models(
    product: Product,
    source: Source,
    catalog: Catalog,
    cache_dir: Path | None,
    errors: list[UserError],
) -> tuple[PlannedModel, ...]:
    """The product's models; what is wrong with one is added to `errors`."""
    base = source.path.resolve().parent
    models: list[PlannedModel] = []
    for index, name in enumerate(product.models):
        place = source.place(("models", index))

        def plan(name: str = name, place: str = place) -> PlannedModel:
            path = catalog.find("model", name, place=place, base=base)
            planned = plan_model(path, cache_dir, catalog)
            same_name(path, name, planned)
            return planned

        model = _collect(errors, plan)
        if model is None:
            continue
        if any(one.name == model.name for one in models):
            errors.append(
                UserError(
                    f"models: a second '{model.name}'",
                    place=place,
                    hint="Leave one out, or rename it.",
                )
            )
            continue
        models.append(model)
    return tuple(models)


def _folder(
    name: str | None,
    base: Path,
    source: Source,
    location: tuple[str, ...],
    errors: list[UserError],
) -> Path | None:
    if name is None:
        return None
    path = user_path(base, name, source.place(location))
    if not is_folder(path):
        dotted = ".".join(location)
        errors.append(UserError(f"{dotted}: {name} is not a folder", place=source.place(location)))
    elif base.resolve().is_relative_to(path.resolve()):
        # Each build would take the last one into its image.
        errors.append(
            UserError(
                f"{location[-1]}: {name} holds the product itself",
                place=source.place(location),
                hint="Make a folder of its own beside edgeimg.yaml.",
            )
        )
    return path


def _builder(
    product: Product, source: Source, board: Board, board_path: Path, name: str
) -> DebianBoard | BuildrootBoard | YoctoBoard:
    builder = getattr(board.builders, name)
    if isinstance(builder, Unsupported):
        place = source.place(("builder",) if product.builder else ("board",))
        raise UserError(
            f"builder {name} does not serve {board.name}: {builder.unsupported}",
            place=place,
            hint=f"See {shown(board_path)}.",
        )
    assert isinstance(builder, DebianBoard | BuildrootBoard | YoctoBoard)
    return builder


def _architecture(catalog: Catalog, entry: Entry[Board]) -> Architecture:
    board = entry.value
    known = load(catalog.file("catalog/architectures.yaml"), Architectures).architectures
    if board.architecture not in known:
        raise UserError(
            f"architecture: no '{board.architecture}'",
            place=entry.source.place(("architecture",)),
            hint=did_you_mean(board.architecture, list(known)),
        )
    mine = known[board.architecture]
    program = Path(board.qemu.program).name if board.qemu is not None else ""
    # A program that nobody knows may be a wrapper of the user's.
    if program not in mine.qemu and any(program in one.qemu for one in known.values()):
        raise UserError(
            f"qemu.program: {program} does not run {board.architecture}, which is the "
            "architecture of the board",
            place=entry.source.place(("qemu", "program")),
            hint=f"Set one of them right; {', '.join(mine.qemu)} does.",
        )
    return mine


def _manifests(source: Source, board: Path, models: tuple[PlannedModel, ...]) -> tuple[str, ...]:
    # By name only: an emitted project must not change with the folder it is made in.
    return (source.path.name, board.name, *(model.manifest.name for model in models))


def _shadows(
    catalog: Catalog,
    product: Product,
    runtime: PlannedRuntime,
    features: tuple[PlannedFeature, ...],
    builder: str,
) -> tuple[Shadow, ...]:
    used = [("board", product.board), ("runtime", runtime.name)]
    used += [("model", model) for model in product.models]
    used += [("feature", feature.name) for feature in features]
    if product.accelerator:
        used.append(("accelerator", product.accelerator.name))
    used += [("file", "catalog/architectures.yaml"), ("file", f"catalog/{builder}.yaml")]
    found = [catalog.shadow(kind, name) for kind, name in used]
    return tuple(shadow for shadow in found if shadow)
