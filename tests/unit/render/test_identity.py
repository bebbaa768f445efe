"""What identifies an image, and how it gets into each builder's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.locks import fake_lock

from edgeimg.builders import BUILDERS
from edgeimg.manifest.select import select
from edgeimg.plan.plan import Plan
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.identity import identify
from edgeimg.render.tree import Text, Tree

PLACES = {
    "debian": "root/etc/edgeimg/image",
    "buildroot": "external/board/qemu-arm64/overlay/etc/edgeimg/image",
    "yocto": "meta-edgeimg/recipes-ml/edge-model/edge-model/root/etc/edgeimg/image",
}


def _plan(cache: Path, builder: str) -> Plan:
    chosen = select(board="qemu-arm64", models=["digits"], builder=builder)
    return resolve(chosen.product, chosen.source, cache)


def _identified(plan: Plan) -> tuple[str, Tree]:
    builder = BUILDERS[plan.builder]
    tree = builder.render(plan, Inputs(lock=fake_lock(plan)))
    return identify(tree, plan, builder.contents(plan)), tree


@pytest.mark.parametrize("builder", sorted(PLACES))
def test_every_builders_image_carries_it(
    builder: str, session_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = _plan(session_cache, builder)
    found, tree = _identified(plan)
    entry = tree.files[PLACES[builder]]
    assert isinstance(entry, Text)
    assert entry.content == (
        f"PRODUCT={plan.product}\nBOARD=qemu-arm64\nID={found}\n"
        "FITS='digits arm64 litert 2.1.6 cpu'\n"
    )
    assert len(found) == 16 and int(found, 16)
    assert _identified(plan)[0] == found
    # And another one when anything differs.
    assert _identified(replace(plan, threads=plan.threads + 1))[0] != found


def test_a_mode_a_link_and_an_empty_folder_count(
    session_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = _plan(session_cache, "debian")
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "tool").write_text("x")
    plan = replace(plan, overlay=overlay)
    seen = {_identified(plan)[0]}
    (overlay / "tool").chmod(0o755)
    seen.add(_identified(plan)[0])
    (overlay / "link").symlink_to("tool")
    seen.add(_identified(plan)[0])
    (overlay / "empty").mkdir()
    seen.add(_identified(plan)[0])
    assert len(seen) == 4
