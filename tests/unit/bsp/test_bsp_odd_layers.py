"""Layers as vendors publish them, with what was odd in one or another: nothing false is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.bsp.bspkit import BOARD, KERNEL, acme, core, layer, publish
from tests.unit.render.bitbake_stub.kit import emit, kas_dump


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    core(tmp_path / "openembedded-core")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_in_layerdepends_that_needs_more_than_the_layer(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    depends = "core ${@d.getVar('DISTRO').split()[0]} other"
    layer(place / "meta-other", "other")
    layer(place / "meta-odd", "odd", {"conf/machine/odd.conf": BOARD}, depends=depends)
    answer = edgeimg("bsp", "import", "meta-odd")
    assert answer.status == 0, answer.stderr
    text = Path("boards/odd.yaml").read_text()
    assert "meta-odd" in text and "meta-other" in text


def test_layerdepends_with_the_python_of_oe_core(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    meta = place / "openembedded-core/meta"
    (meta / "lib/oe").mkdir(parents=True)
    (meta / "lib/oe/__init__.py").write_text('BBIMPORTS = ["names"]\n')
    (meta / "lib/oe/names.py").write_text('def needed():\n    return "other"\n')
    with (meta / "conf/layer.conf").open("a") as conf:
        conf.write("addpylib ${LAYERDIR}/lib oe\n")
    layer(place / "meta-other", "other")
    depends = "core ${@oe.names.needed()}"
    layer(place / "meta-odd", "odd", {"conf/machine/odd.conf": BOARD}, depends=depends)
    answer = edgeimg("bsp", "import", "meta-odd")
    assert answer.status == 0, answer.stderr
    assert "meta-other" in Path("boards/odd.yaml").read_text()


def test_a_file_of_a_layer_that_is_not_named(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    acme(place / "meta-acme", **{"conf/machine/include/acme-base.inc": BOARD})
    needs = "require conf/machine/include/acme-base.inc\nIMAGE_FSTYPES += 'ext4'\n"
    files: dict[str, str | bytes] = {f"conf/machine/{name}.conf": needs for name in ("one", "two")}
    files["conf/machine/two.conf"] = needs + "require conf/machine/include/nowhere.inc\n"
    layer(place / "meta-son", "son", files)
    answer = edgeimg("bsp", "import", "meta-son")
    base, nowhere = [line for line in answer.stderr.splitlines() if "was not found" in line]
    assert "acme-base.inc was not found, which one and 1 more need: " in base
    assert "meta-acme has it; name it too" in base
    assert "nowhere.inc was not found, which two needs: another layer has it" in nowhere
    # What was not read may say otherwise: no key of the board rests on it.
    text = Path("boards/one.yaml").read_text()
    assert "# artefacts: # files to hand out; IMAGE_FSTYPES is ext4 without what was" in text
    assert "\n    artefacts:" not in text
    answer = edgeimg("bsp", "import", "meta-son", "meta-acme", "--force", "--machine", "one")
    assert answer.status == 0 and "was not found" not in answer.stderr, answer.stderr
    assert '"{image}*.wic.gz"' in Path("boards/one.yaml").read_text()


def test_a_folder_of_layers_that_do_not_name_each_other(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    common: dict[str, str | bytes] = {"conf/machine/include/acme-base.inc": BOARD}
    layer(place / "bsp/meta-common", "common", common)
    needs = "require conf/machine/include/acme-base.inc\n"
    layer(place / "bsp/meta-son", "son", {"conf/machine/son.conf": needs})
    layer(place / "bsp/meta-tools", "tools")
    answer = edgeimg("bsp", "import", "bsp", "--core", "openembedded-core")
    assert answer.status == 0 and "was not found" not in answer.stderr, answer.stderr
    text = Path("boards/son.yaml").read_text()
    assert "console: ttyACM0" in text
    assert "meta-common" in text and "meta-tools" not in text


def test_a_layer_without_machines_that_is_named(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    classes = {"classes/acme.bbclass": 'SERIAL_CONSOLES = "115200;ttyACM0"\n'}
    layer(place / "meta-classes", "classes", classes)
    layer(place / "meta-son", "son", {"conf/machine/son.conf": f'{BOARD}INHERIT += "acme"\n'})
    answer = edgeimg("bsp", "import", "meta-son", "meta-classes")
    assert "was not found" not in answer.stderr
    assert "INHERIT" not in Path("boards/son.yaml").read_text()
    answer = edgeimg("bsp", "import", "meta-classes")
    assert "meta-classes: no layer here has a machine" in answer.stderr


def test_one_repository_with_a_layer_of_the_catalogues_in_it(edgeimg, place, session_cache) -> None:  # type: ignore[no-untyped-def]
    repository = place / "everything"
    layer(repository / "upstream/meta-python", "meta-python")
    files: dict[str, str | bytes] = {"conf/machine/odd.conf": BOARD}
    layer(repository / "meta-odd", "odd", files, depends="core meta-python")
    publish(repository, "https://git.example.org/everything")
    answer = edgeimg("bsp", "import", "everything")
    assert answer.status == 0, answer.stderr
    path = place / "boards/odd.yaml"
    text = path.read_text().replace("# memory_mib: #", "memory_mib: 1024 #")
    path.write_text(text.replace("# storage_mib: #", "storage_mib: 4096 #"))
    repos = kas_dump(emit(place / "product", session_cache, board=str(path)))["repos"]
    # meta-oe is not in it, and comes from where it always does.
    assert "git.openembedded.org" in repos["meta-openembedded"]["url"]
    assert list(repos["meta-openembedded"]["layers"]) == ["meta-oe"]
    assert sorted(repos["everything"]["layers"]) == ["meta-odd", "upstream/meta-python"]


def test_a_machine_without_a_tune(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    # As oe-core has it where no tune is included.
    layer(place / "meta-odd", "odd", {"conf/machine/odd.conf": 'TUNE_ARCH = "INVALID"\n'})
    edgeimg("bsp", "import", "meta-odd")
    assert "# architecture: # TUNE_ARCH is not known" in Path("boards/odd.yaml").read_text()


def test_the_kernel_of_a_layer_for_another_series(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    files: dict[str, str | bytes] = {
        "conf/machine/odd.conf": BOARD,
        "recipes-kernel/linux/linux-acme_6.12.bb": KERNEL,
    }
    layer(place / "meta-odd", "odd", files, series="elsewhere")
    edgeimg("bsp", "import", "meta-odd")
    text = Path("boards/odd.yaml").read_text()
    assert "LAYERSERIES_COMPAT have none in common: core wrynose, odd elsewhere" in text
    assert "# the kernel is linux-acme, 6.12.30 by linux-acme_6.12.bb" in text


def test_a_long_comment_ends_with_a_whole_word(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    configs = " ".join(f"acme-config-{number}" for number in range(40))
    conf = f'{BOARD}UBOOT_CONFIG = "{configs}"\n'
    layer(place / "meta-odd", "odd", {"conf/machine/odd.conf": conf})
    edgeimg("bsp", "import", "meta-odd")
    lines = Path("boards/odd.yaml").read_text().splitlines()
    said = next(line for line in lines if "# The bootloader: " in line)
    last = said.removesuffix("....").rpartition(" ")[2]
    assert len(said) < 200 and last in configs.split(), said


SETUP = """{
  "sources": {
    "openembedded-core": {"git-remote": {"uri": "https://a.example/oe", "rev": "1"}},
    "acme": {"git-remote": {"uri": "https://a.example/acme", "rev": "1"}, "path": "meta-acme"},
    "gone": {"git-remote": {"uri": "https://a.example/gone", "rev": "1"}}
  },
  "bitbake-setup": {"configurations": [
    {"bb-layers": ["openembedded-core/meta"], "bb-layers-file-relative": ["meta-near"],
     "configurations": [{"name": "one", "bb-layers": ["meta-acme"]},
                        {"name": "two", "bb-layers": ["gone/meta-gone"]}]}
  ]},
  "version": "1.0"
}
"""


def test_a_configuration_of_bitbake_setup(edgeimg, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    core(tmp_path / "layers/openembedded-core")
    acme(tmp_path / "layers/meta-acme")
    layer(tmp_path / "config/meta-near", "near", {"conf/machine/near.conf": BOARD})
    (tmp_path / "config/acme.conf.json").write_text(SETUP)
    monkeypatch.chdir(tmp_path)
    answer = edgeimg("bsp", "import", "config/acme.conf.json")
    assert answer.status == 0, answer.stderr
    assert "note: not checked out: gone" in answer.stderr
    assert sorted(path.name for path in Path("boards").iterdir()) == ["acme-one.yaml", "near.yaml"]
    # All of its layers are in the build, as its writer has said.
    assert "meta-near" in Path("boards/acme-one.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"bitbake-setup": {}}', "is no configuration of bitbake-setup: 'sources'"),
        ('{"sources": [], "bitbake-setup": {"configurations": []}}', "no configuration of bitbake"),
        ('{"sources": {}, "bitbake-setup": {"configurations": [[]]}}', "no configuration of bit"),
        ('{"sources": {}, "bitbake-setup": {"configurations": [{}]}}', "no layer is here"),
    ],
)
def test_a_configuration_that_is_none(edgeimg, tmp_path, monkeypatch, text: str, said: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bad.conf.json").write_text(text)
    monkeypatch.chdir(tmp_path)
    answer = edgeimg("bsp", "import", "bad.conf.json")
    assert answer.status == 2 and said in answer.stderr, answer.stderr
    assert not Path("boards").exists()


def test_a_kas_file_whose_repositories_are_not_here(edgeimg, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    core(tmp_path / "openembedded-core")
    (tmp_path / "kas.yml").write_text(
        "header: {version: 14}\nrepos:\n"
        "  openembedded-core: {path: openembedded-core, layers: {meta: }}\n"
        "  acme: {url: 'https://a.example/acme', branch: main}\n"
    )
    monkeypatch.chdir(tmp_path)
    answer = edgeimg("bsp", "import", "kas.yml")
    assert answer.status == 2
    assert "no layer here has a machine" in answer.stderr
    assert "Not checked out: acme, https://a.example/acme." in answer.stderr


def test_a_kas_file_with_a_key_that_kas_has_not(edgeimg, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "kas.yml").write_text("header: {version: 14}\nlayers: {}\n")
    monkeypatch.chdir(tmp_path)
    answer = edgeimg("bsp", "import", "kas.yml")
    assert answer.status == 2
    assert "kas cannot read it: Additional properties are not allowed ('layers'" in answer.stderr
