"""Emits Yocto projects, lays the stub of oe-core beside them, and asks BitBake what they say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.locks import fake_lock
from tests.unit.plan.test_plan_compiled import DIGITS, MANIFEST, edgetpu

from edgeimg.builders import BUILDERS
from edgeimg.cache import Cache
from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.runtimes import Runtime
from edgeimg.catalog.search import Catalog
from edgeimg.manifest.board import Board, YoctoBoard, YoctoBoardSeries
from edgeimg.manifest.select import select
from edgeimg.plan.accelerators import wants_compiled
from edgeimg.plan.plan import Plan
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.golden import make_goldens
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.identity import identify
from edgeimg.render.tree import Link, Tree
from edgeimg.resources import data

HERE = Path(__file__).parent
CATALOG = yaml.safe_load((data("catalog") / "yocto.yaml").read_text())


def boards() -> list[tuple[str, str]]:
    """(board, series) of everything that the yocto builder serves."""
    catalog = Catalog()
    found = []
    for name in catalog.names("board"):
        _, board = catalog.load("board", name, Board)
        serves = board.builders.yocto
        if isinstance(serves, YoctoBoard):
            found += [
                (name, series)
                for series, one in serves.series.items()
                if isinstance(one, YoctoBoardSeries)
            ]
    return sorted(found)


def accelerated() -> list[tuple[str, str, str]]:
    """(board, accelerator, model) of each that the yocto builder serves."""
    catalog = Catalog()
    models = {"onnx": "digits-onnx", "tflite": "digits"}
    found = []
    for name in catalog.names("accelerator"):
        _, one = catalog.load("accelerator", name, Accelerator)
        if not one.supported or one.yocto is None:
            continue
        _, runtime = catalog.load("runtime", one.runtimes[0], Runtime)
        for board in sorted({board for board, _ in boards()}):
            if one.needs in catalog.load("board", board, Board)[1].offers:
                found.append((board, name, models[runtime.formats[0]]))
    return found


def asks(folder: Path, accelerator: str, model: str = "digits") -> dict[str, Any]:
    """The keys of a product in that folder which ask for an accelerator, whatever it takes of it.

    Where it takes compiled files only, the model comes with one.
    """
    if wants_compiled(Catalog().load("accelerator", accelerator, Accelerator)[1], None):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(DIGITS / "digits_int8.tflite", folder / "model.tflite")
        (folder / "made.tflite").write_bytes(edgetpu())
        (folder / "sample.bin").write_bytes(bytes(64))
        text = MANIFEST.format(accelerator=accelerator, file="made.tflite")
        (folder / "mine.yaml").write_text(text)
        model = "./mine.yaml"
    return {"accelerator": {"name": accelerator, "min_placement": 0}, "models": [model]}


@dataclass(frozen=True, kw_only=True)
class Project:
    """An emitted project, and what it was made of."""

    plan: Plan
    folder: Path

    @property
    def layer(self) -> Path:
        return self.folder / "meta-edgeimg"

    @property
    def recipes(self) -> list[Path]:
        return sorted(self.layer.glob("recipes-*/*/*.bb"))

    @property
    def series(self) -> str:
        assert self.plan.yocto is not None
        return self.plan.yocto.series

    def yaml(self, path: str) -> dict[str, Any]:
        """One of its YAML files."""
        content = yaml.safe_load((self.folder / path).read_text(encoding="utf-8"))
        assert isinstance(content, dict)
        return content

    def kas_local_conf(self) -> str:
        """local.conf as kas writes it: sections by name, of all files that kas.yml includes."""
        sections: dict[str, str] = {}
        machine = distro = ""
        for path in self.yaml("kas.yml")["header"]["includes"]:
            part = self.yaml(path)
            sections |= part.get("local_conf_header", {})
            machine, distro = part.get("machine", machine), part.get("distro", distro)
        text = "".join(f"# {name}\n{lines}\n" for name, lines in sorted(sections.items()))
        return f'{text}MACHINE ??= "{machine}"\nDISTRO ??= "{distro}"\n'

    def fragments(self) -> str:
        """local.conf as bitbake-setup makes it."""
        path = self.folder / f"bitbake-setup/{self.plan.product}.conf.json"
        whole = json.loads(path.read_text(encoding="utf-8"))
        configuration = whole["bitbake-setup"]["configurations"][0]
        return f'OE_FRAGMENTS = "{" ".join(configuration["oe-fragments"])}"\n'

    def sample(self, name: str) -> str:
        """A file of `conf/templates` as oe-init-build-env copies it."""
        path = self.layer / f"conf/templates/edgeimg/{name}.sample"
        core = self.folder / "sources/openembedded-core"
        return path.read_text(encoding="utf-8").replace("##OEROOT##", str(core))


def emit(folder: Path, cache: Path, **product: Any) -> Project:
    """Writes a product into `folder`, and its project into `folder/project`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "edgeimg.yaml"
    whole = {"version": 1, "name": "t", "builder": "yocto", "models": ["digits"], **product}
    whole.setdefault("accept_licenses", ["NXP-EULA"])
    file.write_text(yaml.safe_dump(whole))
    return emit_file(file, folder / "project", cache)


def emit_file(file: Path, folder: Path, cache: Path) -> Project:
    """Writes the project of a product's file."""
    chosen = select(file=file)
    plan = resolve(chosen.product, chosen.source, cache)
    assert plan.yocto is not None
    goldens = make_goldens(plan, Cache(cache)) if plan.yocto.golden else ()
    builder = BUILDERS["yocto"]
    tree = builder.render(plan, Inputs(lock=fake_lock(plan), goldens=goldens))
    identify(tree, plan, builder.contents(plan))
    _write(tree, folder)
    return Project(plan=plan, folder=folder.absolute())


def _write(tree: Tree, folder: Path) -> None:
    """As edgeimg writes it, but without waiting for the disk after each of thousands of files."""
    for name, entry in tree.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(entry, Link):
            path.symlink_to(entry.target)
        else:
            path.write_bytes(entry.data())
            path.chmod(0o755 if entry.executable else 0o644)


def kas_dump(project: Project, files: str = "kas.yml") -> dict[str, Any]:
    """What kas reads; it says nothing of deprecated keys, and fetches nothing."""
    skip = ["--skip", "finish_setup_repos", "--skip", "repos_checkout"]
    command = [sys.executable, "-m", "kas", "-l", "warning", "dump", "--format", "json"]
    environment = {"PATH": os.environ["PATH"], "KAS_WORK_DIR": str(project.folder)}
    done = subprocess.run(
        [*command, *skip, files],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    content = json.loads(done.stdout)
    assert isinstance(content, dict)
    return content


def build_folder(project: Project, name: str, local_conf: str) -> Path:
    """A build folder below the project, and beside it stubs of all layers that it names."""
    sources = project.folder / "sources"
    if not sources.exists():
        shutil.copytree(HERE / "meta", sources / "openembedded-core/meta")
        _stub_layers(project, sources)
    conf = project.folder / name / "conf"
    conf.mkdir(parents=True)
    series = f'LAYERSERIES_CORENAMES = "{project.series}"\n'
    (conf / "bblayers.conf").write_text(project.sample("bblayers.conf") + series, encoding="utf-8")
    (conf / "local.conf").write_text(local_conf, encoding="utf-8")
    return conf.parent


def _stub_layers(project: Project, sources: Path) -> None:
    assert project.plan.yocto is not None
    for name, repository in project.plan.yocto.repositories.items():
        known = CATALOG["repositories"].get(name, {}).get("layers", {}).values()
        collections = {one.get("path", "."): one["collection"] for one in known}
        for layer in repository.layers:
            conf = (repository.folder or sources / name) / layer / "conf"
            if not (conf / "layer.conf").exists():
                conf.mkdir(parents=True)
                collection = collections.get(layer, f"{name}-{layer}".replace("/", "-"))
                lines = (
                    f'BBFILE_COLLECTIONS += "{collection}"',
                    f'BBFILE_PATTERN_{collection} = "^${{LAYERDIR}}/"',
                    f'LAYERSERIES_COMPAT_{collection} = "{project.series}"',
                )
                (conf / "layer.conf").write_text("".join(f"{line}\n" for line in lines))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What BitBake made of a recipe; see parse.py."""

    values: dict[str, str]
    flags: dict[str, dict[str, str]]
    tasks: list[str]
    uses: dict[str, list[str]]
    skipped: str
    folders: list[str]

    def words(self, name: str) -> list[str]:
        """A variable that is a list, such as `RDEPENDS`; that of the main package if it has one."""
        values = self.values
        return values.get(f"{name}:{values['PN']}", values.get(name, "")).split()


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What BitBake made of a build folder."""

    conf: dict[str, str]
    recipes: dict[str, Recipe]
    messages: list[str]


def parse(builds: Iterable[tuple[Path, Iterable[Path]]]) -> list[Parsed]:
    """Parses build folders and recipes, all in one run of BitBake."""
    requests = [
        {"build": str(build), "recipes": [str(recipe) for recipe in recipes]}
        for build, recipes in builds
    ]
    done = subprocess.run(
        [sys.executable, str(HERE / "parse.py")],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [_parsed(answer) for answer in json.loads(done.stdout)]


def _parsed(answer: dict[str, Any]) -> Parsed:
    recipes = {Path(path).stem.split("_")[0]: one for path, one in answer["recipes"].items()}
    assert len(recipes) == len(answer["recipes"])
    return Parsed(
        conf=answer["conf"],
        recipes={name: Recipe(**one) for name, one in recipes.items()},
        messages=answer["messages"],
    )
