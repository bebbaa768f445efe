"""`catalog/operators/`: which operators a runtime's release or an accelerator takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edgeimg.catalog.search import Catalog, Entry
from edgeimg.manifest.base import Manifest, Name, Number, Text, Version, Word
from edgeimg.manifest.load import Source, parse, read_source
from edgeimg.resources import data_root

# As the model file has it: `CONV_2D`, `Conv`, `com.microsoft.Gelu`.
Operator = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]+$", max_length=128)]
# Of a tensor, as the readers of models call it.
Element = Literal[
    "float64", "float32", "float16", "bfloat16", "bool", "string",
    "int64", "int32", "int16", "int8", "int4", "int2",
    "uint64", "uint32", "uint16", "uint8", "uint4", "uint2", "complex128", "complex64",
]  # fmt: skip


class Versions(Manifest):
    """A range of versions of one operator or one operator set."""

    first: int = Field(default=1, ge=1)
    last: int = Field(ge=1)
    reference: int | None = Field(
        default=None,
        ge=0,
        description="The last version that has a reference kernel, where that is an earlier one; "
        "0: none has.",
    )


class RuntimeOperators(Manifest):
    """What one release of a runtime can execute."""

    version: Version
    runtime: Name
    release: Number
    format: Name = Field(description="Of the models, by file extension.")
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")
    operators: dict[Operator, Versions] = Field(
        default_factory=dict, description="TFLite: all builtin operators that it has."
    )
    custom: tuple[Operator, ...] = Field(
        default=(), description="TFLite: custom operators that it has."
    )
    domains: dict[Word, Versions] = Field(
        default_factory=dict, description="ONNX: the operator sets that it has."
    )
    ir_version: int | None = Field(default=None, description="ONNX: the last one that it reads.")


class Rule(Manifest):
    """What one operator must be like; what is absent is as for all."""

    types: tuple[Element, ...] | None = Field(
        default=None, description="Element types that its tensors may have."
    )
    note: Text = Field(default="", description="What else it asks, which is not checked here.")


class AcceleratorOperators(Manifest):
    """What an accelerator can execute, as its maker publishes it."""

    version: Version
    accelerators: tuple[Name, ...] = Field(description="That this is true of.")
    format: Name = Field(description="Of the models, by file extension.")
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")
    complete: bool = Field(
        default=True, description="Whether an operator that is not here runs on the CPU for sure."
    )
    compiled: Operator | None = Field(
        default=None, description="The custom operator that a compiled model consists of."
    )
    types: tuple[Element, ...] = Field(description="Element types that tensors may have.")
    per_channel: bool = Field(
        default=True, description="Whether weights may have a scale for each channel."
    )
    batch: int | None = Field(
        default=None, description="The largest product of the sizes before a tensor's last three."
    )
    operators: dict[Operator, Rule]


class OperatorLists:
    """The lists of all folders of the catalogue, each read when it is asked for.

    Raises:
        UserError: one of them cannot be read, or is wrong; from any of the methods.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def of_release(self, runtime: str, release: str) -> Entry[RuntimeOperators] | None:
        """A release's own list; of the shipped ones, no other is read than that of its name."""
        for path in self._catalog.files("operators"):
            if not path.is_relative_to(data_root()):
                break  # it may be of any name
            if path.stem == f"{runtime}-{release}":
                return self._catalog.read(path, RuntimeOperators)
        return self.runtimes.get((runtime, release))

    @cached_property
    def runtimes(self) -> Mapping[tuple[str, str], Entry[RuntimeOperators]]:
        """By runtime and release."""
        found: dict[tuple[str, str], Entry[RuntimeOperators]] = {}
        for source in self._sources:
            if not _of_accelerators(source):
                value = parse(source, RuntimeOperators)
                key = (value.runtime, value.release)
                found.setdefault(key, Entry(value=value, source=source))
        return found

    @cached_property
    def accelerators(self) -> Mapping[str, Entry[AcceleratorOperators]]:
        """By accelerator."""
        found: dict[str, Entry[AcceleratorOperators]] = {}
        for source in self._sources:
            if _of_accelerators(source):
                entry = Entry(value=parse(source, AcceleratorOperators), source=source)
                for name in entry.value.accelerators:
                    found.setdefault(name, entry)
        return found

    def strangers(self, accelerator: str) -> tuple[str, ...]:
        """Operators of its list that no runtime's list of that format has: misspelt, or newer.

        ONNX lists name operator sets only, so nothing is said of theirs.
        """
        listed = self.accelerators[accelerator].value
        of_format = [
            one.value for one in self.runtimes.values() if one.value.format == listed.format
        ]
        known = {name for one in of_format for name in (*one.operators, *one.custom)}
        return tuple(name for name in listed.operators if known and name not in known)

    @cached_property
    def _sources(self) -> tuple[Source, ...]:
        return tuple(read_source(path) for path in self._catalog.files("operators"))


def _of_accelerators(source: Source) -> bool:
    """What it is a list of is told by its keys."""
    return "accelerators" in source.data
