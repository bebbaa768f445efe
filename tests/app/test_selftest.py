"""The expected outputs that a project carries, checked by the app itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.app.appkit import build, environment
from tests.locks import fake_lock

from edgeimg.builders import yocto
from edgeimg.cache import Cache
from edgeimg.manifest.select import select
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.golden import make_goldens
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.write import write

RECIPES = "meta-edgeimg/recipes-ml"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, session_cache: Path) -> Path:
    folder = tmp_path_factory.mktemp("selftest")
    product = {
        "version": 1,
        "name": "t",
        "board": "qemu-arm64",
        "builder": "yocto",
        "models": ["digits", "digits-float"],
        "yocto": {"golden": True},
    }
    (folder / "edgeimg.yaml").write_text(yaml.safe_dump(product))
    chosen = select(file=folder / "edgeimg.yaml")
    plan = resolve(chosen.product, chosen.source, session_cache)
    goldens = make_goldens(plan, Cache())
    write(yocto.render(plan, Inputs(lock=fake_lock(plan), goldens=goldens)), folder / "project")
    return folder / "project"


def _selftest(
    project: Path, folder: Path, model: str, mode: str
) -> subprocess.CompletedProcess[str]:
    root = project / RECIPES / "edge-model/edge-model/root"
    text = (root / f"etc/edge-infer/{model}.json").read_text()
    config = folder / "config.json"
    config.write_text(text.replace("/usr/share/", f"{root}/usr/share/"))
    app = build("litert")
    golden = project / RECIPES / "edge-model-golden/edge-model-golden/root/usr/share"
    words = ["--selftest", golden / "edge-infer-golden" / model / mode, "--kernels", mode]
    return subprocess.run(
        [app / "edge-infer", "--config", config, *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment(app),
    )


@pytest.mark.parametrize("mode", ["reference", "default"])
@pytest.mark.parametrize("model", ["digits", "digits-float"])
def test_the_app_answers_as_expected(project: Path, tmp_path: Path, model: str, mode: str) -> None:
    done = _selftest(project, tmp_path, model, mode)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 16
    assert {line["selftest"] for line in lines} == {"ok"}


def test_another_answer_is_found(project: Path, tmp_path: Path) -> None:
    folder = f"{RECIPES}/edge-model-golden/edge-model-golden/root/usr/share/edge-infer-golden"
    path = project / folder / "digits/reference/03.pgm.0.bin"
    before = path.read_bytes()
    try:
        path.write_bytes(bytes([before[0] ^ 1]) + before[1:])
        done = _selftest(project, tmp_path, "digits", "reference")
    finally:
        path.write_bytes(before)
    assert done.returncode == 4
    wrong = [line for line in map(json.loads, done.stdout.splitlines()) if line["selftest"] != "ok"]
    assert [line["frame"] for line in wrong] == ["03.pgm"]
    assert wrong[0]["selftest"].startswith("03.pgm.0.bin: value 0 is")
