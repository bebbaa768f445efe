"""`edgeimg bsp check`, and `edgeimg generate --layer-only`: our layer in somebody's build."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.unit.bsp.bspkit import BOARD, acme, core, layer, meta_oe

from edgeimg.bsp.read import find_bitbake, read

PRODUCT = """version: 1
name: shop
board: boards/acme-one.yaml
models: [digits]
"""
EDGE_INFER = "recipes-ml/edge-infer/edge-infer_0.0.9.bb"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg) -> Path:  # type: ignore[no-untyped-def]
    """A vendor's workspace, with the imported board of its machine and a product for it."""
    core(tmp_path / "openembedded-core")
    meta_oe(tmp_path / "meta-oe")
    acme(tmp_path / "meta-acme")
    monkeypatch.chdir(tmp_path)
    edgeimg("bsp", "import", "meta-acme")
    board = tmp_path / "boards/acme-one.yaml"
    text = board.read_text()
    for key, value in {"memory_mib": "1024", "storage_mib": "8192"}.items():
        text = text.replace(f"# {key}: #", f"{key}: {value} #")
    board.write_text(text)
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    return tmp_path


def findings(answer) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """Kind -> its text, of what stops a build; notes begin with `note`."""
    said = json.loads(answer.stdout)["findings"]
    return {f"{'' if one['stops'] else 'note '}{one['kind']}": one["text"] for one in said}


def clashes(edgeimg, *paths: str) -> dict[str, str]:  # type: ignore[no-untyped-def]
    answer = edgeimg("bsp", "check", *(paths or ("meta-acme", "meta-oe")), "--output", "json")
    found = findings(answer)
    stops = [kind for kind in found if not kind.startswith("note")]
    assert answer.status == (1 if stops else 0), answer.stderr
    return found


def test_nothing_clashes(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    assert clashes(edgeimg) == {}
    assert (
        "ok: meta-edgeimg of shop among 3 layers"
        in edgeimg("bsp", "check", "meta-acme", "meta-oe").stdout
    )


def test_a_missing_layer(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    found = clashes(edgeimg, "meta-acme")
    assert found == {
        "missing layer": "meta-edgeimg depends on openembedded-layer, which is not among the layers"
    }
    assert "FAIL" in edgeimg("bsp", "check", "meta-acme").stdout


def test_a_file_that_no_layer_has(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    path = place / "meta-acme/conf/machine/acme-one.conf"
    text = path.read_text()
    path.write_text(f"{text}require conf/machine/include/gone.inc\n")
    said = "conf/machine/include/gone.inc was not found, which the configuration of acme-one needs"
    assert clashes(edgeimg)["missing file"] == said
    path.write_text(f'{text}include conf/machine/include/gone.inc\nINHERIT += "gone"\n')
    assert "classes/gone.bbclass" in clashes(edgeimg)["missing file"]
    path.write_text(text)
    with (place / "meta-acme/conf/layer.conf").open("a") as conf:
        conf.write("require conf/gone.inc\n")
    said = "conf/gone.inc was not found, which meta-acme/conf/layer.conf needs"
    assert clashes(edgeimg)["missing file"] == said


def test_series_that_do_not_match(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    layer(place / "meta-acme", "acme", series="dunfell")
    assert (
        "meta-acme is for dunfell, and openembedded-core is wrynose" in clashes(edgeimg)["series"]
    )
    core(place / "openembedded-core", series="dunfell")
    layer(place / "meta-oe", "openembedded-layer", series="dunfell")
    assert "meta-edgeimg is for scarthgap wrynose" in clashes(edgeimg)["series"]
    for name, of in {"meta-oe": "openembedded-layer", "meta-acme": "acme"}.items():
        layer(place / name, of, series="scarthgap")
    core(place / "openembedded-core", series="scarthgap")
    assert clashes(edgeimg) == {
        "note series": "openembedded-core is scarthgap, and versions and operators of the product "
        "were checked for wrynose"
    }
    layer(place / "meta-acme", "acme", series="")
    assert "meta-acme does not say its series" in clashes(edgeimg)["note series"]


def test_recipes_of_one_name(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    acme(place / "meta-acme", **{EDGE_INFER: ""})
    found = clashes(edgeimg)  # of one priority, and an older version
    assert found == {
        "note same recipe": "edge-infer 0.0.9 of acme, priority 6, and 0.1.0 of edgeimg, "
        "priority 6: ours is built"
    }
    layer(place / "meta-acme", "acme", priority=7)
    assert clashes(edgeimg)["same recipe"].endswith("priority 6: the vendor's is built")


def test_what_excludes_ours(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    conf = f'{BOARD}\nPREFERRED_VERSION_edge-infer = "0.0%"\nPREFERRED_VERSION_edge-model = "1%"\n'
    layer(
        place / "meta-acme",
        "acme",
        {"conf/machine/acme-one.conf": conf},
        more='BBMASK += "/recipes-ml/edge-model/" \nBBMASK += "meta-x["',
    )
    found = clashes(edgeimg)
    assert found["preferred version"] == "PREFERRED_VERSION_edge-infer is 0.0%, and ours is 0.1.0"
    assert found["mask"] == "BBMASK /recipes-ml/edge-model/ masks edge-model"
    assert "is no regular expression" in found["note mask"]


def test_names_of_collections(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    layer(place / "meta-mine", "edgeimg")
    found = clashes(edgeimg, "meta-acme", "meta-oe", "meta-mine")
    assert "meta-mine is called edgeimg, as meta-edgeimg is" in found["collection"]


def test_appends(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    acme(
        place / "meta-acme",
        **{
            "recipes-core/busybox/busybox_%.bbappend": "",
            "recipes-core/busybox/busy%.bbappend": "",
            "recipes-ml/edge-infer/edge-infer_%.bbappend": "",
            "recipes-x/gone/gone_1.%.bbappend": "",
        },
    )
    found = clashes(edgeimg)
    assert "gone_1.%.bbappend appends to a recipe that is in no layer" in found["append"]
    assert found["note append"].endswith("edge-infer_%.bbappend changes our edge-infer")
    (place / "kas.yml").write_text(
        KAS.format(distro="nodistro", line='BB_DANGLINGAPPENDS_WARNONLY = "true"')
    )
    assert "append" not in clashes(edgeimg, "kas.yml")


def test_a_build_folder_with_its_local_conf(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    conf = place / "build/conf"
    conf.mkdir(parents=True)
    layers = [place / name for name in ("openembedded-core/meta", "meta-acme", "meta-oe")]
    words = " ".join(str(one) for one in layers)
    (conf / "bblayers.conf").write_text(f'BBPATH = "${{TOPDIR}}"\nBBLAYERS = "{words}"\n')
    (conf / "local.conf").write_text('MACHINE = "acme-one"\n')
    assert clashes(edgeimg, "build") == {}
    (conf / "local.conf").write_text(
        'BBMASK = "edge-infer"\nDISTRO = "tiny"\nDISTRO_FEATURES = "sysvinit"\n'
    )
    found = clashes(edgeimg, "build")
    assert "masks edge-infer" in found["mask"]
    assert "DISTRO tiny is without systemd" in found["note distro"]
    (conf / "bblayers.conf").write_text(f'BBLAYERS = "{words} {layers[1]}2"\n')
    layer(place / "meta-acme2", "acme", {"conf/machine/acme-one.conf": BOARD})
    found = clashes(edgeimg, "build")
    assert "acme is the name of meta-acme and meta-acme2" in found["collection"]
    assert "acme-one is read from meta-acme/conf" in found["note machine"]


KAS = """header: {{version: 14}}
machine: acme-one
distro: {distro}
repos:
  openembedded-core: {{path: openembedded-core, layers: {{meta: }}}}
  bsp: {{path: ., layers: {{meta-acme: , meta-oe: }}}}
local_conf_header:
  vendor: |
    {line}
"""


def test_a_distribution_without_systemd(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    distro = place / "meta-acme/conf/distro"
    distro.mkdir()
    (distro / "open.conf").write_text('INIT_MANAGER ?= "sysvinit"\nDISTRO_FEATURES = "acl"\n')
    # TI's Arago still names a part that oe-core has no more; BitBake reads on.
    (distro / "closed.conf").write_text(
        'INIT_MANAGER = "sysvinit"\nDISTRO_FEATURES = "acl ${DISTRO_FEATURES_GONE}"\n'
    )
    kas = place / "kas.yml"
    kas.write_text(KAS.format(distro="open", line=""))
    found = clashes(edgeimg, "kas.yml")
    assert list(found) == ["note distro"]
    assert "DISTRO open is without systemd" in found["note distro"]
    kas.write_text(KAS.format(distro="open", line='INIT_MANAGER = "systemd"'))
    assert clashes(edgeimg, "kas.yml") == {}
    # Read after local.conf, it has the last word.
    for line in ("", 'INIT_MANAGER = "systemd"'):
        kas.write_text(KAS.format(distro="closed", line=line))
        found = clashes(edgeimg, "kas.yml")
        assert found == {
            "distro": "DISTRO closed stays without systemd, which meta-edgeimg needs, whatever "
            "local.conf says: INIT_MANAGER is sysvinit"
        }


def test_a_kas_file_whose_local_conf_is_none(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    (place / "kas.yml").write_text(KAS.format(distro="nodistro", line="this is none"))
    found = clashes(edgeimg, "kas.yml")
    assert "at conf/local.conf:1: unparsed line: 'this is none'" in found["unreadable"]


def test_a_distribution_without_glibc(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    distro = place / "meta-acme/conf/distro"
    distro.mkdir()
    (distro / "small.conf").write_text('TCLIBC = "musl"\n')
    (place / "kas.yml").write_text(KAS.format(distro="small", line=""))
    assert clashes(edgeimg, "kas.yml") == {
        "C library": "DISTRO small has musl (TCLIBC), and the wheel of litert 2.1.6 is built for "
        "glibc"
    }


def test_another_machine(edgeimg, place) -> None:  # type: ignore[no-untyped-def]
    (place / "meta-acme/conf/machine/acme-one.conf").rename(
        place / "meta-acme/conf/machine/two.conf"
    )
    assert "no layer has the machine acme-one" in clashes(edgeimg)["machine"]


def emitted(edgeimg, place: Path) -> Path:  # type: ignore[no-untyped-def]
    answer = edgeimg("generate", "--layer-only", "--project", "ours", "--offline")
    assert answer.status == 0, answer.stderr
    return place / "ours/meta-edgeimg"


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock without the network."""
    from tests.locks import fake_lock

    from edgeimg.prepare.inputs import Inputs

    monkeypatch.setattr(
        "edgeimg.prepare.inputs.prepare", lambda plan, *_, **__: Inputs(lock=fake_lock(plan))
    )


def test_the_layer_alone(edgeimg, place, lock) -> None:  # type: ignore[no-untyped-def]
    made = emitted(edgeimg, place)
    assert sorted(path.name for path in made.parent.iterdir()) == [
        ".edgeimg-files",
        "ADDING.md",
        "meta-edgeimg",
    ]
    answer = edgeimg("generate", "--layer-only", "--project", "ours", "--output", "json")
    said = json.loads(answer.stdout)
    assert said["changed"] == [] and said["layer"] == "ours/meta-edgeimg"
    assert said["local.conf"] == [
        'INIT_MANAGER = "systemd"',
        'IMAGE_INSTALL:append = " packagegroup-edgeimg"',
    ]
    # What is printed, what the text says and what the fragment sets are the same.
    text = (made.parent / "ADDING.md").read_text()
    fragment = (made / "conf/fragments/product.conf").read_text()
    assert all(line in text and line in fragment for line in said["local.conf"])
    # Of these lines one changes the vendor's distribution, and it says so.
    assert "INIT_MANAGER makes systemd of another init system" in text
    again = edgeimg("generate", "--layer-only", "--project", "ours").stdout
    assert "Leave INIT_MANAGER out where your distribution has systemd" in again
    # What an emitted layer of ours says of itself is no clash with what comes.
    assert clashes(edgeimg, "meta-acme", "meta-oe", "ours/meta-edgeimg") == {}


def test_a_layer_that_is_in_the_build_already(edgeimg, place, lock) -> None:  # type: ignore[no-untyped-def]
    ours = emitted(edgeimg, place)
    shutil.rmtree(place / "meta-oe")
    said = edgeimg("bsp", "check", "meta-acme", ours).stdout
    assert said.count("missing layer") == 1


def test_an_overlay_is_not_lost_in_silence(edgeimg, place, lock) -> None:  # type: ignore[no-untyped-def]
    made = emitted(edgeimg, place)
    assert "overlay" not in (made.parent / "ADDING.md").read_text()
    (place / "over/etc").mkdir(parents=True)
    (place / "over/etc/motd").write_text("hello\n")
    words = ("generate", "--layer-only", "--project", "ours", "--offline", "--set", "overlay=over")
    answer = edgeimg(*words)
    assert "note: the overlay is laid over the layer's own image alone" in answer.stderr
    assert "laid over `shop-image` alone" in (made.parent / "ADDING.md").read_text()


def test_the_vendors_machine_distro_and_kernel_stay(edgeimg, place, lock) -> None:  # type: ignore[no-untyped-def]
    made = emitted(edgeimg, place)
    bitbake = find_bitbake(None)
    layers = [place / "openembedded-core/meta", place / "meta-oe", place / "meta-acme"]
    before = read(bitbake, layers, preferred=True)
    after = read(bitbake, [*layers, made], preferred=True)
    assert after.machines == before.machines
    assert (after.values, after.preferred, after.masks) == (
        before.values,
        before.preferred,
        before.masks,
    )
    assert {one.name for one in after.recipes} - {one.name for one in before.recipes} == {
        "edge-infer",
        "edge-model",
        "litert-prebuilt",
        "packagegroup-edgeimg",
        "shop-image",
    }
    assert not any((made / "conf" / name).exists() for name in ("machine", "distro", "templates"))


def test_where_it_is_not_written(edgeimg, place, lock) -> None:  # type: ignore[no-untyped-def]
    assert edgeimg("generate", "--project", "whole").status == 0
    before = sorted(place.joinpath("whole").rglob("*"))
    answer = edgeimg("generate", "--layer-only", "--project", "whole")
    assert answer.status == 2
    assert "whole: holds a whole project" in answer.stderr
    assert sorted(place.joinpath("whole").rglob("*")) == before
    answer = edgeimg("generate", "--layer-only", "--board", "qemu-arm64", "--builder", "debian")
    assert answer.status == 2
    assert "the builder debian has no layer. It goes with --builder yocto." in answer.stderr
