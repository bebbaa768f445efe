"""Layers as vendors publish them, with what was odd in one or another: nothing false is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.bsp.bspkit import BOARD, KERNEL, acme, core, layer


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
