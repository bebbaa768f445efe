"""Runtimes, as data: `catalog/runtimes/`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from edgeimg.catalog.types import Requirement
from edgeimg.manifest.base import (
    NAME_PATTERN,
    Config,
    InsidePath,
    Manifest,
    Name,
    Number,
    PackageName,
    Sha256,
    Text,
    Version,
    Versions,
    Word,
    YoctoConf,
)


class Refusal(Manifest):
    """Versions that must not be used, and why."""

    versions: Versions = Field(description="Version specifier, such as `>=1.30`.")
    reason: Text = Field(description="Why not.")
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")


class WheelPin(Manifest):
    """A wheel that carries the runtime's shared library."""

    file: Word = Field(description="File name of the wheel.")
    sha256: Sha256 = Field(description="Of the wheel.")
    machine: Word = Field(description="The machine of its platform tag, such as `aarch64`.")
    member: InsidePath = Field(description="The library's path in the wheel.")
    glibc: Number = Field(description="The oldest C library it runs with.")


class Release(Manifest):
    """One version of a runtime."""

    version: Number
    requires: tuple[Requirement, ...] = ()
    wheels: dict[str, WheelPin] = Field(description="By architecture.")
    source: Text = Field(description="Where the pins come from.")
    checked: Text = Field(description="When and how they were checked.")


class DistributionPackage(Manifest):
    """The runtime as the distribution packages it."""

    version: Number
    packages: tuple[PackageName, ...] = Field(description="For the root file system.")
    library: InsidePath = Field(description="Where the library lies in the root file system.")
    needs_cpu_features: tuple[Word, ...] = Field(default=(), description="Of the board's CPU.")


class RuntimeDebian(Manifest):
    """The runtime in the debian builder."""

    library: InsidePath = Field(description="Where a wheel's library goes in the root.")
    sysroot: tuple[PackageName, ...] = Field(default=(), description="Headers for the adapter.")
    include: InsidePath | None = Field(default=None, description="Header folder in the sysroot.")
    distribution: dict[str, DistributionPackage] = Field(
        default_factory=dict, description="By architecture, where there is no wheel."
    )


class RuntimeBuildroot(Manifest):
    """The runtime in the buildroot builder."""

    config: Config = Field(description="Symbols that select its package.")
    source_version: Number | None = Field(
        default=None, description="Where Buildroot compiles it from source: its version there."
    )
    architectures: tuple[Word, ...] = Field(
        default=(), description="Where Buildroot compiles it from source: for these."
    )


class RuntimeYocto(Manifest):
    """The runtime in the yocto builder."""

    packageconfig: Word = Field(description="Of the recipe `edge-infer`; it names what it needs.")
    recipe: Name | None = Field(default=None, description="Our recipe of its wheel.")
    from_layer: RuntimeYocto | None = Field(
        default=None, description="Where a layer has the library too: the same of that."
    )
    library: Requirement | None = Field(
        default=None,
        description="Where a layer has the library, and not a wheel: the part that it is there. "
        "The part's version is the runtime's.",
    )
    layers: tuple[Name, ...] = Field(
        default=(), description="That have the library; none where those of the board have it."
    )
    architectures: tuple[Word, ...] = Field(
        default=(), description="That the layer's recipe is for; none: all."
    )
    append: Name | None = Field(
        default=None,
        description="Our append to the layer's recipe, which downloads outside of BitBake: it "
        "does not with BB_NO_NETWORK.",
    )
    conf: YoctoConf = Field(default_factory=dict, description="Lines of local.conf.")

    @model_validator(mode="after")
    def _from_somewhere(self) -> RuntimeYocto:
        if (self.recipe is None) == (self.library is None):
            raise ValueError("recipe: either it or library says where the runtime comes from")
        if self.from_layer is not None and (self.recipe is None or self.from_layer.library is None):
            raise ValueError("from_layer: it has a library, and goes with recipe")
        return self

    @property
    def of_layer(self) -> RuntimeYocto | None:
        """It as a layer has it; None where none has."""
        return self if self.library is not None else self.from_layer

    def serves(self, architecture: str) -> bool:
        """Whether the layer's recipe is for it."""
        return not self.architectures or architecture in self.architectures


class MeasuredMemory(Manifest):
    """RAM that a booted image was seen to need."""

    mib: int = Field(gt=0, description="The least with which the smallest product works.")
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")


class Quantizer(Manifest):
    """What makes an integer model of a float one, on the host."""

    module: Name = Field(description="A module of `edgeimg.prepare.quantizers`.")
    requirements: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._<>=!~,-]+$")], ...]
    kinds: tuple[Literal["static", "dynamic", "weights"], ...]
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")


class Runtime(Manifest):
    """What executes models on the device."""

    version: Version
    name: Name
    summary: Text
    homepage: Text
    license: Text
    supported: bool = True
    reason: Text = Field(default="", description="Why it is not supported, and what is instead.")
    adapter: str = Field(
        default="", description="The app's adapter, `app/src/runtime/<adapter>.cc`."
    )
    formats: tuple[Name, ...] = Field(description="Model formats, by file extension.")
    accelerator: Name | None = Field(
        default=None,
        description="It runs models on this accelerator only, and is taken when one of the two "
        "is asked for.",
    )
    kernel_modes: tuple[Literal["reference", "default"], ...] = Field(
        default=("default",), description="Modes that the golden outputs are compared in."
    )
    host: str = Field(
        default="", description="The host interpreter, a module of `edgeimg.prepare.hosts`."
    )
    package: str = Field(
        default="", description="The Python package of the host interpreter and the wheels."
    )
    releases: tuple[Release, ...] = Field(default=(), description="Newest wanted first.")
    refuse: tuple[Refusal, ...] = Field(default=())
    memory: dict[Name, MeasuredMemory] = Field(
        default_factory=dict, description="By builder: kernel, system, runtime and the app."
    )
    quantizer: Quantizer | None = Field(default=None, description="Absent: there is none.")
    debian: RuntimeDebian | None = Field(default=None, description="Absent: not served.")
    buildroot: RuntimeBuildroot | None = Field(default=None, description="Absent: not served.")
    yocto: RuntimeYocto | None = Field(default=None, description="Absent: not served.")

    @model_validator(mode="after")
    def _all_of_it_when_supported(self) -> Runtime:
        for key in ("adapter", "host", "package"):
            if self.supported and not re.fullmatch(NAME_PATTERN, getattr(self, key)):
                raise ValueError(f"{key}: is missing; a name goes with what is supported")
        if not self.supported and not self.reason:
            raise ValueError("reason: is missing; it goes with supported: false")
        return self
