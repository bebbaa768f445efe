"""What a build deployed, handed out with checksums and a description."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from edgeimg.builders.image import Image
from edgeimg.builders.yocto.render import image_name
from edgeimg.cache import write_atomic
from edgeimg.errors import InternalError, UserError
from edgeimg.manifest.load import shown
from edgeimg.plan.plan import Plan, YoctoPlan

# What oe-core says of an image, where its classes are not switched off. Licences stay in its own
# place, also where a board's layer deploys elsewhere.
DESCRIBED = (
    "{deploy}/images/{machine}/{image}*.manifest",
    "{deploy}/images/{machine}/{image}*.spdx*",
    "tmp/deploy/licenses/*/{image}-{machine}*/*license.manifest",
)
# By a name's end: what the file is.
KINDS = {
    "license.manifest": "licences",
    ".manifest": "list of packages",
    ".spdx.json": "SBOM",
    ".spdx.tar.zst": "SBOM",
    ".bmap": "block map",
}


def collect(plan: Plan, folder: Path) -> Image:
    """The artefacts, linked or copied to build/images/, with checksums and image.json.

    Raises:
        InternalError: one is missing.
    """
    assert plan.yocto is not None
    images = folder / "build" / "images"
    fresh = images.with_name("images.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    found: list[Path] = []
    for path in _deployed(plan, plan.yocto, folder / "build"):
        target = fresh / path.name
        if not target.exists():
            _take(path.resolve(), target)
            found.append(target)
    known = _known(images)
    files = {
        path.name: {
            "what": _what(plan.yocto, path.name),
            "size": path.stat().st_size,
            "sha256": known.get(_identity(path)) or _sha256(path),
        }
        for path in found
    }
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
    return _image(plan.yocto, images, [path.name for path in found])


def _known(images: Path) -> dict[tuple[int, ...], str]:
    """Checksums that the last build wrote, of files that nobody has written since: seconds a GB."""
    about = images / "image.json"
    try:
        files = json.loads(about.read_text())["files"]
        return {
            _identity(images / name): one["sha256"]
            for name, one in files.items()
            if (images / name).stat().st_mtime_ns < about.stat().st_mtime_ns
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # the first build, or somebody's edits


def _identity(path: Path) -> tuple[int, ...]:
    """Of one file under several names, by hard links."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _deployed(plan: Plan, yocto: YoctoPlan, build: Path) -> Iterator[Path]:
    """The board's artefacts, and what describes them.

    Raises:
        InternalError: an artefact is missing.
    """
    names = {"image": image_name(plan), "machine": yocto.machine, "deploy": yocto.deploy}
    for pattern in yocto.artefacts:
        wanted = f"{{deploy}}/images/{{machine}}/{pattern}".format_map(names)
        paths = _newest(build, wanted)
        if not paths:
            raise InternalError(
                f"the build made no {Path(wanted).name}",
                place=shown((build / wanted).parent),
                hint="See the artefacts of the board's YAML.",
            )
        yield from paths
    for pattern in DESCRIBED:
        yield from _newest(build, pattern.format_map(names))


def _newest(build: Path, pattern: str) -> list[Path]:
    """The files of this pattern, the newest of a name first.

    A file, or its folder, has the time of its making in its name, and a link without it.
    """
    paths = sorted(build.glob(pattern), reverse=True)
    links = [path for path in paths if path.is_symlink() or path.parent.is_symlink()]
    return links[::-1] or paths  # no links: an absolute one points into a container


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
    return _image(plan.yocto, images, list(dict.fromkeys(found)))


def _image(yocto: YoctoPlan, images: Path, names: list[str]) -> Image:
    main = images / next((one for one in names if not one.endswith(".bmap")), names[0])
    return Image(
        disk=main,
        compressed=main,
        kernel=images / yocto.kernel if yocto.kernel else None,
        initrd=None,
        root=None,
        cmdline=yocto.cmdline,
        firmware=False,
        shown=tuple((_what(yocto, name), images / name) for name in names),
    )


def _take(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _what(yocto: YoctoPlan, name: str) -> str:
    if name == yocto.kernel:
        return "kernel"
    return next((what for end, what in KINDS.items() if name.endswith(end)), "artefact")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
