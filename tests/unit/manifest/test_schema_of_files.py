"""The schemas that `edgeimg schema` prints hold for the files that are shipped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from edgeimg.catalog.schema import NAMES
from edgeimg.manifest.load import read_source
from edgeimg.resources import data_root

FILES = {
    "product": "docs/models/edgeimg.yaml",
    "board": "boards/*.yaml",
    "model": "models/*/*.yaml",
    "runtime": "catalog/runtimes/*.yaml",
    "accelerator": "catalog/accelerators/*.yaml",
    "operators": "catalog/operators/*.yaml",
    "feature": "catalog/features/*.yaml",
    "flasher": "catalog/flashers/*.yaml",
}


@pytest.mark.parametrize("kind", NAMES)
def test_every_shipped_file_fits_its_schema(kind: str, edgeimg) -> None:  # type: ignore[no-untyped-def]
    answer = edgeimg("schema", kind)
    assert answer.status == 0
    validator = Draft202012Validator(json.loads(answer.stdout))
    files = sorted(data_root().glob(FILES[kind]))
    assert files
    for file in files:
        errors = [one.message for one in validator.iter_errors(read_source(file).data)]
        assert errors == [], file


@pytest.mark.parametrize("kind", NAMES)
def test_editors_read_the_patterns(kind: str, edgeimg, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Those are ECMAScript's, which knows fewer escapes than Python."""
    schema = tmp_path / "schema.json"
    schema.write_text(edgeimg("schema", kind).stdout)
    file = min(data_root().glob(FILES[kind]))
    words = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
