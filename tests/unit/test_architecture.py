"""Rules of the house that no other test would notice being broken."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

from tests.record import readme_is_current

import edgeimg
from edgeimg.host import read_tools
from edgeimg.manifest.schema import reference
from edgeimg.resources import data_root

PACKAGE = Path(edgeimg.__file__).parent

# A package may import those after it, and none before it.
ORDER = [
    "cli",
    "deploy",
    "verify",
    "guest",
    "flash",
    "bsp",
    "builders",
    "render",
    "prepare",
    "plan",
    "catalog",
    "manifest",
    "model",
]
EVERYWHERE = {"errors", "events", "resources", "process", "cache", "host"}


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
    return {name.split(".")[1] for name in names if name.startswith("edgeimg.")}


def test_imports_point_one_way() -> None:
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0]
        if part not in ORDER:
            continue
        for other in _imports(path) - EVERYWHERE:
            if ORDER.index(other) < ORDER.index(part):
                wrong.append(f"{path.relative_to(PACKAGE)} imports {other}")
    assert wrong == []


def test_no_board_runtime_or_accelerator_is_named_in_code() -> None:
    root = data_root()
    names = {path.stem for path in (root / "boards").glob("*.yaml")}
    names |= {path.stem for path in (root / "catalog/runtimes").glob("*.yaml")}
    hosts = {path.stem for path in (PACKAGE / "prepare/hosts").glob("*.py")}
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "hosts" and path.stem in hosts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                words = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
                where = f"{path.name}:{node.lineno}"
                wrong += [f"{where} compares with {name}" for name in words & names]
    assert wrong == []


def test_the_manifest_reference_is_not_stale() -> None:
    assert (data_root() / "docs/manifest.md").read_text() == reference(), "run `make docs`"


def test_no_registry_host_stands_in_the_project() -> None:
    # Spelt so that this file does not hold them either.
    words = ("deb.debian", "pythonhosted", "pypi", "security.debian")
    hosts = re.compile("|".join(rf"{re.escape(word)}\.org" for word in words))
    folders = (
        "app",
        "boards",
        "catalog",
        "debian-image",
        "docs",
        "generator",
        "templates",
        "tests",
    )
    found = [
        path
        for folder in folders
        for path in (data_root() / folder).rglob("*")
        if path.is_file() and hosts.search(path.read_text(errors="replace"))
    ]
    assert found == []


def test_no_link_is_shipped() -> None:
    """A wheel cannot hold one: what an image wants linked, its scripts link."""
    folders = ("app", "boards", "catalog", "debian-image", "models", "templates")
    found = [
        path
        for folder in folders
        for path in (data_root() / folder).rglob("*")
        if path.is_symlink()
    ]
    assert found == []


def test_the_readmes_table_is_that_of_the_recorded_runs() -> None:
    assert readme_is_current(), "run `make record`"


def test_make_reads_the_host_list_as_doctor_does() -> None:
    wanted = {"debian", "arm64", "qemu-arm64", "venv", "test"}
    tools = read_tools(data_root() / "catalog/host.yaml")
    listed = sorted({tool["package"] for tool in tools if wanted & set(tool["for"])})
    command = ["make", "-s", "-C", str(data_root()), "print-TEST_PACKAGES"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert sorted(printed.split()) == listed


def test_a_wheel_has_every_folder_of_data() -> None:
    root = data_root()
    listed = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    carried = listed["targets"]["wheel"]["force-include"]
    used = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r'data\("([a-z-]+)"\)', path.read_text())
    }
    assert used | {"boards", "models"} <= set(carried)
