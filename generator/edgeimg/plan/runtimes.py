"""Which runtime, in which version, and where its library comes from."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from edgeimg.catalog.search import Catalog
from edgeimg.catalog.types import DebianDistribution, Release, Runtime
from edgeimg.errors import UserError
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import Source
from edgeimg.manifest.product import Product
from edgeimg.plan.plan import PlannedModel, PlannedRuntime, WheelRequest


def plan_runtime(
    product: Product,
    source: Source,
    catalog: Catalog,
    board: Board,
    models: tuple[PlannedModel, ...],
    distribution: DebianDistribution,
) -> PlannedRuntime:
    """Chooses the runtime, or takes the product's, and proves that it fits.

    Raises:
        UserError: no runtime executes all models, or the chosen one does not
            run them, is refused, or does not exist for the board.
    """
    formats = {model.info.format for model in models}
    place = source.place(("runtime",) if product.runtime else ("models",))
    if product.runtime:
        _, runtime = catalog.load("runtime", product.runtime, Runtime, place=place)
    else:
        runtime = _first_that_can(catalog, formats, place)
    for model in models:
        if model.info.format not in runtime.formats:
            raise UserError(
                f"runtime {runtime.name} executes {', '.join(runtime.formats)}, "
                f"and model {model.name} is {model.info.format}",
                place=place,
                hint="One runtime serves all models of a product.",
            )
    return _release(product, source, runtime, board, distribution)


def _first_that_can(catalog: Catalog, formats: set[str], place: str) -> Runtime:
    for name in catalog.names("runtime"):
        _, runtime = catalog.load("runtime", name, Runtime)
        if formats <= set(runtime.formats):
            return runtime
    raise UserError(
        f"no runtime executes all of {', '.join(sorted(formats))}",
        place=place,
        hint="One runtime serves all models of a product: make two products.",
    )


def _release(
    product: Product,
    source: Source,
    runtime: Runtime,
    board: Board,
    distribution: DebianDistribution,
) -> PlannedRuntime:
    place = source.place(("runtime_version",) if product.runtime_version else ("runtime",))
    if product.runtime_version:
        _refuse(runtime, product.runtime_version, place)
    for release in runtime.releases:
        wheel = release.wheels.get(board.architecture)
        if product.runtime_version not in (None, release.version) or wheel is None:
            continue
        if Version(wheel.glibc) > Version(distribution.glibc):
            continue
        _refuse(runtime, release.version, place)
        return _from_wheel(runtime, release, board.architecture)
    packaged = runtime.debian.distribution.get(board.architecture)
    if packaged is None or product.runtime_version not in (None, packaged.version):
        raise UserError(
            _nowhere(runtime, product.runtime_version, board), place=place, hint=_known(runtime)
        )
    missing = sorted(set(packaged.needs_cpu_features) - set(board.cpu_features))
    if missing:
        raise UserError(
            f"{runtime.name} {packaged.version} needs a CPU with {', '.join(missing)} "
            f"and {board.name} is a {board.cpu}",
            place=place,
        )
    return _planned(runtime, packaged.version, packaged.library, None, packaged.packages)


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
    versions += [one.version for one in runtime.debian.distribution.values()]
    return f"Versions of the catalogue: {', '.join(dict.fromkeys(versions))}."


def _nowhere(runtime: Runtime, version: str | None, board: Board) -> str:
    what = f"{runtime.name} {version}" if version else runtime.name
    return f"{what} is not to be had for {board.architecture} ({board.name})"


def _from_wheel(runtime: Runtime, release: Release, architecture: str) -> PlannedRuntime:
    pin = release.wheels[architecture]
    wheel = WheelRequest(
        name=runtime.package,
        version=release.version,
        file=pin.file,
        sha256=pin.sha256,
        machine=pin.machine,
        member=pin.member,
    )
    return _planned(runtime, release.version, runtime.debian.library, wheel, ())


def _planned(
    runtime: Runtime,
    version: str,
    library: str,
    wheel: WheelRequest | None,
    packages: tuple[str, ...],
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
        library=library,
        include=runtime.debian.include or "",
        wheel=wheel,
        packages=packages,
        sysroot=runtime.debian.sysroot,
    )
