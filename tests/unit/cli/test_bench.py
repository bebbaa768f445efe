"""model bench on the host, with the real interpreters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Edgeimg = Callable[..., Any]


def test_each_setting_is_measured(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--threads", "1,2", "--kernels", "default,reference", "--iterations", "7")
    answer = edgeimg("model", "bench", "-m", "digits-float", *words, "--output", "json")
    assert answer.status == 0, answer.stderr
    results = json.loads(answer.stdout)["results"]
    assert [(one["kernels"], one["threads"]) for one in results] == [
        ("default", 1),
        ("default", 2),
        ("reference", 1),
        ("reference", 2),
    ]
    for one in results:
        assert one["iterations"] == 7
        assert 0 < one["p50_ms"] <= one["p90_ms"] <= one["p99_ms"]
        assert one["first_ms"] > 0 and one["load_ms"] > 0 and one["memory_kib"] >= 0


def test_without_a_product_or_a_model_it_is_the_example(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    answer = edgeimg("model", "bench", "--iterations", "5")
    assert answer.status == 0, answer.stderr
    assert answer.stdout.splitlines()[3].split()[:3] == ["digits", "default", "1"]


def test_a_setting_without_a_product_is_not_left_unread(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (("--set", "nonsense=1"), ("--builder", "none")):
        answer = edgeimg("model", "bench", *words)
        assert "no edgeimg.yaml here or above. Name a board" in answer.stderr
        assert answer.status == 2


def test_the_products_models_and_runtime(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgeimg.yaml").write_text(
        "version: 1\nname: demo\nboard: qemu-arm64\nmodels: [digits-onnx]\n"
    )
    answer = edgeimg("model", "bench", "--iterations", "5", "--output", "json")
    assert answer.status == 0, answer.stderr
    (result,) = json.loads(answer.stdout)["results"]
    assert (result["model"], result["runtime"].split()[0]) == ("digits-onnx", "onnxruntime")
