"""Plan -> the bundle that a device takes: one tar file, the same bytes for the same content.

manifest                    what it is and what it is for, a `key value` a line
SHA256SUMS                  of all other files
config/<model>.json         the app's configuration, with paths in the slot
models/<model>/             what lies in /usr/share/edge-infer in an image
golden/<model>/<mode>/      what the app's --selftest reads
app/edge-infer              a new app, if there is one
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeimg.errors import UserError
from edgeimg.manifest.load import shown
from edgeimg.plan.plan import Plan
from edgeimg.prepare.compile import Compiled
from edgeimg.prepare.golden import Golden
from edgeimg.render.contents import add_golden, add_models
from edgeimg.render.identity import fits as made_for
from edgeimg.render.tree import Copy, Link, Tree

FORMAT = 1
SLOTS = "/data/deploy/slots"
MODELS = "usr/share/edge-infer"
CONFIG = "etc/edge-infer"
APP = "app/edge-infer"
ID_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What is sent.

    Attributes:
        id: names the content; the same content has the same.
        fits: what it is made for (`render.identity.fits`).
        models: names of the models in it.
        data: the tar file.
    """

    id: str
    fits: str
    models: tuple[str, ...]
    data: bytes

    @property
    def comment(self) -> str:
        """The signature's trusted comment."""
        return f"edgeimg {self.id} for {self.fits}"


def make_bundle(
    plan: Plan, goldens: Iterable[Golden], compiled: Mapping[str, Compiled], app: Path | None
) -> Bundle:
    """The plan's models with what they must answer, and the app if one is given.

    Raises:
        UserError: the app cannot be read or is no program.
    """
    files = _files(plan, goldens, compiled)
    if app is not None:
        files[APP] = _program(app)
    fits = made_for(plan)
    # The configurations hold paths that hold the id, so it is made of them without these.
    digest = hashlib.sha256(_sums(files).encode() + fits.encode())
    name = digest.hexdigest()[:ID_DIGITS]
    for path, content in files.items():
        if path.startswith("config/"):
            own = f'"{SLOTS}/{name}/models/'.encode()
            files[path] = content.replace(f'"/{MODELS}/'.encode(), own)
    models = tuple(sorted(model.name for model in plan.models))
    lines = [f"edgeimg-deploy {FORMAT}", f"fits {fits}", f"id {name}"]
    lines += [f"model {model}" for model in models]
    manifest = "".join(f"{line}\n" for line in lines).encode()
    sums = _sums({"manifest": manifest, **files}).encode()
    whole = {"manifest": manifest, "SHA256SUMS": sums, **dict(sorted(files.items()))}
    return Bundle(id=name, fits=fits, models=models, data=_tar(whole))


def _files(
    plan: Plan, goldens: Iterable[Golden], compiled: Mapping[str, Compiled]
) -> dict[str, bytes]:
    tree = Tree()
    add_models(tree, plan, compiled, "root")
    models = {model.name: model for model in plan.models}
    for golden in goldens:
        add_golden(tree, models[golden.model], golden, f"golden/{golden.model}/{golden.mode}")
    found = {}
    for path, entry in tree.files.items():
        assert not isinstance(entry, Link)
        path = path.replace(f"root/{MODELS}/", "models/").replace(f"root/{CONFIG}/", "config/")
        found[path] = entry.data()
    return found


def _program(path: Path) -> bytes:
    try:
        content = Copy(source=path).data()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", place=f"--app {shown(path)}") from None
    if content[:4] != b"\x7fELF":
        raise UserError(
            "is no Linux program",
            place=f"--app {shown(path)}",
            hint="Name the edge-infer that `edgeimg build` compiled: build/edge-infer in the "
            "project.",
        )
    return content


def _sums(files: Mapping[str, bytes]) -> str:
    """As sha256sum writes them."""
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {path}\n"
        for path, content in sorted(files.items())
    )


def _tar(files: Mapping[str, bytes]) -> bytes:
    """Regular files in this order, with nothing of this machine or of the time."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o755 if path == APP else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
