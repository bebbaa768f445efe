"""Locks that nobody has to fetch: what a plan asks for, with made-up answers."""

from __future__ import annotations

import hashlib
from typing import Any

from edgeimg.plan.plan import Plan
from edgeimg.prepare.apt import DebianRequest
from edgeimg.prepare.inputs import lock_request
from edgeimg.prepare.lock import Lock


def fake_lock(plan: Plan) -> Lock:
    """A lock that answers the plan's request; hashes are those of the names."""
    request = lock_request(plan)
    wheels = tuple(
        {
            "name": wheel.name,
            "version": wheel.version,
            "file": wheel.file,
            "url": f"https://wheels.example/{wheel.file}",
            "size": 1,
            "sha256": wheel.sha256,
        }
        for wheel in request.wheels
    )
    debian = _debian(request.debian) if request.debian is not None else None
    layers = tuple(
        {"name": one.name, "commit": hashlib.sha1(one.url.encode()).hexdigest()}
        for one in request.layers
    )
    return Lock.model_validate(
        {
            "version": 1,
            "request": request.digest(),
            "debian": debian,
            "wheels": wheels,
            "layers": layers,
        }
    )


def _debian(debian: DebianRequest) -> dict[str, Any]:
    packages = tuple(
        {
            "role": role.role,
            "name": name,
            "version": "1.0-1",
            "repository": debian.repositories[0].name,
            "path": f"pool/main/{name[0]}/{name}/{name}_1.0-1_{debian.architecture}.deb",
            "size": len(name),
            "sha256": hashlib.sha256(name.encode()).hexdigest(),
        }
        for role in debian.packages
        for name in role.names
    )
    return {
        "suite": debian.suite,
        "architecture": debian.architecture,
        "repositories": tuple(
            {"name": one.name, "suite": one.suite} for one in debian.repositories
        ),
        "packages": packages,
    }
