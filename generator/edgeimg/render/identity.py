"""What identifies an image: a hash of everything that it is made of, which it carries."""

from __future__ import annotations

import hashlib

from edgeimg.plan.plan import Plan
from edgeimg.render.environment import shell_value
from edgeimg.render.tree import Copy, Link, Text, Tree

IMAGE_FILE = "etc/edgeimg/image"
DIGITS = 16


def identify(tree: Tree, plan: Plan, root: str) -> str:
    """Adds /etc/edgeimg/image: shell assignments PRODUCT, BOARD, ID, FITS.

    The same manifests, lock, models and edgeimg give the same ID, on any machine.

    Args:
        root: the folder in the tree that holds the image's `etc/`.

    Returns:
        The ID, hex digits.

    Raises:
        OSError: a file that is copied cannot be read.
        ValueError: it changed after it was planned.
    """
    whole = hashlib.sha256()
    path = f"{root}/{IMAGE_FILE}"
    for name, entry in sorted(tree.files.items()):
        if name == path:
            continue
        if isinstance(entry, Link):
            what = f"link {entry.target}"
        else:
            known = entry.sha256 if isinstance(entry, Copy) else None
            digest = known or hashlib.sha256(entry.data()).hexdigest()
            what = f"{digest} {entry.executable:d}{entry.private:d}"
        whole.update(f"{what} {name}\0".encode(errors="surrogateescape"))
    for name in sorted(tree.empty):
        whole.update(f"folder {name}\0".encode(errors="surrogateescape"))
    found = whole.hexdigest()[:DIGITS]
    values = {
        "PRODUCT": plan.product,
        "BOARD": plan.board.name,
        "ID": found,
        "FITS": fits(plan),
    }
    lines = "".join(f"{key}={shell_value(value)}\n" for key, value in values.items())
    tree.add(path, Text(content=lines), replace=True)
    return found


def fits(plan: Plan) -> str:
    """What a model must be made for to run in the image: the product, the architecture, the
    runtime, its version, and the accelerator with its version, or `cpu`; with blanks between."""
    accelerator = plan.accelerator.title.replace(" ", "-") if plan.accelerator else "cpu"
    runtime = plan.runtime
    architecture = plan.board.architecture
    return f"{plan.product} {architecture} {runtime.name} {runtime.version} {accelerator}"
