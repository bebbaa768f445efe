"""Python tools that cannot live beside us: each in a virtual environment of its own, cached.

A vendor's compiler wants the numpy of its time, and its version follows the board's
firmware, not this program.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from packaging.specifiers import SpecifierSet

from edgeimg.cache import Cache
from edgeimg.errors import EdgeimgError, UserError
from edgeimg.events import Report, Step
from edgeimg.process import last_lines, run

INSTALL_SECONDS = 7200.0  # some gigabytes, over a slow line
_READY = "edgeimg-ready"


def tool_python(
    name: str,
    requirements: Sequence[str],
    cache: Cache,
    report: Report,
    *,
    place: str = "",
    size_mib: int | None = None,
    runs_on: str | None = None,
) -> Path:
    """The Python of an environment that holds the requirements; made when it is not there yet.

    Args:
        name: what people call the tool, for progress and errors.
        requirements: as pip takes them, with versions.
        place: where the tool was asked for, for errors.
        size_mib: about what it takes on the disk, to say so before; None says nothing.
        runs_on: versions of Python that it installs on, as pip writes them; None is any.

    Raises:
        UserError: this is another Python, or pip cannot install them.
    """
    here = platform.python_version()
    if runs_on is not None and here not in SpecifierSet(runs_on):
        raise UserError(
            f"{name} installs on Python {runs_on}, and this is {here}",
            place=place,
            hint="Install edgeimg with such a Python.",
        )
    words = [f"{sys.version_info[0]}.{sys.version_info[1]}", *requirements]
    key = hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]
    with cache.lock("tools", key):
        folder = cache.folder("tools") / key
        python = folder / "bin" / "python"
        if (folder / _READY).exists() and python.exists():  # a link to a Python, which may go
            # Used now: `edgeimg cache` forgets what was not used for long.
            folder.touch()
            return python
        size = f", takes {size_mib / 1024:.1f} GiB on the disk" if size_mib else ""
        report(Step(name=f"install {name}", detail=" ".join(requirements) + size))
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left
        try:
            # -I: what PYTHONPATH or the user's site-packages hold is not installed in there.
            run([sys.executable, "-I", "-m", "venv", folder], error=UserError)
            pip = [str(python), "-I", "-m", "pip", "install", "--quiet"]
            pip += ["--disable-pip-version-check"]
            run([*pip, *requirements], timeout=INSTALL_SECONDS, error=UserError)
        except EdgeimgError as error:
            raise UserError(
                f"{name} cannot be installed ({' '.join(requirements)}): "
                f"{last_lines(error.message, 1)}",
                place=place,
                hint="It is installed with this machine's pip: see that its index can be reached.",
            ) from error
        (folder / _READY).touch()
        return python
