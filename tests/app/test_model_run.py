"""`edgeimg model run` writes what edge-infer writes, but for the time that it took."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.app.appkit import DIGITS, build, environment, write_config

from edgeimg.plan.models import plan_model


def _close(found: Any, wanted: Any) -> bool:
    """Equal, numbers but for the last bits that another compiler's exp may differ in."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(_close(found[k], wanted[k]) for k in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_close, found, wanted))
    if isinstance(wanted, float):
        return bool(found == pytest.approx(wanted, rel=1e-12))
    return bool(found == wanted)


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("name", ["digits", "digits-float"])
def test_the_same_lines(
    name: str, described: bool, tmp_path: Path, edgeimg: Callable[..., Any]
) -> None:
    manifest = DIGITS / f"{name}.yaml"
    if not described:  # neither labels nor softmax: all values, as they come
        text = manifest.read_text()
        start, end = text.index("outputs:"), text.index("samples:")
        manifest = tmp_path / f"{name}.yaml"
        manifest.write_text(text[:start] + text[end:])
        for path in DIGITS.iterdir():
            if path.suffix in (".tflite", ".txt"):
                (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / "samples").mkdir()
        for path in (DIGITS / "samples").iterdir():
            (tmp_path / "samples" / path.name).write_bytes(path.read_bytes())
    planned = plan_model(manifest, None)
    config = tmp_path / "config.json"
    write_config(config, model=planned.path, inputs=planned.inputs, outputs=planned.outputs)
    if described:
        told = json.loads(config.read_text())
        told["outputs"][0]["labels"] = str(DIGITS / "labels.txt")
        config.write_text(json.dumps(told))
    app = build("litert")
    words: list[str | Path] = [app / "edge-infer", "--config", config]
    for sample in planned.samples:
        words += ["--input", sample.path]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment(app))
    assert done.returncode == 0, done.stderr
    wanted = [json.loads(line) for line in done.stdout.splitlines()]
    for line in wanted:
        del line["ms"]
    answer = edgeimg("model", "run", manifest)
    assert answer.status == 0, answer.stderr
    found = [json.loads(line) for line in answer.stdout.splitlines()]
    assert _close(found, wanted)
