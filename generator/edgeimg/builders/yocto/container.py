"""kas in its own container, by the script `kas-container` that is installed with kas.

The image is that of kas' own version, unless KAS_CONTAINER_IMAGE names another. The project's
folder is /work there; the folders that builds share are mounted by the script.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from edgeimg.errors import UserError
from edgeimg.plan.plan import YoctoPlan

WORK = Path("/work")
ENGINES = ("docker", "podman")  # in the order in which the script looks for them
# What the engines and the script heed of our environment.
TAKEN = (
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
    "CONTAINER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "KAS_CONTAINER_ENGINE",
    "KAS_CONTAINER_IMAGE",
    "KAS_IMAGE_VERSION",
    "XDG_RUNTIME_DIR",
)
# Of what BitBake is to see, what the script does not hand in by itself.
HANDED_IN = (
    "BB_NO_NETWORK",
    "BB_PRESSURE_MAX_CPU",
    "BB_PRESSURE_MAX_IO",
    "BB_PRESSURE_MAX_MEMORY",
)


def command(yocto: YoctoPlan, environment: Mapping[str, str]) -> list[str]:
    """What stands for `kas`.

    Raises:
        UserError: there is no engine, or no script.
    """
    engine = environment.get("KAS_CONTAINER_ENGINE")
    names = [engine] if engine else ENGINES
    if not any(shutil.which(name, path=environment["PATH"]) for name in names):
        raise UserError(
            f"no {engine or 'docker or podman'} is here to run a container",
            place="--container",
            hint="Install it (`edgeimg doctor --for container`), or build without --container.",
        )
    script = Path(sysconfig.get_path("scripts")) / "kas-container"
    if not script.is_file():
        raise UserError(
            f"{script} is missing, which comes with kas", hint="Install kas again, with pip."
        )
    given = [f"-e {name}" for name in HANDED_IN if name in environment]
    # A layer on this machine lies where it lies; no path of one holds a blank.
    folders = [one.folder for one in yocto.repositories.values() if one.folder is not None]
    given += [f"-v {folder}:{folder}:ro" for folder in folders]
    return [str(script), *(["--runtime-args", " ".join(given)] if given else [])]


def taken() -> dict[str, str]:
    """The variables of our environment that concern containers."""
    return {name: os.environ[name] for name in TAKEN if name in os.environ}


def inside(path: Path, folder: Path) -> Path:
    """A path of the project as the container has it."""
    return WORK / path.relative_to(folder)


def outside(path: Path, folder: Path) -> Path:
    """A path of the container as this machine has it."""
    return folder / path.relative_to(WORK) if path.is_relative_to(WORK) else path
