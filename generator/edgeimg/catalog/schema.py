"""JSON Schema of every file that somebody may write: manifests and entries of the catalogue."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from edgeimg.catalog.accelerators import Accelerator
from edgeimg.catalog.features import Feature
from edgeimg.catalog.flashers import Flasher
from edgeimg.catalog.operators import AcceleratorOperators, RuntimeOperators
from edgeimg.catalog.runtimes import Runtime
from edgeimg.manifest.schema import KINDS, json_schema

ENTRIES: dict[str, Any] = {
    "runtime": Runtime,
    "accelerator": Accelerator,
    "operators": RuntimeOperators | AcceleratorOperators,
    "feature": Feature,
    "flasher": Flasher,
}
NAMES = (*KINDS, *ENTRIES)


def schema_of(kind: str) -> dict[str, Any]:
    """The schema of one of `NAMES`."""
    return json_schema(kind) if kind in KINDS else TypeAdapter(ENTRIES[kind]).json_schema()
