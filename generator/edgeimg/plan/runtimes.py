"""Which releases of a runtime can be had, and where its library comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from edgeimg.catalog.runtimes import (
    Refusal,
    Release,
    Runtime,
    RuntimeBuildroot,
    RuntimeDebian,
    RuntimeYocto,
)
from edgeimg.catalog.search import Entry
from edgeimg.catalog.types import Requirement
from edgeimg.errors import UserError
from edgeimg.manifest.base import Config
from edgeimg.plan.coherence import Candidate, Fact, Need
from edgeimg.plan.plan import DebianRuntime, PlannedRuntime, WheelRequest
from edgeimg.plan.target import Target


@dataclass(frozen=True, kw_only=True)
class RuntimeCandidate:
    """A release of a runtime that can be had, and what it asks for."""

    planned: PlannedRuntime
    candidate: Candidate


def runtime_candidates(
    entry: Entry[Runtime],
    target: Target,
    version: str | None = None,
    place: str = "",
    library_from: str | None = None,
) -> tuple[RuntimeCandidate, ...]:
    """The runtime's releases for that board and builder, the wanted one first.

    Args:
        version: the only one that will do; None: any.
        place: where the runtime or its version is asked for.
        library_from: with yocto, `wheel` or `layer`; None: a layer where there is no wheel.

    Raises:
        UserError: it is not supported, the version is refused, or there is none.
    """
    runtime, builder = entry.value, target.builder
    if not runtime.supported:
        raise UserError(f"runtime {runtime.name} is not supported: {runtime.reason}", place=place)
    if version:
        _refuse(runtime, version, place)
    if getattr(runtime, builder) is None:
        raise UserError(f"runtime {runtime.name} is not to be had with {builder}", place=place)
    asked = library_from if builder == "yocto" else None
    found = _from_wheels(entry, target, version) if asked != "layer" else []
    if builder == "debian" and runtime.debian is not None:
        found += _packaged(entry, runtime.debian, target.board.architecture, version)
    if builder == "yocto" and asked != "wheel" and not found:
        found += _from_layer(entry, target, version)
    if builder == "buildroot" and runtime.buildroot is not None and not found:
        found += _from_source(entry, runtime.buildroot, target.board.architecture, version)
    if not found:
        raise _nowhere(runtime, target, version, place, asked)
    return tuple(found)


def _from_wheels(
    entry: Entry[Runtime], target: Target, version: str | None
) -> list[RuntimeCandidate]:
    """As its makers compile it."""
    runtime, builder, architecture = entry.value, target.builder, target.board.architecture
    found = []
    for index, release in enumerate(runtime.releases):
        wheel = release.wheels.get(architecture)
        if wheel is None or version not in (None, release.version):
            continue
        if _refusal(runtime, release.version):
            continue
        where = ("releases", index)
        glibc = Need(
            of=f"{runtime.name} {release.version}",
            by="its library",
            part="glibc",
            versions=f">={wheel.glibc}",
            place=entry.place(*where, "wheels", architecture, "glibc"),
        )
        found.append(
            _candidate(
                _from_wheel(runtime, release, architecture, builder),
                (glibc, *needs(entry, release.requires, where, glibc.of)),
                entry.place(*where, "version"),
            )
        )
    return found


def needs(
    entry: Entry[Any], requires: Sequence[Requirement], where: Sequence[str | int], of: str
) -> tuple[Need, ...]:
    """The `requires` of a release, with their places."""
    return tuple(
        Need(
            of=of,
            by=one.by,
            part=one.part,
            versions=one.versions,
            place=entry.place(*where, "requires", index),
        )
        for index, one in enumerate(requires)
    )


def _candidate(planned: PlannedRuntime, asks: tuple[Need, ...], place: str) -> RuntimeCandidate:
    gives = Fact(part=planned.name, version=planned.version, who="the image", place=place)
    return RuntimeCandidate(planned=planned, candidate=Candidate(needs=asks, gives=(gives,)))


def _packaged(
    entry: Entry[Runtime], served: RuntimeDebian, architecture: str, version: str | None
) -> list[RuntimeCandidate]:
    """As the distribution packages it."""
    packaged = served.distribution.get(architecture)
    if packaged is None or version not in (None, packaged.version):
        return []
    debian = DebianRuntime(
        library=packaged.library,
        include=served.include or "",
        packages=packaged.packages,
        sysroot=served.sysroot,
    )
    where = ("debian", "distribution", architecture)
    asks = tuple(
        Need(
            of=f"{entry.value.name} {packaged.version}",
            by="Debian's package",
            part=feature,
            versions="",
            place=entry.place(*where, "needs_cpu_features", index),
        )
        for index, feature in enumerate(packaged.needs_cpu_features)
    )
    planned = _planned(entry.value, packaged.version, debian=debian)
    return [_candidate(planned, asks, entry.place(*where, "version"))]


def _from_source(
    entry: Entry[Runtime], served: RuntimeBuildroot, architecture: str, version: str | None
) -> list[RuntimeCandidate]:
    """As the builder compiles it."""
    source = served.source_version
    if source is None or architecture not in served.architectures:
        return []
    if version not in (None, source):
        return []
    planned = _planned(entry.value, source, config=served.config)
    return [_candidate(planned, (), entry.place("buildroot", "source_version"))]


def _from_layer(
    entry: Entry[Runtime], target: Target, version: str | None
) -> list[RuntimeCandidate]:
    """As a layer has it; where none has, that is what contradicts it."""
    served = entry.value.yocto.of_layer if entry.value.yocto else None
    if served is None or not served.serves(target.board.architecture):
        return []
    asked = served.library
    assert asked is not None
    there = target.facts.get(asked.part)
    found = there.version if there is not None else ""
    if version not in (None, found):
        return []
    inside = () if served is entry.value.yocto else ("from_layer",)
    place = entry.place("yocto", *inside, "library")
    need = Need(
        of=f"{entry.value.name} {found}".strip(),
        by=asked.by,
        part=asked.part,
        versions=asked.versions,
        place=place,
    )
    return [_candidate(_planned(entry.value, found, yocto=served), (need,), place)]


def _refusal(runtime: Runtime, version: str) -> Refusal | None:
    refused = (one for one in runtime.refuse if Version(version) in SpecifierSet(one.versions))
    return next(refused, None)


def _refuse(runtime: Runtime, version: str, place: str) -> None:
    refusal = _refusal(runtime, version)
    if refusal is not None:
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
    if not versions:
        return "Leave the version out: the board's layers have one."
    return f"Versions of the catalogue: {', '.join(dict.fromkeys(versions))}."


def _nowhere(
    runtime: Runtime, target: Target, version: str | None, place: str, asked: str | None
) -> UserError:
    what = f"{runtime.name} {version}" if version else runtime.name
    hint = _known(runtime)
    served = runtime.yocto.of_layer if target.builder == "yocto" and runtime.yocto else None
    if served is not None and served.library is not None:
        there = target.facts.get(served.library.part)
        if there is not None and served.serves(target.board.architecture):
            hint = f"{target.who} has {there.version}{' in a layer' if asked == 'wheel' else ''}."
    source = {"wheel": " from a wheel", "layer": " from a layer"}.get(asked or "", "")
    return UserError(
        f"{what} is not to be had for {target.board.architecture} ({target.board.name}) "
        f"with {target.builder}{source}",
        place=place,
        hint=f"{hint} `edgeimg compat --board {target.board.name}` shows who has which.",
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
        wheel=wheel,
        debian=debian,
        config=config or {},
        yocto=yocto,
    )
