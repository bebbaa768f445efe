"""Layers that are broken, or mean harm to the reader: one line each, and the others are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.bsp.bspkit import BOARD, core, layer

BAD: dict[str, tuple[str | bytes, str]] = {
    "not-utf-8": (b'A = "\xff\xfe"\n', "not UTF-8 text"),
    "syntax": ('A = "unclosed\n', "unparsed line"),
    "endless": ("require conf/machine/include/a.inc\n", "includes without an end"),
    "loops": ('A := "${@[0 for _ in iter(int, 1)]}"\n', "took too long"),
    "eats": ("A := \"${@'x' * (1 << 40)}\"\n", "too much memory"),
    "raises": ('A := "${@1 / 0}"\n', "ZeroDivisionError"),
    "dies": ("A := \"${@__import__('os')._exit(3)}\"\n", "ended the reader"),
    "exits": ("A := \"${@__import__('sys').exit(3)}\"\n", "its Python calls sys.exit(3)"),
    "old": ('FILES_append = "x"\n', "old override syntax"),
    "folder": ("require conf/machine\n", "conf/machine"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    core(tmp_path / "openembedded-core")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edgeimg.bsp.read.SECONDS", 2)
    return tmp_path


def test_one_bad_machine_is_not_the_end_of_the_others(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    files: dict[str, str | bytes] = {
        f"conf/machine/{name}.conf": text for name, (text, _) in BAD.items()
    }
    files["conf/machine/include/a.inc"] = "require conf/machine/include/b.inc\n"
    files["conf/machine/include/b.inc"] = "require conf/machine/include/a.inc\n"
    files["conf/machine/aaa.conf"] = files["conf/machine/zzz.conf"] = BOARD
    layer(place / "meta-bad", "bad", files)
    (place / "meta-bad/conf/machine/link.conf").symlink_to("link.conf")
    answer = edgeimg("bsp", "import", "meta-bad", "--output", "json")
    assert answer.status == 1
    found = {one["machine"]: one for one in json.loads(answer.stdout)["boards"]}
    assert found["aaa"]["state"] == found["zzz"]["state"] == "written"
    assert sorted(path.name for path in Path("boards").iterdir()) == ["aaa.yaml", "zzz.yaml"]
    assert found["link"]["problem"] == "its file cannot be read"
    for name, (_, said) in BAD.items():
        assert found[name]["state"] == "failed", name
        assert said in found[name]["problem"], found[name]
        assert "\n" not in found[name]["problem"]
    assert "Traceback" not in answer.stderr


def test_what_a_machine_prints_is_no_answer(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    text = "A := \"${@print('{\\\"end\\\": true}') or ''}\"\n" + BOARD
    layer(place / "meta-loud", "loud", {"conf/machine/loud.conf": text})
    answer = edgeimg("bsp", "import", "meta-loud", "--output", "json")
    assert answer.status == 0
    assert [one["state"] for one in json.loads(answer.stdout)["boards"]] == ["written"]


def test_a_layer_conf_that_cannot_be_read(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    folder = layer(place / "meta-bad", "bad", {"conf/machine/one.conf": BOARD})
    (folder / "conf/layer.conf").write_bytes(b"\xff\xfe\n")
    answer = edgeimg("bsp", "import", "meta-bad")
    assert answer.status == 2
    assert answer.stderr.strip().splitlines()[-1] == (
        "error: meta-bad: not UTF-8 text. BitBake could not read it."
    )
    assert not Path("boards").exists()


def test_text_of_a_layer_stays_text(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    text = (
        "#@NAME: x\x1b[31m\u2028version: 2 # '\"\n"
        'SERIAL_CONSOLES = "1;tty$(id) 2;ttyS0\\nname: evil"\n'
        'IMAGE_FSTYPES = "wic ../../x {image} $(id)"\n'
        'UBOOT_MACHINE = "a\\nbuilders: {}"\n'
        'DEFAULTTUNE = "x: y #"\n'
        'TUNE_CCARGS = "-mcpu=8548"\n'
    )
    files = {"conf/machine/text.conf": text, "conf/machine/8548.conf": text}
    layer(place / "meta-text", "text", {**files, "conf/machine/null.conf": text})
    assert edgeimg("bsp", "import", "meta-text").status == 0
    for name in ("text", "8548", "null"):
        answer = edgeimg("check", "--board", f"boards/{name}.yaml")
        # Only what has to be filled in is wrong with it.
        lines = [one for one in answer.stderr.splitlines() if one.startswith("error: ")]
        assert lines and all("is to be filled in" in one for one in lines), lines


def test_a_layer_beside_it_that_ends_the_reader(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    """What somebody else's checkout holds keeps nobody from reading his own."""
    bad = layer(place / "meta-aaa", "aaa", {"conf/machine/aaa.conf": BOARD})
    (bad / "conf/layer.conf").write_text("X := \"${@__import__('os')._exit(7)}\"\n")
    layer(place / "meta-good", "good", {"conf/machine/one.conf": BOARD})
    assert edgeimg("bsp", "import", "meta-good").status == 0
    assert Path("boards/one.yaml").is_file()
    answer = edgeimg("bsp", "import", "meta-aaa")
    assert answer.status == 2
    assert "error: meta-aaa: ended the reader: status 7." in answer.stderr


def test_a_path_with_a_blank(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    layer(place / "my layer", "mine", {"conf/machine/one.conf": BOARD})
    answer = edgeimg("bsp", "import", "my layer")
    assert answer.status == 2
    assert "my layer: its path has a blank in it" in answer.stderr


def test_a_layer_that_does_not_add_itself_to_the_path(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    folder = layer(place / "meta-empty", "empty", {"conf/machine/one.conf": BOARD})
    (folder / "conf/layer.conf").write_text("")
    answer = edgeimg("bsp", "import", "meta-empty")
    assert answer.status == 2
    assert "meta-empty/conf/layer.conf: has machines and does not add itself" in answer.stderr


def test_without_machines_the_named_layer_is_told(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    layer(place / "meta-none", "none")
    answer = edgeimg("bsp", "import", "meta-none", "--core", "openembedded-core")
    assert answer.status == 2
    assert "error: meta-none: no layer here has a machine" in answer.stderr


def test_a_name_that_no_board_can_have_is_told(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    layer(place / "meta-name", "name", {"conf/machine/\u00fc.conf": BOARD})
    answer = edgeimg("bsp", "import", "meta-name", "--output", "json")
    assert json.loads(answer.stdout)["boards"][0]["problem"].startswith("'\u00fc' cannot be")


def test_an_external_tree_of_buildroot_among_others(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    layer(place / "meta-good", "good", {"conf/machine/one.conf": BOARD})
    tree = place / "vendor/buildroot-external"
    tree.mkdir(parents=True)
    (tree / "external.desc").write_text("name: ACME\n")
    answer = edgeimg("bsp", "import", "meta-good", tree)
    assert answer.status == 2
    assert "is an external tree of Buildroot. Give it alone." in answer.stderr
    answer = edgeimg("bsp", "import", "vendor")
    assert answer.status == 2
    assert "vendor/buildroot-external: is an external tree of Buildroot" in answer.stderr
