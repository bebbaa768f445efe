"""Memory: what cannot fit is an error, what is tight or unknown is a note."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeimg.errors import UserError
from edgeimg.resources import data_root

Edgeimg = Callable[..., Any]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg: Edgeimg) -> Callable[..., Any]:
    """`check` of the digits on the QEMU board with other sizes."""

    def call(memory_mib: int, storage_mib: int = 512) -> Any:
        text = (data_root() / "boards/qemu-arm64.yaml").read_text()
        text = text.replace("name: qemu-arm64", "name: small")
        text = text.replace("memory_mib: 512", f"memory_mib: {memory_mib}")
        text = text.replace("storage_mib: 512", f"storage_mib: {storage_mib}")
        (tmp_path / "boards").mkdir(exist_ok=True)
        (tmp_path / "boards/small.yaml").write_text(text)
        monkeypatch.setenv("EDGEIMG_PATH", str(tmp_path))
        return edgeimg("check", "--board", "small", "--output", "json")

    return call


def test_what_cannot_fit(check: Callable[..., Any]) -> None:
    answer = check(52)
    assert answer.status == 2
    assert "are needed at least (system and litert 53 MiB" in answer.stderr


def test_what_is_tight(check: Callable[..., Any]) -> None:
    answer = check(60)
    assert answer.status == 0
    (note,) = json.loads(answer.stdout)["notes"]
    assert note.startswith("memory is tight: some 53 MiB of 60 MiB")
    assert json.loads(check(512).stdout)["notes"] == []


def test_open_sizes_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg: Edgeimg
) -> None:
    """The rows that NonZero makes depend on the data; the output's size does not."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    nodes = [
        helper.make_node("NonZero", ["x"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=1),
        helper.make_node("ReduceSum", ["f"], ["y"], keepdims=1),
    ]
    x = helper.make_tensor_value_info("x", 1, [1, 4])
    y = helper.make_tensor_value_info("y", 1, [1, 1])
    graph = helper.make_graph(nodes, "g", [x], [y])
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "s.bin").write_bytes(bytes(16))
    (tmp_path / "m.yaml").write_text(
        "version: 1\nname: m\nsummary: x\nlicense: MIT\nfile: m.onnx\nsamples: [{file: s.bin}]\n"
    )
    monkeypatch.chdir(tmp_path)
    answer = edgeimg("check", "--board", "qemu-arm64", "--model", "./m.yaml", "--output", "json")
    (note,) = json.loads(answer.stdout)["notes"]
    assert note.startswith("model m: sizes at Cast, NonZero, ReduceSum are open in the file")


def test_a_root_file_system_of_buildroot_has_room_for_its_models() -> None:
    from dataclasses import replace

    from edgeimg.builders.buildroot.render import _partitions
    from edgeimg.manifest.select import select
    from edgeimg.plan.resolve import resolve

    words = ("storage_mib", "560 MiB of system do not fit")
    chosen = select(board="qemu-arm64", builder="buildroot", settings=["name=big"])
    plan = resolve(chosen.product, chosen.source)
    assert _partitions(plan)["slot_mib"] == 96
    (model,) = plan.models
    large = replace(model, info=replace(model.info, size=152 << 20))
    assert _partitions(replace(plan, models=(large,)))["slot_mib"] == 248
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgeimg.plan.resolve.plan_models", lambda *_: (large,))
        with pytest.raises(UserError) as raised:
            resolve(chosen.product, chosen.source)
    assert all(word in str(raised.value) for word in words)
