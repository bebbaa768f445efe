"""What PATH of `edgeimg bsp import` may be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.repositories import git
from tests.unit.bsp.bspkit import BOARD, acme, core, layer, publish


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace: oe-core, a layer in a repository, and one with no machine."""
    core(tmp_path / "openembedded-core")
    acme(tmp_path / "vendor/meta-acme")
    layer(tmp_path / "vendor/meta-tools", "tools")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAS_WORK_DIR", raising=False)
    return tmp_path


def machines(answer) -> list[str]:  # type: ignore[no-untyped-def]
    assert answer.stdout, answer.stderr
    return [one["machine"] for one in json.loads(answer.stdout)["boards"]]


def test_a_folder_of_layers(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    (place / "vendor/loop").symlink_to(place / "vendor", target_is_directory=True)
    (place / "vendor/broken").symlink_to(place / "nowhere")
    layer(place / "vendor/two/meta-two", "two", {"conf/machine/two.conf": BOARD})
    # BitBake's own tests have layers.
    layer(place / "vendor/bitbake/tests/layer", "x", {"conf/machine/x.conf": BOARD})
    (place / "vendor/bitbake/lib/bb").mkdir(parents=True)
    answer = edgeimg("bsp", "import", "vendor", "--output", "json")
    assert machines(answer) == ["acme-one", "two"]


def test_a_folder_that_begins_as_one_of_a_layer(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    layer(place / "all/library/meta-one", "one", {"conf/machine/one.conf": BOARD})
    layer(place / "all/filesystem-layer", "two", {"conf/machine/two.conf": BOARD})
    layer(place / "all/meta-x/recipes-y/z", "three", {"conf/machine/three.conf": BOARD})
    answer = edgeimg("bsp", "import", "all", "--output", "json")
    assert machines(answer) == ["one", "two"]


def test_two_layers_of_one_name(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    layer(place / "vendor/old", "acme", {"conf/machine/old.conf": BOARD}, series="dunfell")
    answer = edgeimg("bsp", "import", "vendor", "--output", "json")
    assert machines(answer) == ["acme-one"]  # the one for this oe-core
    assert "vendor/old is left out: vendor/meta-acme has its name too" in answer.stderr


def test_a_build_folder(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    conf = place / "build/conf"
    conf.mkdir(parents=True)
    (conf / "bblayers.conf").write_text(
        'BBPATH = "${TOPDIR}"\nBASE := "${TOPDIR}/.."\n'
        'BBLAYERS ?= "${BASE}/openembedded-core/meta \\\n  ${BASE}/vendor/meta-acme/ \\\n'
        '  ${BASE}/meta-edgeimg"\n'
    )
    layer(place / "meta-edgeimg", "edgeimg")
    # The build's own machine is not that of every board.
    (conf / "local.conf").write_text('MACHINE = "other"\n')
    answer = edgeimg("bsp", "import", "build", "--output", "json")
    assert machines(answer) == ["acme-one"]
    # A product brings a layer of ours itself, and two would be of one name.
    text = (place / "boards/acme-one.yaml").read_text()
    assert "meta-acme" in text and "meta-edgeimg" not in text
    (conf / "bblayers.conf").write_text("this is no configuration\n")
    answer = edgeimg("bsp", "import", "build")
    assert answer.status == 2
    assert "unparsed line: 'this is no configuration'" in answer.stderr


def test_a_kas_file(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    git(place / "vendor", "init", "-q")
    (place / "vendor/kas").mkdir()
    (place / "vendor/kas/base.yml").write_text(
        "header: {version: 14}\nmachine: acme-one\ndistro: nodistro\nrepos:\n"
        "  openembedded-core:\n    url: https://example.org/oe-core\n    branch: wrynose\n"
        "    layers: {meta: }\n"
        "  meta-gone: {url: 'https://example.org/gone', branch: wrynose}\n"
    )
    (place / "vendor/kas/main.yml").write_text(
        "header: {version: 14, includes: [kas/base.yml]}\nrepos:\n"
        "  this: {layers: {meta-acme: , meta-tools: 'false'}}\n"
    )
    answer = edgeimg("bsp", "import", "vendor/kas/main.yml", "--output", "json")
    assert machines(answer) == ["acme-one"]
    assert "not checked out: meta-gone, https://example.org/gone" in answer.stderr
    (place / "kas.py").write_text("raise SystemExit('this is nobody's kas')\n")
    (place / "bad.yml").write_text("header: {version: 14}\nrepos: 7\n")
    answer = edgeimg("bsp", "import", "bad.yml")
    assert answer.status == 2
    assert answer.stderr.startswith("error: bad.yml: kas cannot read it: ")
    assert "nobody" not in answer.stderr


def test_a_kas_file_of_another_repository(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    """Nothing is cloned for it, and the clone that is there stays as the user left it."""
    shared = place / "elsewhere/shared"
    shared.mkdir(parents=True)
    git(shared, "init", "-q", "-b", "main")
    (shared / "base.yml").write_text(
        "header: {version: 14}\nrepos: {bsp: {path: vendor/meta-acme}}\n"
    )
    git(shared, "add", ".")
    git(shared, "commit", "-q", "-m", "one")
    (place / "main.yml").write_text(
        "header: {version: 14, includes: [{repo: shared, file: base.yml}]}\nrepos:\n"
        f"  shared: {{url: 'file://{shared}', branch: main, layers: {{.: disabled}}}}\n"
        "  openembedded-core: {path: openembedded-core, layers: {meta: }}\n"
    )
    answer = edgeimg("bsp", "import", "main.yml")
    assert answer.status == 2
    assert f"Configuration file not found: {place}/shared/base.yml" in answer.stderr
    assert not (place / "shared").exists()

    git(place, "clone", "-q", shared, "shared")
    git(place / "shared", "commit", "-q", "--allow-empty", "-m", "mine")
    mine = git(place / "shared", "rev-parse", "HEAD", "main")
    answer = edgeimg("bsp", "import", "main.yml", "--output", "json")
    assert machines(answer) == ["acme-one"]
    assert git(place / "shared", "rev-parse", "HEAD", "main") == mine
    assert git(place / "shared", "remote", "get-url", "origin") == str(shared)


def test_a_workspace_of_repo(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    """A manifest in a folder of its repository, groups, a local one, and a project twice."""
    layer(place / "vendor/meta-two", "two", {"conf/machine/two.conf": BOARD})
    files = {
        "manifest.xml": '<include name="bsp/main.xml"/>',
        "manifests/bsp/main.xml": '<include name="bsp/base.xml"/>'
        '<project name="layers" path="vendor/meta-acme"/>'
        '<project name="layers" path="vendor/meta-tools"/>'
        '<project name="extra" groups="debug,notdefault"/>',
        "manifests/bsp/base.xml": '<project name="core" path="openembedded-core"/>',
        "local_manifests/mine.xml": '<project name="mine" path="vendor/meta-two"/>',
    }
    for name, content in files.items():
        (place / ".repo" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / ".repo" / name).write_text(f"<manifest>{content}</manifest>")
    answer = edgeimg("bsp", "import", ".repo/manifest.xml", "--output", "json")
    assert machines(answer) == ["acme-one", "two"]
    assert "not checked out" not in answer.stderr
    answer = edgeimg("bsp", "import", ".repo/manifests/bsp/main.xml", "--output", "json")
    assert machines(answer) == ["acme-one"]


def test_a_manifest_of_repo(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    folder = place / ".repo/manifests"
    folder.mkdir(parents=True)
    (folder / "base.xml").write_text(
        '<manifest><remote name="r" fetch="https://example.org"/>'
        '<default remote="r" revision="wrynose"/>'
        '<project name="oe/core" path="openembedded-core"/>'
        '<project name="gone"/><project name="taken-out" path="vendor/meta-tools"/></manifest>'
    )
    (folder / "main.xml").write_text(
        '<manifest><include name="base.xml"/><include name="main.xml"/>'
        '<remove-project name="taken-out"/>'
        '<project name="acme/bsp" path="vendor/meta-acme"/></manifest>'
    )
    answer = edgeimg("bsp", "import", ".repo/manifests/main.xml", "--output", "json")
    assert machines(answer) == ["acme-one"]
    assert "not checked out: gone, project gone" in answer.stderr
    assert "taken-out" not in answer.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<manifest><project", "is not XML"),
        ("<other/>", "begins with <other>"),
        ("<manifest/>", "names no project"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><manifest/>', "has a DOCTYPE"),
        ('<manifest><include name="no.xml"/></manifest>', "cannot be read: No such file"),
    ],
)
def test_what_is_no_manifest(edgeimg, place, content: str, said: str) -> None:  # type: ignore[no-untyped-def]
    (place / "m.xml").write_text(content)
    answer = edgeimg("bsp", "import", "m.xml")
    assert answer.status == 2
    assert said in answer.stderr
    assert not Path("boards").exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere", "nowhere: does not exist"),
        ("vendor/meta-tools", "no layer here has a machine"),
        ("empty", "empty: no layer is here. A layer has a file conf/layer.conf"),
        ("text.txt", "text.txt: is not a BSP"),
    ],
)
def test_what_is_no_bsp(edgeimg, place, path: str, said: str) -> None:  # type: ignore[no-untyped-def]
    (place / "empty").mkdir()
    (place / "text.txt").write_text("x")
    answer = edgeimg("bsp", "import", path)
    assert answer.status == 2
    assert answer.stderr.count("\n") == 1
    assert said in answer.stderr


def test_no_bitbake(edgeimg, place, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    answer = edgeimg("bsp", "import", "vendor/meta-acme", "--bitbake", "vendor")
    assert answer.status == 2
    assert "vendor: is no checkout of BitBake" in answer.stderr
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    answer = edgeimg("bsp", "import", "vendor/meta-acme")
    assert answer.status == 2
    assert "Name yours with --bitbake, or install it: pip install 'edgeimg[bsp]'." in answer.stderr


def test_a_layer_in_a_repository_with_others(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    commit = publish(place / "vendor", "git@git.example.org:acme/vendor.git")
    edgeimg("bsp", "import", "vendor/meta-acme")
    text = Path("boards/acme-one.yaml").read_text()
    assert "url: git@git.example.org:acme/vendor.git" in text
    assert f'commit: "{commit}"' in text
    assert "layers: [meta-acme]" in text
