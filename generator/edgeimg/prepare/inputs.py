"""Plan -> Inputs: what the project needs from outside it, each by content hash."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgeimg.cache import Cache
from edgeimg.errors import UserError
from edgeimg.events import Report
from edgeimg.manifest.load import shown
from edgeimg.manifest.product import MIRROR_PATTERN
from edgeimg.plan.plan import DebianPlan, Plan, YoctoPlan
from edgeimg.prepare.apt import DebianRequest, PackageRole, Repository
from edgeimg.prepare.compile import Compiled, compile_models
from edgeimg.prepare.golden import Golden, make_goldens
from edgeimg.prepare.layers import LayersRequest, LockedLayers, heads
from edgeimg.prepare.lock import Lock, LockRequest, make_lock, read_lock, write_lock
from edgeimg.prepare.wheels import WheelRequest

CLOSURES = {"root"}


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything from outside that the project names.

    Attributes:
        goldens: what the models must answer, where the project holds that.
        compiled: what models were compiled to for the accelerator, by model.
    """

    lock: Lock
    goldens: tuple[Golden, ...] = ()
    compiled: Mapping[str, Compiled] = field(default_factory=dict)


def lock_request(plan: Plan) -> LockRequest:
    """What the plan asks a lock for."""
    wheels: tuple[WheelRequest, ...] = ()
    if plan.runtime.wheel is not None:
        wheel = plan.runtime.wheel
        wheels = (
            WheelRequest(
                name=wheel.name,
                version=wheel.version,
                machine=wheel.machine,
                file=wheel.file,
                sha256=wheel.sha256,
                glibc=plan.glibc,
            ),
        )
    debian = _debian_request(plan, plan.debian) if plan.debian else None
    layers = _layers_request(plan.yocto) if plan.yocto else ()
    return LockRequest(debian=debian, wheels=wheels, layers=layers)


def _layers_request(yocto: YoctoPlan) -> tuple[LayersRequest, ...]:
    """The catalogue's repositories; those of the board and the product are pinned by these."""
    return tuple(
        LayersRequest(name=name, url=one.url, branch=one.branch)
        for name, one in yocto.repositories.items()
        if not one.fixed and one.url is not None and one.branch is not None
    )


def _debian_request(plan: Plan, debian: DebianPlan) -> DebianRequest:
    repositories = tuple(
        Repository(name=one.name, suite=one.suite, components=one.components)
        for one in debian.repositories
    )
    roles = tuple(
        PackageRole(role=role, names=names, closure=role in CLOSURES)
        for role, names in sorted(debian.packages.items())
    )
    return DebianRequest(
        suite=debian.distribution.suite,
        architecture=plan.architecture.debian,
        repositories=repositories,
        packages=roles,
    )


def mirror_of(plan: Plan) -> str | None:
    """The product's mirror, else that of EDGEIMG_MIRROR; None asks this machine's apt.

    Raises:
        UserError: EDGEIMG_MIRROR is not an address.
    """
    own = plan.debian.mirror if plan.debian else None
    named = os.environ.get("EDGEIMG_MIRROR", "")
    if own or not named:
        return own
    if not re.fullmatch(MIRROR_PATTERN, named):
        raise UserError(
            f"'{named[:80]}' is not an address", place="EDGEIMG_MIRROR", hint="Try https://..."
        )
    return named


def prepare(
    plan: Plan, locks: Sequence[Path], *, locked: bool, offline: bool, report: Report
) -> Inputs:
    """Reads the lock, or makes it when it is missing or was made for something else.

    Args:
        locks: where it may lie; the last is the one that is made.
        locked: refuse to make one.
        offline: likewise where making one needs the network; layers have pins in the catalogue.

    Raises:
        UserError: the lock is missing or stale and must not be made; or it
            cannot be made.
    """
    golden = plan.yocto is not None and plan.yocto.golden
    goldens = make_goldens(plan, Cache(), report) if golden else ()
    compiled = compile_models(plan, Cache(), report)
    request = lock_request(plan)
    there = [lock for lock in locks if lock.exists()]
    for lock in there:
        found = read_lock(lock)
        if found.answers(request):
            return Inputs(lock=found, goldens=goldens, compiled=compiled)
    if locked or (offline and (request.debian or request.wheels)):
        why = "was made for other packages or versions" if there else "does not exist"
        option = "--locked" if locked else "--offline"
        same = ", with the same --model and --set" if len(locks) > 1 else ""
        raise UserError(
            why,
            place=shown((there or locks)[0]),
            hint=f"Run `edgeimg lock` once, without {option}{same}.",
        )
    return Inputs(lock=renew_lock(plan, locks[-1], report), goldens=goldens, compiled=compiled)


def renew_lock(plan: Plan, path: Path, report: Report, *, newest: bool = False) -> Lock:
    """Makes the lock anew and writes it.

    Args:
        newest: layers at the heads of their branches, not at the catalogue's commits.

    Raises:
        UserError: a package, wheel, mirror or index that is not there or not right.
    """
    debian = plan.debian
    request = lock_request(plan)
    lock = make_lock(
        request,
        Cache(),
        mirror_of(plan),
        report,
        keyrings=(Path(debian.distribution.keyring),) if debian else (),
        places=debian.places if debian else {},
        layers=heads(request.layers, report) if newest else _pinned(plan, request),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_lock(path, lock)
    return lock


def _pinned(plan: Plan, request: LockRequest) -> tuple[LockedLayers, ...]:
    if plan.yocto is None:
        return ()
    commits = {name: one.commit for name, one in plan.yocto.repositories.items()}
    return tuple(
        LockedLayers(name=one.name, commit=commit)
        for one in request.layers
        if (commit := commits[one.name]) is not None
    )
