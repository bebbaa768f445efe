"""Which runtime, in which version, and where its library comes from."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from edgeimg.catalog.types import Release, Runtime, RuntimeYocto
from edgeimg.errors import UserError
from edgeimg.manifest.base import Config
from edgeimg.manifest.board import Board
from edgeimg.manifest.product import Product
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.plan import DebianRuntime, PlannedModel, PlannedRuntime, WheelRequest


def plan_runtime(
    chosen: Chosen,
    models: tuple[PlannedModel, ...],
    glibc: str,
    only: tuple[str, ...] = (),
) -> PlannedRuntime:
    """Chooses the runtime, or takes the product's, and proves that it fits.

    Args:
        glibc: the version of the image's C library.
        only: the runtimes that the accelerator can be reached through; empty: any.

    Raises:
        UserError: no runtime executes all models, or the chosen one does not
            run them, is refused, or does not exist for the board and the builder.
    """
    formats = {model.info.format for model in models}
    product, source = chosen.product, chosen.source
    place = source.place(("runtime",) if product.runtime else ("models",))
    if not product.runtime:
        return _first_that_can(chosen, formats, glibc, only)
    _, runtime = chosen.catalog.load("runtime", product.runtime, Runtime, place=place)
    for model in models:
        if model.info.format not in runtime.formats:
            raise UserError(
                f"runtime {runtime.name} executes {', '.join(runtime.formats)}, "
                f"and model {model.name} is {model.info.format}",
                place=place,
                hint="One runtime serves all models of a product.",
            )
    return _release(chosen, runtime, glibc)


def _first_that_can(
    chosen: Chosen, formats: set[str], glibc: str, only: tuple[str, ...]
) -> PlannedRuntime:
    """The first that executes the models and can be had; else why the first cannot."""
    refusal: UserError | None = None
    for name in chosen.catalog.names("runtime"):
        _, runtime = chosen.catalog.load("runtime", name, Runtime)
        if not formats <= set(runtime.formats) or (only and name not in only):
            continue
        try:
            return _release(chosen, runtime, glibc)
        except UserError as error:
            refusal = refusal or error
    raise refusal or UserError(
        f"no runtime executes all of {', '.join(sorted(formats))}",
        place=chosen.source.place(("models",)),
        hint="One runtime serves all models of a product: make two products.",
    )


def _release(chosen: Chosen, runtime: Runtime, glibc: str) -> PlannedRuntime:
    product, source, board = chosen.product, chosen.source, chosen.board
    builder = chosen.builder
    place = source.place(("runtime_version",) if product.runtime_version else ("runtime",))
    if product.runtime_version:
        _refuse(runtime, product.runtime_version, place)
    if getattr(runtime, builder) is None:
        raise UserError(f"runtime {runtime.name} is not to be had with {builder}", place=place)
    for release in runtime.releases:
        wheel = release.wheels.get(board.architecture)
        if product.runtime_version not in (None, release.version) or wheel is None:
            continue
        if Version(wheel.glibc) > Version(glibc):
            continue
        _refuse(runtime, release.version, place)
        return _from_wheel(runtime, release, board.architecture, builder)
    if builder == "debian":
        return _packaged(product, runtime, board, place)
    if builder == "yocto":
        raise _nowhere(product, runtime, board, place)
    return _from_source(product, runtime, board, place)


def _packaged(product: Product, runtime: Runtime, board: Board, place: str) -> PlannedRuntime:
    """As the distribution packages it."""
    assert runtime.debian is not None
    packaged = runtime.debian.distribution.get(board.architecture)
    if packaged is None or product.runtime_version not in (None, packaged.version):
        raise _nowhere(product, runtime, board, place)
    missing = [one for one in packaged.needs_cpu_features if one not in board.cpu_features]
    if missing:
        raise UserError(
            f"{runtime.name} {packaged.version} needs a CPU with {', '.join(missing)} "
            f"and {board.name} is a {board.cpu}",
            place=place,
        )
    debian = DebianRuntime(
        library=packaged.library,
        include=runtime.debian.include or "",
        packages=packaged.packages,
        sysroot=runtime.debian.sysroot,
    )
    return _planned(runtime, packaged.version, debian=debian)


def _from_source(product: Product, runtime: Runtime, board: Board, place: str) -> PlannedRuntime:
    """As the builder compiles it."""
    assert runtime.buildroot is not None
    version = runtime.buildroot.source_version
    if (
        version is None
        or board.architecture not in runtime.buildroot.architectures
        or product.runtime_version not in (None, version)
    ):
        raise _nowhere(product, runtime, board, place)
    return _planned(runtime, version, config=runtime.buildroot.config)


def _refuse(runtime: Runtime, version: str, place: str) -> None:
    for refusal in runtime.refuse:
        if Version(version) in SpecifierSet(refusal.versions):
            raise UserError(
                f"{runtime.name} {version} is refused: {refusal.reason} ({refusal.source})",
                place=place,
                hint=_known(runtime),
            )


def _known(runtime: Runtime) -> str:
    versions = [release.version for release in runtime.releases]
    if runtime.debian is not None:
        versions += [one.version for one in runtime.debian.distribution.values()]
    if runtime.buildroot is not None and runtime.buildroot.source_version:
        versions.append(runtime.buildroot.source_version)
    return f"Versions of the catalogue: {', '.join(dict.fromkeys(versions))}."


def _nowhere(product: Product, runtime: Runtime, board: Board, place: str) -> UserError:
    version = product.runtime_version
    what = f"{runtime.name} {version}" if version else runtime.name
    return UserError(
        f"{what} is not to be had for {board.architecture} ({board.name})",
        place=place,
        hint=_known(runtime),
    )


def _from_wheel(
    runtime: Runtime, release: Release, architecture: str, builder: str
) -> PlannedRuntime:
    pin = release.wheels[architecture]
    wheel = WheelRequest(
        name=runtime.package,
        version=release.version,
        file=pin.file,
        sha256=pin.sha256,
        machine=pin.machine,
        member=pin.member,
    )
    if builder == "debian":
        assert runtime.debian is not None
        debian = DebianRuntime(
            library=runtime.debian.library,
            include=runtime.debian.include or "",
            sysroot=runtime.debian.sysroot,
        )
        return _planned(runtime, release.version, wheel=wheel, debian=debian)
    if builder == "yocto":
        return _planned(runtime, release.version, wheel=wheel, yocto=runtime.yocto)
    assert runtime.buildroot is not None
    return _planned(runtime, release.version, wheel=wheel, config=runtime.buildroot.config)


def _planned(
    runtime: Runtime,
    version: str,
    *,
    wheel: WheelRequest | None = None,
    debian: DebianRuntime | None = None,
    config: Config | None = None,
    yocto: RuntimeYocto | None = None,
) -> PlannedRuntime:
    return PlannedRuntime(
        name=runtime.name,
        adapter=runtime.adapter,
        version=version,
        license=runtime.license,
        homepage=runtime.homepage,
        kernel_modes=runtime.kernel_modes,
        host=runtime.host,
        host_package=runtime.package,
        wheel=wheel,
        debian=debian,
        config=config or {},
        yocto=yocto,
    )
