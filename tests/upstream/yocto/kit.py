"""Build folders for the checkouts that a user names, and bitbake in them; see README.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.unit.render.bitbake_stub.kit import Project

from edgeimg.prepare.wheels import find_pip
from edgeimg.resources import data, data_root

HERE = Path(__file__).parent
# Kept from run to run: the sysroot, what was downloaded, and the last run's build folders.
WORK = data_root() / "build" / "test-upstream" / "yocto"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOCALE = "en_US.UTF-8"
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
# Of the repository in the catalogue -> its layers' collections.
REPOSITORIES = yaml.safe_load((data("catalog") / "yocto.yaml").read_text())["repositories"]


@dataclass(frozen=True, kw_only=True)
class Checkouts:
    """The user's checkouts, of one series.

    Attributes:
        core, bitbake: of openembedded-core and BitBake.
        layers: the other layers, by collection.
    """

    core: Path
    bitbake: Path
    series: str
    layers: dict[str, Path]

    def of(self, project: Project) -> list[Path]:
        """The layers that a project names beside oe-core's; skips where one is missing."""
        assert project.plan.yocto is not None
        found = []
        for name, repository in project.plan.yocto.repositories.items():
            known = REPOSITORIES[name].get("layers", {}).values()
            collections = {one.get("path", "."): one["collection"] for one in known}
            wanted = [collections[layer] for layer in repository.layers]
            for collection in wanted:
                if collection == "core":
                    continue
                if collection not in self.layers:
                    pytest.skip(f"LAYERS has no layer {collection}, of {name}")
                found.append(self.layers[collection])
        return found


def checkouts() -> Checkouts:
    """What OE_CORE, BITBAKE and LAYERS name; skips without the first two."""
    named = {name: os.environ.get(name, "") for name in ("OE_CORE", "BITBAKE")}
    if missing := [name for name, folder in named.items() if not folder]:
        pytest.skip(
            f"{' and '.join(missing)}: no checkout (make test-upstream OE_CORE=dir BITBAKE=dir "
            'LAYERS="dir ...")'
        )
    core, bitbake = (Path(folder).resolve() for folder in named.values())
    conf = (core / "meta/conf/layer.conf").read_text()
    series = re.search(r'^LAYERSERIES_CORENAMES = "(\w+)"', conf, re.MULTILINE)
    assert series, f"{core} says no series"
    layers = {}
    for folder in os.environ.get("LAYERS", "").split():
        for layer in (Path(folder).resolve(), *sorted(Path(folder).resolve().iterdir())):
            if (layer / "conf/layer.conf").is_file():
                layers[_collection(layer)] = layer
    return Checkouts(core=core, bitbake=bitbake, series=series[1], layers=layers)


def _collection(layer: Path) -> str:
    text = (layer / "conf/layer.conf").read_text()
    found = re.search(r'^BBFILE_COLLECTIONS\s*\+?=\s*"\s*([\w-]+)\s*"', text, re.MULTILINE)
    assert found, f"{layer}/conf/layer.conf names no collection"
    return found[1]


@dataclass(frozen=True, kw_only=True)
class Build:
    """A build folder."""

    folder: Path
    checkouts: Checkouts

    @property
    def packages(self) -> list[Path]:
        """The packages that it made, but for those of the stubs."""
        debs = sorted(self.folder.glob("tmp/deploy/deb/*/*.deb"))
        return [deb for deb in debs if not deb.name.startswith("stub-")]

    def run(
        self, program: str, *arguments: str | Path, network: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program of BitBake or oe-core; both outputs come as one."""
        path = os.environ["PATH"] if os.geteuid() else SYSTEM_PATH
        environment = {
            **{name: os.environ[name] for name in PROXIES if name in os.environ},
            "BBPATH": str(self.folder),
            "BUILDDIR": str(self.folder),
            "HOME": str(WORK / "home"),
            "LANG": LOCALE,
            "LC_ALL": LOCALE,
            "PATH": f"{self.checkouts.bitbake}/bin:{self.checkouts.core}/scripts:{path}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if not network:
            environment["BB_NO_NETWORK"] = "1"
            environment["BB_ENV_PASSTHROUGH_ADDITIONS"] = "BB_NO_NETWORK"
        words = [f"{name}={value}" for name, value in environment.items()]
        give_away(self.folder, WORK / "home", WORK / "downloads")
        return subprocess.run(
            [*_as_user(), "env", "-i", *words, program, *map(str, arguments)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )


def user() -> str:
    """Who runs BitBake when we are root, whom it refuses."""
    return os.environ.get("BITBAKE_USER") or "nobody"


def _as_user() -> list[str]:
    return [] if os.geteuid() else ["runuser", "-u", user(), "--"]


def give_away(*folders: Path) -> None:
    """Folders that are BitBake's user's from now on."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{user()}:", *folders], check=True)


def build_folder(
    name: str, checkouts: Checkouts, layers: Iterable[Path], lines: Iterable[str]
) -> Build:
    """A new build folder for these layers beside oe-core's, with these lines in local.conf."""
    folder = WORK / checkouts.series / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "conf").mkdir(parents=True)
    (WORK / "downloads").mkdir(exist_ok=True)
    (WORK / "home").mkdir(exist_ok=True)
    # The checkouts are somebody else's.
    (WORK / "home/.gitconfig").write_text('[safe]\n\tdirectory = "*"\n')
    paths = "".join(f"    {path} \\\n" for path in (checkouts.core / "meta", *layers))
    (folder / "conf/bblayers.conf").write_text(
        f'POKY_BBLAYERS_CONF_VERSION = "2"\nBBPATH = "${{TOPDIR}}"\nBBFILES ?= ""\n'
        f'BBLAYERS = "\\\n{paths}"\n'
    )
    common = ('CONF_VERSION = "2"', 'PATCHRESOLVE = "noop"', f'DL_DIR = "{WORK}/downloads"')
    (folder / "conf/local.conf").write_text("".join(f"{line}\n" for line in (*common, *lines)))
    build = Build(folder=folder, checkouts=checkouts)
    _check_rights(build)
    return build


def _check_rights(build: Build) -> None:
    """BitBake's user must be able to read all that root can."""
    for path in (build.folder, build.checkouts.core, build.checkouts.bitbake):
        done = subprocess.run([*_as_user(), "test", "-r", path, "-a", "-x", path], check=False)
        if done.returncode:
            pytest.skip(f"the user {user()} cannot read {path}; BITBAKE_USER names another")


def masked(
    name: str, checkouts: Checkouts, project: Project, *, with_project: bool = True
) -> Build:
    """A build folder in which the recipes of all layers but ours are stubs.

    Args:
        name: the build folder's.
        with_project: the project's own layer is among the layers.
    """
    assert project.plan.yocto is not None
    layers = checkouts.of(project)
    masks = [f"^{re.escape(str(layer))}/" for layer in layers]
    masks.append(f"^{re.escape(str(checkouts.core / 'meta'))}/recipes-")
    empty = ["core", *(_collection(layer) for layer in layers)]
    conf = (project.sample("local.conf")).splitlines()
    lines = [
        *(line for line in conf if not line.startswith("CONF_VERSION")),
        f'STUB_SYSROOT = "{sysroot()}"',
        "require conf/stub.conf",
        *(f'BBMASK += "{mask}"' for mask in masks),
        *(f'BBFILE_PATTERN_IGNORE_EMPTY_{collection} = "1"' for collection in empty),
    ]
    ours = [project.layer] if with_project else []
    return build_folder(name, checkouts, [HERE / "meta-stub", *layers, *ours], lines)


def sysroot() -> Path:
    """Debian's arm64 libraries, for this machine's cross compiler; made once."""
    compiler = shutil.which("aarch64-linux-gnu-g++")
    if compiler is None:
        pytest.skip("no aarch64-linux-gnu-g++ (Debian package g++-aarch64-linux-gnu)")
    version = subprocess.check_output([compiler, "-dumpversion"], text=True).strip()
    folder = WORK / f"sysroot-{version}"
    if not (folder / "packages").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([HERE / "sysroot.sh", folder], check=False, stderr=subprocess.PIPE)
        if done.returncode:
            pytest.skip(f"no sysroot from this machine's apt: {done.stderr.decode()[-300:]}")
    return folder


def downloads(project: Project, *others: str) -> None:
    """Puts the project's wheel, and other files of the folder DL_DIR, where BitBake looks.

    The wheel comes from DL_DIR or from pip's index.
    """
    folder = WORK / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = project.plan.runtime.wheel
    assert wheel is not None
    given = Path(os.environ.get("DL_DIR") or folder)
    for name in (wheel.file, *others):
        if (given / name).is_file() and not (folder / name).exists():
            shutil.copyfile(given / name, folder / name)
    if (folder / wheel.file).exists():
        return
    command = [*find_pip(), "download", "-q", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", "3.11", "--implementation", "cp", "--dest", str(folder)]
    # A tag of the file's name is one that pip takes.
    command += ["--platform", wheel.file.removesuffix(".whl").split("-")[-1].split(".")[0]]
    done = subprocess.run(
        [*command, f"{wheel.name}=={wheel.version}"], check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"pip cannot download {wheel.file}: {done.stderr[-300:]}")
    assert (folder / wheel.file).exists(), done.stdout


def findings(output: str) -> list[str]:
    """The lines of BitBake's output that warn or complain."""
    return [line for line in output.splitlines() if re.match(r"(WARNING|ERROR)\b", line)]
