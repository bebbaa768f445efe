"""oelint-adv finds nothing in the emitted layer, nor in a recipe that no product here takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.render.bitbake_stub.kit import CATALOG, Project, emit_file

from edgeimg.resources import data, data_root

# Rules that are not for these recipes, and why.
SUPPRESSED = {
    "oelint.vars.homepageping": "it asks the network",
    # Our own recipes have no page: what they build lies beside them. That those which fetch
    # something have one is seen to in test_yocto_boards.py.
    "oelint.var.mandatoryvar.HOMEPAGE": "only of what comes from elsewhere",
    # The version is that of the lock's wheel, in wheel.inc.
    "oelint.file.underscores": "a file's name cannot have it",
    # The wheel has no header; that of ONNX Runtime is an older release's, from its own address.
    "oelint.vars.downloadfilename": "the file has that release in its name",
    "oelint.vars.srcuridomains": "a registry, and the project itself",
    # Keys have no licence file; oe-core's recipes do the same.
    "oelint.var.licenseremotefile": "a common licence",
    # The appends of what downloads while it configures: what they add is in no signature.
    "oelint.vars.noncoreoverride": "it changes no task",
    # What the features serial-console and ssh are asked for.
    "oelint.var.badimagefeature": "the user's decision",
}
PRODUCTS = (
    "yocto-everything",
    "yocto-hardware",
    "yocto-jetson",
    "yocto-onnxruntime",
    "yocto-rocket",
)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory, session_cache: Path) -> list[Project]:
    folder = tmp_path_factory.mktemp("lint")
    found = [
        emit_file(data_root() / "tests/trees" / name / "edgeimg.yaml", folder / name, session_cache)
        for name in PRODUCTS
    ]
    taken = {path.parent.name for project in found for path in project.recipes}
    source = data("layers") / "meta-edgeimg"
    for recipe in source.glob("recipes-*/*"):
        if recipe.name not in taken:
            shutil.copytree(recipe, found[0].layer / recipe.relative_to(source))
    return found


@pytest.mark.parametrize("series", CATALOG["series"])
@pytest.mark.parametrize("index", range(len(PRODUCTS)), ids=PRODUCTS)
def test_nothing_is_found(projects: list[Project], index: int, series: str) -> None:
    layer = projects[index].layer
    files = [
        str(path.relative_to(layer))
        for suffix in ("bb", "bbappend", "bbclass", "conf", "conf.sample")
        for path in sorted(layer.glob(f"[!.]*/**/*.{suffix}"))
    ]
    assert len(files) >= 8
    suppressed = [word for rule in SUPPRESSED for word in ("--suppress", rule)]
    command = [sys.executable, "-m", "oelint_adv", "--quiet", "--jobs", "1", "--hide", "info"]
    done = subprocess.run(
        [*command, "--relpaths", "--release", series, *suppressed, *files],
        cwd=layer,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)
