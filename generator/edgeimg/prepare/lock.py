"""`edgeimg.lock`: what the packages and wheels of a product resolved to.

YAML beside the product, written by `edgeimg lock`, read by people in reviews: one
entry a package, sorted, with nothing in it that only one machine knows. Whether it
still answers what is asked is told by the digest of the request it was made from.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import model_validator

from edgeimg.cache import Cache, canonical_json, write_atomic
from edgeimg.errors import UserError, UserErrors
from edgeimg.events import Report, Step, silent
from edgeimg.manifest.base import Manifest, Name, Sha256, Version, Word
from edgeimg.manifest.load import load, shown
from edgeimg.prepare import apt, wheels
from edgeimg.prepare.apt import DebianRequest, LockedPackage
from edgeimg.prepare.layers import LayersRequest, LockedLayers
from edgeimg.prepare.wheels import LockedWheel, WheelRequest

HEADER = "# Made by `edgeimg lock` from edgeimg.yaml. Commit it; do not edit it.\n"
RENEW = "Run `edgeimg lock` to make it anew."


class LockRequest(Manifest):
    """What a lock is asked for; two requests with one digest have the same lock."""

    debian: DebianRequest | None = None
    wheels: tuple[WheelRequest, ...] = ()
    layers: tuple[LayersRequest, ...] = ()

    def digest(self) -> str:
        """SHA-256 of the request as canonical JSON; the order of names does not count."""
        value = self.model_dump(mode="json")
        value["wheels"].sort(key=canonical_json)
        if not value["layers"]:
            del value["layers"]  # a lock that was made before there were any stays right
        if value["debian"] is not None:
            for role in value["debian"]["packages"]:
                role["names"].sort()
            value["debian"]["packages"].sort(key=canonical_json)
        return hashlib.sha256(canonical_json([1, value])).hexdigest()


class LockedRepository(Manifest):
    """An archive by name; where it is, is the mirror's affair."""

    name: Name
    suite: Word


class DebianLock(Manifest):
    """Debian packages, sorted by role and name."""

    suite: Word
    architecture: Name
    repositories: tuple[LockedRepository, ...]
    packages: tuple[LockedPackage, ...]

    @model_validator(mode="after")
    def _consistent(self) -> DebianLock:
        known = {repository.name for repository in self.repositories}
        for package in self.packages:
            if package.repository not in known:
                raise ValueError(f"{package.name}: '{package.repository}' is not a repository here")
        counted = Counter((package.role, package.name) for package in self.packages)
        for (role, name), count in counted.items():
            if count > 1:
                raise ValueError(f"{name} ({role}) is here {count} times")
        return self


class Lock(Manifest):
    """The content of `edgeimg.lock`; `request` is the digest of what was asked."""

    version: Version
    request: Sha256
    debian: DebianLock | None = None
    wheels: tuple[LockedWheel, ...] = ()
    layers: tuple[LockedLayers, ...] = ()

    def answers(self, request: LockRequest) -> bool:
        """False when the lock is stale: it was made for something else.

        Raises:
            UserError: it names the request, and what it holds is not for that.
        """
        if self.request != request.digest():
            return False
        wrong = _edited(self, request)
        if wrong:
            raise UserError(f"the lock was edited by hand: {wrong}", hint=RENEW)
        return True


def _edited(lock: Lock, request: LockRequest) -> str:
    """What the lock holds that the request did not ask for; nothing in a lock as it was made."""
    asked, found = request.debian, lock.debian
    if (asked is None) != (found is None):
        return "debian"
    if asked is not None and found is not None:
        for key in ("suite", "architecture"):
            if getattr(asked, key) != getattr(found, key):
                return f"{key} {getattr(found, key)} in place of {getattr(asked, key)}"
        if [(one.name, one.suite) for one in asked.repositories] != [
            (one.name, one.suite) for one in found.repositories
        ]:
            return "repositories"
        roles = {role.role for role in asked.packages}
        for package in found.packages:
            if package.role not in roles:
                return f"{package.name} has the role '{package.role}'"
            if not package.path.endswith((f"_{asked.architecture}.deb", "_all.deb")):
                return f"{package.name} is not for {asked.architecture}"
        for role in asked.packages:
            if role.names and all(package.role != role.role for package in found.packages):
                return f"no package has the role '{role.role}'"
    if Counter((one.name, one.version, one.file, one.sha256) for one in request.wheels) != Counter(
        (one.name, one.version, one.file, one.sha256) for one in lock.wheels
    ):
        return "wheels"
    if [one.name for one in request.layers] != [one.name for one in lock.layers]:
        return "layers"
    return ""


def read_lock(path: Path) -> Lock:
    """Read a lock.

    Raises:
        UserError: it is missing, or is not a lock; every error with line and column.
    """
    try:
        return load(path, Lock)
    except UserErrors as found:
        *first, last = found.errors
        raise UserErrors([*first, _renewed(last)]) from None
    except UserError as found:
        raise _renewed(found) from None


def _renewed(error: UserError) -> UserError:
    hint = f"{error.hint} {RENEW}" if error.hint.endswith("?") else RENEW
    return UserError(error.message, place=error.place, hint=hint)


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock: the same lock is the same bytes.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        write_atomic(path, lock_text(lock).encode())
    except OSError as problem:
        raise UserError(f"cannot be written: {problem.strerror}", place=shown(path)) from problem


def lock_text(lock: Lock) -> str:
    """The lock as YAML, with an empty part left out."""
    value: dict[str, Any] = lock.model_dump(mode="json", exclude_none=True)
    for part in ("wheels", "layers"):
        if not value[part]:
            del value[part]
    # default_flow_style=None: mappings of plain values stand in braces, one entry a package.
    parts = (
        yaml.safe_dump(
            {key: part},
            default_flow_style=None if isinstance(part, dict | list) else False,
            sort_keys=False,
            width=100,
        )
        for key, part in value.items()
    )
    return HEADER + "".join(parts)


def make_lock(
    request: LockRequest,
    cache: Cache,
    mirror: str | None = None,
    events: Report = silent,
    *,
    keyrings: Sequence[Path] = apt.KEYRINGS,
    places: Mapping[str, str] | None = None,
    layers: tuple[LockedLayers, ...] = (),
) -> Lock:
    """Resolve a request on this machine's mirror and index.

    Args:
        mirror: the URL above Debian's repositories; None asks the host's apt.
        keyrings: the archive's public keys.
        places: package name -> where it was written, for messages.
        layers: the commits that the request's layers are locked to.

    Raises:
        UserError: a package, wheel, mirror or index that is not there or not right.
    """
    debian = None
    if request.debian is not None:
        asked = request.debian
        debian = DebianLock(
            suite=asked.suite,
            architecture=asked.architecture,
            repositories=tuple(
                LockedRepository(name=repository.name, suite=repository.suite)
                for repository in asked.repositories
            ),
            packages=apt.resolve(
                asked, cache, mirror=mirror, keyrings=keyrings, places=places, report=events
            ),
        )
    located = []
    for wheel in request.wheels:
        events(Step(name="wheels", detail=wheel.file))
        located.append(wheels.locate(wheel))
    located.sort(key=lambda found: found.file)
    return Lock(
        version=1,
        request=request.digest(),
        debian=debian,
        wheels=tuple(located),
        layers=layers,
    )
