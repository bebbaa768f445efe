"""What a build deployed, handed out with checksums and a description."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from edgeimg.builders.image import Image
from edgeimg.builders.yocto.render import image_name
from edgeimg.cache import write_atomic
from edgeimg.errors import InternalError, UserError
from edgeimg.manifest.load import shown
from edgeimg.plan.plan import Plan


def collect(plan: Plan, folder: Path) -> Image:
    """The artefacts, linked or copied to build/images/, with checksums and image.json.

    Raises:
        InternalError: one is missing.
    """
    assert plan.yocto is not None
    deployed = folder / "build" / plan.yocto.deploy / "images" / plan.yocto.machine
    images = folder / "build" / "images"
    fresh = images.with_name("images.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    found: list[Path] = []
    for pattern in (*plan.yocto.artefacts, "{image}*.manifest", "{image}*.spdx*"):
        matching = sorted(deployed.glob(pattern.format(image=image_name(plan))))
        # A name without the time of its making is a link to the one with it.
        named = [path for path in matching if path.is_symlink()] or matching
        if not named and pattern in plan.yocto.artefacts:
            raise InternalError(
                f"the build made no {pattern.format(image=image_name(plan))}",
                place=shown(deployed),
                hint="See the artefacts of the board's YAML.",
            )
        for path in named:
            target = fresh / path.name
            if not target.exists():
                _take(path.resolve(), target)
                found.append(target)
    files = {path.name: {"size": path.stat().st_size, "sha256": _sha256(path)} for path in found}
    sums = "".join(f"{one['sha256']}  {name}\n" for name, one in sorted(files.items()))
    write_atomic(fresh / "SHA256SUMS", sums.encode())
    about = {
        "product": plan.product,
        "board": plan.board.name,
        "machine": plan.yocto.machine,
        "series": plan.yocto.series,
        "runtime": f"{plan.runtime.name} {plan.runtime.version}",
        "models": [model.name for model in plan.models],
        "files": files,
    }
    write_atomic(fresh / "image.json", f"{json.dumps(about, indent=2)}\n".encode())
    shutil.rmtree(images, ignore_errors=True)
    fresh.rename(images)
    return _image(images, [path.name for path in found])


def image(plan: Plan, folder: Path) -> Image:
    """The artefacts that a build in `folder` has handed out, the disk image first.

    Raises:
        UserError: there is none.
    """
    assert plan.yocto is not None
    images = folder / "build" / "images"
    patterns = [one.format(image=image_name(plan)) for one in plan.yocto.artefacts]
    found = [path.name for pattern in patterns for path in sorted(images.glob(pattern))]
    if not found:
        raise UserError(
            f"no {patterns[0]} there", place=shown(images), hint="Run `edgeimg build` first."
        )
    return _image(images, list(dict.fromkeys(found)))


def _image(images: Path, names: list[str]) -> Image:
    main = images / next((one for one in names if not one.endswith(".bmap")), names[0])
    return Image(
        disk=main,
        compressed=main,
        kernel=None,
        initrd=None,
        root=None,
        cmdline="",
        shown=tuple((_what(name), images / name) for name in names),
    )


def _take(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _what(name: str) -> str:
    return "list of packages" if name.endswith(".manifest") else "artefact"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
