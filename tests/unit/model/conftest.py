"""The digits example, and the module that writes it, for the tests of model files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DIGITS = Path(__file__).parents[3] / "models" / "digits"


@pytest.fixture(scope="session")
def digits() -> Path:
    """The folder of the digits example."""
    return DIGITS


@pytest.fixture(scope="session")
def export() -> ModuleType:
    """models/digits/export.py, whose Writer makes any TFLite file."""
    for package in ("ai_edge_litert.schema_py_generated", "flatbuffers", "onnx"):
        pytest.importorskip(package)
    spec = importlib.util.spec_from_file_location("digits_export", DIGITS / "export.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module
