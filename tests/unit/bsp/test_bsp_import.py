"""`edgeimg bsp import`: what a machine says becomes a board, and nothing else does."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from tests.repositories import git
from tests.unit.bsp.bspkit import BOARD, KERNEL, TUNE, acme, core, layer, publish
from tests.unit.render.bitbake_stub.kit import emit, kas_dump

URL = "https://git.example.org/meta-acme"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with something like oe-core in it, where the command line runs."""
    core(tmp_path / "openembedded-core")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def board(name: str = "acme-one", folder: str = "boards") -> dict:  # type: ignore[type-arg]
    content = yaml.safe_load(Path(folder, f"{name}.yaml").read_text())
    assert isinstance(content, dict)
    return content


def fill_in(path: Path) -> None:
    """What a person does with an imported board."""
    text = path.read_text()
    for key, value in {"memory_mib": 1024, "storage_mib": 8192}.items():
        lines = [
            f"{line.partition('#')[0]}{key}: {value}" if f"# {key}:" in line else line
            for line in text.splitlines()
        ]
        text = "\n".join(lines)
    path.write_text(f"{text}\n")


def test_a_machine_becomes_a_board(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    acme(place / "meta-acme")
    answer = edgeimg("bsp", "import", "meta-acme")
    assert answer.status == 0, answer.stderr
    made = board()
    assert made["summary"] == "Acme One"
    assert (made["architecture"], made["cpu"]) == ("arm64", "cortex-a53")
    assert made["console"] == "ttyACM0"
    assert made["offers"] == ["usb", "pcie"]
    assert made["default_builder"] == "yocto"
    yocto = made["builders"]["yocto"]
    assert yocto["machine"] == "acme-one"
    assert yocto["artefacts"] == ["{image}*.wic.gz", "{image}*.wic.bmap"]
    # The preferred version, not the other recipe's.
    assert yocto["series"]["wrynose"]["provides"]["kernel"]["version"] == "6.12.30"
    assert "UBOOT_MACHINE acme_defconfig" in Path("boards/acme-one.yaml").read_text()


def test_what_no_layer_says_is_to_be_filled_in(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    acme(place / "meta-acme")
    edgeimg("bsp", "import", "meta-acme")
    path = Path("boards/acme-one.yaml")
    lines = path.read_text().splitlines()
    at = {key: [f"# {key}:" in line for line in lines].index(True) + 1 for key in ("memory_mib",)}
    answer = edgeimg("check", "--board", path)
    assert answer.status == 2
    assert (
        f"error: {path}:{at['memory_mib']}: memory_mib: is to be filled in. "
        "Take the '#' before it away, and write a value." in answer.stderr
    )
    assert "storage_mib: is to be filled in" in answer.stderr
    fill_in(path)
    assert edgeimg("check", "--board", path).status == 0


def test_an_imported_board_is_built_on_its_own_layer(edgeimg, place, session_cache) -> None:  # type: ignore[no-untyped-def]
    acme(place / "meta-acme")
    edgeimg("bsp", "import", "meta-acme")
    fill_in(place / "boards/acme-one.yaml")
    project = emit(place / "product", session_cache, board=str(place / "boards/acme-one.yaml"))
    dumped = kas_dump(project)
    assert dumped["machine"] == "acme-one"
    assert dumped["repos"]["meta-acme"]["path"] == str(place / "meta-acme")
    assert "commit" not in dumped["repos"]["meta-acme"]


def test_a_clean_checkout_is_named_by_its_commit(edgeimg, place, session_cache) -> None:  # type: ignore[no-untyped-def]
    commit = publish(acme(place / "meta-acme"), URL)
    answer = edgeimg("bsp", "import", "meta-acme")
    assert Path("boards/acme-one.yaml").exists(), answer
    said = board()["builders"]["yocto"]["repositories"]["meta-acme"]
    assert said == {"url": URL, "branch": "wrynose", "commit": commit}
    fill_in(place / "boards/acme-one.yaml")
    project = emit(place / "product", session_cache, board=str(place / "boards/acme-one.yaml"))
    assert project.yaml("kas.lock.yml")["overrides"]["repos"]["meta-acme"] == {"commit": commit}


@pytest.mark.parametrize(
    "state", ["dirty", "new", "no remote", "unpublished", "local remote", "around"]
)
def test_what_others_cannot_clone_is_a_folder(edgeimg, place, state: str) -> None:  # type: ignore[no-untyped-def]
    folder = acme(place / "meta-acme")
    publish(folder, str(place) if state == "local remote" else URL)
    if state == "dirty":
        (folder / "conf/machine/acme-one.conf").write_text(f'{BOARD}\nX = "1"\n')
    elif state == "new":
        (folder / "conf/machine/acme-two.conf").write_text(BOARD)
    elif state == "around":  # a layer that lies in a checkout and is not of it
        shutil.rmtree(folder / ".git")
        (place / ".gitignore").write_text("/meta-acme\n")
        publish(place, URL)
    elif state == "no remote":
        git(folder, "remote", "remove", "origin")
    elif state == "unpublished":
        git(folder, "commit", "-q", "--allow-empty", "-m", "mine")
    answer = edgeimg("bsp", "import", "meta-acme")
    assert Path("boards/acme-one.yaml").exists(), answer
    said = board()["builders"]["yocto"]["repositories"]["meta-acme"]
    assert list(said) == ["path"]
    assert (place / "boards" / said["path"]).resolve() == folder


def test_a_branch_is_one_of_the_remote_that_is_named(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    folder = acme(place / "meta-acme")
    publish(folder, URL)
    # As the tool `repo` leaves it: the branch of the manifest, and a remote of any name.
    git(folder, "update-ref", "refs/remotes/m/a-manifest", "HEAD")
    git(folder, "update-ref", "-d", "refs/remotes/origin/wrynose")
    git(folder, "remote", "add", "vendor", "https://ci:s3cret@example.org/fork")
    git(folder, "update-ref", "refs/remotes/vendor/theirs", "HEAD")
    edgeimg("bsp", "import", "meta-acme")
    said = board()["builders"]["yocto"]["repositories"]["meta-acme"]
    assert (said["url"], said["branch"]) == ("https://example.org/fork", "theirs")


def test_a_layer_that_a_build_names_by_a_link(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    acme(place / "real/bsp/meta-acme")
    publish(place / "real/bsp", URL)
    (place / "meta-acme").symlink_to("real/bsp/meta-acme")
    (place / "build/conf").mkdir(parents=True)
    layers = f"{place}/openembedded-core/meta {place}/meta-acme"
    (place / "build/conf/bblayers.conf").write_text(f'BBLAYERS = "{layers}"\n')
    edgeimg("bsp", "import", "build")
    said = board()["builders"]["yocto"]["repositories"]["bsp"]
    assert (said["url"], said["layers"]) == (URL, ["meta-acme"])


def test_without_git_a_layer_is_a_folder(edgeimg, place, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    publish(acme(place / "meta-acme"), URL)
    monkeypatch.setitem(sys.modules, "git", None)
    assert edgeimg("bsp", "import", "meta-acme").status == 0
    assert list(board()["builders"]["yocto"]["repositories"]["meta-acme"]) == ["path"]


def test_edits_are_kept(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    acme(place / "meta-acme")
    edgeimg("bsp", "import", "meta-acme")
    path = Path("boards/acme-one.yaml")
    written = path.read_text()
    assert "same" in edgeimg("bsp", "import", "meta-acme").stdout
    fill_in(path)
    mine = path.read_text()
    assert "kept" in edgeimg("bsp", "import", "meta-acme").stdout
    assert path.read_text() == mine
    assert "written" in edgeimg("bsp", "import", "meta-acme", "--force").stdout
    assert path.read_text() == written


def test_without_core_nothing_is_guessed(edgeimg, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    acme(tmp_path / "meta-acme")
    answer = edgeimg("bsp", "import", "meta-acme")
    assert answer.status == 0
    assert "openembedded-core is not here" in answer.stderr
    made = board()
    assert "architecture" not in made and "cpu" not in made
    assert made["console"] == "ttyACM0"
    assert made["builders"]["yocto"]["series"]["wrynose"]["provides"]["kernel"]["version"]
    text = Path("boards/acme-one.yaml").read_text()
    assert "conf/machine/include/tune-a53.inc" in text
    core(tmp_path / "elsewhere/oe")
    edgeimg("bsp", "import", "meta-acme", "--core", "elsewhere/oe", "--force")
    assert board()["architecture"] == "arm64"


def test_json_has_all_of_it(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    acme(place / "meta-acme")
    answer = edgeimg("bsp", "import", "meta-acme", "--output", "json")
    (one,) = json.loads(answer.stdout)["boards"]
    assert one["machine"] == one["board"] == "acme-one"
    assert one["state"] == "written"
    assert one["to fill in"] == ["memory_mib", "storage_mib"]
    assert one["kernel"] == "linux-acme 6.12.30"


def test_a_name_that_is_no_name(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    files = {
        "conf/machine/Acme_One.conf": BOARD,
        "conf/machine/acme.one.conf": BOARD,
        "conf/machine/ACME_TWO.conf": BOARD,
        "conf/machine/with blank.conf": BOARD,
    }
    layer(place / "meta-names", "names", files)
    answer = edgeimg("bsp", "import", "meta-names", "--output", "json")
    assert answer.status == 1
    by_name = {one["machine"]: one for one in json.loads(answer.stdout)["boards"]}
    assert by_name["ACME_TWO"]["board"] == "acme-two"
    assert board("acme-two")["builders"]["yocto"]["machine"] == "ACME_TWO"
    assert "no blanks" in by_name["with blank"]["problem"]
    states = sorted(by_name[one]["state"] for one in ("Acme_One", "acme.one"))
    assert states == ["failed", "written"]
    assert sorted(path.name for path in Path("boards").iterdir()) == [
        "acme-one.yaml",
        "acme-two.yaml",
    ]


@pytest.mark.parametrize(
    ("types", "ordered"),
    [
        ("tar.bz2 ext3 wic.bz2 wic.bmap", "wic.bz2 tar.bz2 ext3 wic.bmap"),
        ("wic.bmap wic.gz", "wic.gz wic.bmap"),
        ("tar.xz rpi-sdimg", "rpi-sdimg tar.xz"),
        ("ext4 tar.gz", "ext4 tar.gz"),
    ],
)
def test_the_disk_is_the_first_artefact(edgeimg, place, types: str, ordered: str) -> None:  # type: ignore[no-untyped-def]
    """Of it are the README's bmaptool and what `flash` writes."""
    files = {"conf/machine/disks.conf": f'IMAGE_FSTYPES = "{types}"\n'}
    layer(place / "meta-disks", "disks", files)
    answer = edgeimg("bsp", "import", "meta-disks", "--output", "json")
    assert answer.status == 0, answer.stdout
    yocto = board("disks")["builders"]["yocto"]
    assert yocto["artefacts"] == [f"{{image}}*.{one}" for one in ordered.split()]


@pytest.mark.parametrize(
    "console", ["115200;ttyS4", "ttyS4", "115200;ttyS4;vt102", "115200 ;ttyS4"]
)
def test_the_console_of_a_machine(edgeimg, place, console: str) -> None:  # type: ignore[no-untyped-def]
    conf = f'SERIAL_CONSOLES = "{console} 9600;ttyS5"\n'
    layer(place / "meta-serial", "serial", {"conf/machine/serial.conf": conf})
    edgeimg("bsp", "import", "meta-serial")
    assert board("serial")["console"] == "ttyS4"


def test_oddities_of_real_layers(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    """Seen in the vendors' layers: Python in values, overrides, includes of each other."""
    files = {
        "conf/machine/include/base.inc": """
SERIAL_CONSOLES ?= "115200;${@'ttyS' + str(1 + 1)}"
IMX_KERNEL:acme = "linux-acme"
PREFERRED_PROVIDER_virtual/kernel = "${IMX_KERNEL}"
IMAGE_FSTYPES = "wic.xz ${@bb.utils.contains('MACHINE_FEATURES', 'x', 'tar.gz', '', d)}"
""",
        "conf/machine/odd.conf": """#@DESCRIPTION: A "quoted": board # with ${BRACES} \\ and: colons
MACHINEOVERRIDES =. "acme:"
require conf/machine/include/tune-arm.inc
include conf/machine/include/not-here.inc
require include/base.inc
MACHINE_FEATURES = "x"
KERNEL_VERSION_UNKNOWN = "${NOT_SET}"
""",
        "conf/machine/empty.conf": "",
        "conf/machine/nokernel.conf": 'PREFERRED_PROVIDER_virtual/kernel = "${WHO}"\n',
        "recipes-kernel/linux/linux-acme_git.bb": "PV = \"${@d.getVar('NOT') + 1}\"\n",
        "recipes-npu/tensor/tensorrt-core_10.16.2.10-1.bb": 'COMPATIBLE_MACHINE = "(acme)"\n',
        "recipes-npu/tim/tim-vx_1.2.bb": 'COMPATIBLE_MACHINE = "(other)"\n',
    }
    layer(place / "meta-odd", "odd", files, series="kirkstone wrynose")
    answer = edgeimg("bsp", "import", "meta-odd", "--output", "json")
    assert answer.status == 0, answer.stdout
    made = board("odd")
    assert made["summary"] == 'A "quoted": board # with ${BRACES} \\ and: colons'
    assert made["architecture"] == "arm" and "cpu" not in made  # only -march is said
    assert made["console"] == "ttyS2"
    assert made["offers"] == ["cuda"]  # by the recipe that says that it is for this machine
    yocto = made["builders"]["yocto"]
    assert yocto["artefacts"] == ["{image}*.wic.xz", "{image}*.tar.gz"]
    assert list(yocto["series"]) == ["wrynose"]  # what the layers and oe-core have in common
    assert yocto["series"]["wrynose"]["provides"] == {
        "tensorrt-core": {
            "version": "10.16.2.10",
            "source": "tensorrt-core_10.16.2.10-1.bb of meta-odd",
            "checked": "read by BitBake, imported",
        }
    }
    assert "linux-acme; its version cannot be told" in Path("boards/odd.yaml").read_text()
    nothing = {one["machine"]: one["to fill in"] for one in json.loads(answer.stdout)["boards"]}
    assert {"architecture", "cpu", "console"} < set(nothing["empty"])
    assert "kernel" not in board("nokernel")["builders"]["yocto"]["series"]["wrynose"]


FAMILIES = """
def acme_families(d):
    return "acme-bsp:" + d.getVar("ACME_MACHINE")

python acme_told() {
    d.renameVar("MACHINEOVERRIDES", "ACME_MACHINE")
    d.setVar("MACHINEOVERRIDES", "${@acme_families(d)}")
}
addhandler acme_told
acme_told[eventmask] = "bb.event.ConfigParsed"
"""
BROKEN = FAMILIES.replace("d.renameVar", "bb.fatal('acme has no family')\n    d.renameVar")
FAMILY = """
require conf/machine/include/tune-a53.inc
KERNEL:acme-bsp ??= "linux-acme"
PREFERRED_PROVIDER_virtual/kernel ??= "${KERNEL}"
"""


def test_what_a_class_of_the_vendors_adds_to_a_machine(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    """Families of SoCs as overrides, which a class makes when the configuration has been read."""
    files = {
        "classes/families.bbclass": FAMILIES,
        "classes/broken.bbclass": BROKEN,
        "conf/machine/one.conf": f'{FAMILY}INHERIT += "families"\n',
        "conf/machine/plain.conf": FAMILY,
        "conf/machine/sad.conf": f'{FAMILY}INHERIT += "broken"\n',
        "conf/machine/short.conf": f'{FAMILY}INHERIT += "families absent"\n',
        "recipes-kernel/linux/linux-acme_6.12.bb": KERNEL,
    }
    layer(place / "meta-family", "family", files)
    answer = edgeimg("bsp", "import", "meta-family", "--output", "json")
    assert answer.status == 0, answer.stdout
    for name in ("one", "short"):
        provides = board(name)["builders"]["yocto"]["series"]["wrynose"]["provides"]
        assert provides["kernel"]["version"] == "6.12.30"
    text = {one: Path(f"boards/{one}.yaml").read_text() for one in ("plain", "sad", "short")}
    for name in ("plain", "sad"):
        assert "kernel is not known" in text[name]
    assert "INHERIT cannot be told" in text["sad"] and "INHERIT" not in text["plain"]
    assert "missing here: classes/absent.bbclass" in text["short"]


def test_a_layer_that_deploys_elsewhere(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    deploys = 'DEPLOY_DIR_IMAGE:acme = "${TOPDIR}/deploy-acme/images/${MACHINE}"'
    acme(place / "meta-acme")
    with (place / "meta-acme/conf/layer.conf").open("a") as conf:
        conf.write(deploys)
    edgeimg("bsp", "import", "meta-acme")
    assert board()["builders"]["yocto"]["deploy"] == "deploy-acme"


def test_only_the_named_machine(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    files = {f"conf/machine/acme-{name}.conf": BOARD for name in ("one", "two", "three")}
    layer(place / "meta-acme", "acme", files)
    edgeimg("bsp", "import", "meta-acme", "--machine", "acme-two")
    assert [path.name for path in Path("boards").iterdir()] == ["acme-two.yaml"]
    answer = edgeimg("bsp", "import", "meta-acme", "--machine", "acme-to")
    assert answer.status == 2
    assert "no machine 'acme-to'. Perhaps you meant 'acme-two'?" in answer.stderr


def test_the_layer_that_it_depends_on_comes_with_it(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    files = {
        "conf/machine/base-board.conf": TUNE,
        "conf/machine/include/base.inc": TUNE,
        "recipes-kernel/linux/linux-acme_6.12.bb": KERNEL,
    }
    layer(place / "bases/meta-base", "base", files)
    mine = {"conf/machine/top.conf": "require conf/machine/include/base.inc\n"}
    layer(place / "meta-top", "top", mine, depends="core base unheard-of openembedded-layer")
    answer = edgeimg("bsp", "import", "meta-top")
    # The machine of the other layer was not asked for.
    assert [path.name for path in Path("boards").iterdir()] == ["top.yaml"]
    made = board("top")
    assert made["architecture"] == "arm64"
    assert list(made["builders"]["yocto"]["repositories"]) == ["meta-base", "meta-top"]
    assert "depends on the layer unheard-of, which is not here" in answer.stderr
    assert "unheard-of, which was not found" in Path("boards/top.yaml").read_text()


def test_what_says_nothing_of_this_kind_of_bsp(edgeimg, tmp_path) -> None:  # type: ignore[no-untyped-def]
    layer(tmp_path / "meta-acme", "acme", {"conf/machine/one.conf": BOARD})
    external = tmp_path / "external"
    (external / "configs").mkdir(parents=True)
    for name, text in (("external.desc", "name: ACME\n"), ("Config.in", ""), ("external.mk", "")):
        (external / name).write_text(text)
    for path, option, kind in (
        (tmp_path / "meta-acme", "--buildroot", "a BSP of Yocto's"),
        (external, "--core", "an external tree of Buildroot"),
        (external, "--bitbake", "an external tree of Buildroot"),
    ):
        answer = edgeimg("bsp", "import", path, option, tmp_path)
        assert answer.status == 2
        assert f"{option}: says nothing of {kind}, which PATH is. Leave it out." in answer.stderr
    (tmp_path / "bsp").mkdir()
    external.rename(tmp_path / "bsp/external")
    answer = edgeimg("bsp", "import", tmp_path / "bsp", "--buildroot", tmp_path)
    assert answer.status == 2
    assert "bsp/external: is an external tree of Buildroot, and no layer" in answer.stderr


def test_an_include_that_inherits_a_class(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    files = {
        "conf/machine/one.conf": BOARD + "require conf/machine/include/sizes.inc\n",
        "conf/machine/include/sizes.inc": "inherit sizes\n",
        "classes-global/sizes.bbclass": 'SERIAL_CONSOLES = "115200;ttyS7"\n',
    }
    layer(place / "meta-sizes", "sizes", files)
    assert edgeimg("bsp", "import", "meta-sizes").status == 0
    assert "console: ttyS7" in Path("boards/one.yaml").read_text()
