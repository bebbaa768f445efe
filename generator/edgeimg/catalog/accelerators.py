"""The catalogue: accelerators, as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from edgeimg.catalog.types import Requirement
from edgeimg.manifest.base import (
    Config,
    InsidePath,
    Manifest,
    Name,
    Number,
    PackageName,
    Text,
    Version,
    Word,
    YoctoConf,
)
from edgeimg.manifest.product import Builder


class AcceleratorDelegate(Manifest):
    """The plug-in through which the runtime reaches the accelerator."""

    library: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/+-]+$")] = Field(
        description="Its path in the image."
    )
    options: dict[Word, Text] = Field(default_factory=dict, description="Handed to it.")


class AcceleratorBuildroot(Manifest):
    """The accelerator in the buildroot builder."""

    config: Config = Field(description="Symbols that select driver, firmware and library.")
    fragment: InsidePath | None = Field(
        default=None,
        description="Kernel options that it needs, a file in `buildroot-external/linux/`.",
    )


class AcceleratorYocto(Manifest):
    """The accelerator in the yocto builder."""

    layers: tuple[Name, ...] = Field(default=(), description="That its recipes come from.")
    recipe: Name | None = Field(
        default=None,
        description="A folder of ours in `layers/meta-edgeimg/recipes-*`: what is added to others' "
        "recipes, such as kernel options.",
    )
    packages: tuple[PackageName, ...] = Field(
        default=(), description="Driver, firmware and what else the image must have."
    )
    conf: YoctoConf = Field(default_factory=dict, description="Lines of local.conf.")
    service: dict[Word, Text] = Field(
        default_factory=dict,
        description="For the section [Service] of the models' unit: groups of its devices, "
        "folders.",
    )


class AcceleratorCompiler(Manifest):
    """What compiles a model for the accelerator, on the host."""

    module: Name = Field(description="A module of `edgeimg.prepare.compilers`.")
    requirements: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._<>=!~,-]+$")], ...]
    options: tuple[Word, ...] = Field(default=(), description="Handed to it before the model.")
    python: Annotated[str, StringConstraints(pattern=r"^[0-9.<>=!~,]+$")] | None = Field(
        default=None, description="Versions of Python that it installs on, such as `<3.13`."
    )
    installed_mib: int | None = Field(
        default=None,
        gt=0,
        description="About what it takes on the disk, said before it is installed.",
    )


class AcceleratorPrecompiled(Manifest):
    """What a model file looks like that was compiled for the accelerator."""

    format: Literal["tflite", "hef", "rknn", "tensorrt", "tidl"] = Field(
        description="A reader of `edgeimg.model.formats`."
    )
    targets: tuple[Word, ...] = Field(
        default=(),
        description="For what the file may say that it was compiled, as that reader calls it; for "
        "`tflite` the custom operator. Empty: files of this format do not say.",
    )


class AcceleratorRelease(Manifest):
    """Versions of driver, firmware, library and compiler that belong together."""

    version: Number
    requires: tuple[Requirement, ...] = ()
    compiler: AcceleratorCompiler | None = Field(
        default=None, description="Absent: models are compiled elsewhere, or not at all."
    )
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")


class Accelerator(Manifest):
    """NPU, TPU or GPU. Short of driver, library and adapter, `supported` is false."""

    version: Version
    name: Name
    summary: Text
    homepage: Text
    supported: bool = True
    reason: Text = Field(default="", description="Why it is not supported, and what is instead.")
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")
    needs: Name = Field(
        description="What the board must offer: a bus, such as `usb` or `pcie`, or the unit itself."
    )
    runtimes: tuple[Name, ...] = Field(default=(), description="Runtimes that can use it.")
    releases: tuple[AcceleratorRelease, ...] = Field(default=(), description="Newest wanted first.")
    recipes: dict[PackageName, Name] = Field(
        default_factory=dict,
        description="Yocto recipes of its driver, firmware or library, and the part that each is: "
        "layers that have one are for boards with it.",
    )
    precompiled: AcceleratorPrecompiled | None = Field(
        default=None, description="Absent: a compiled file is not known from another."
    )
    memory_kib: int | None = Field(
        default=None, gt=0, description="Fast memory that a compiled model may use on it."
    )
    delegate: AcceleratorDelegate | None = None
    accept_licenses: tuple[Text, ...] = Field(
        default=(), description="Licences that a person must have accepted."
    )
    unsupported: dict[Builder, Text] = Field(
        default_factory=dict, description="By builder that does not serve it: why, and what does."
    )
    buildroot: AcceleratorBuildroot | None = Field(default=None, description="Absent: not served.")
    yocto: AcceleratorYocto | None = Field(default=None, description="Absent: not served.")

    @model_validator(mode="after")
    def _reason_when_unsupported(self) -> Accelerator:
        if not self.supported and not self.reason:
            raise ValueError("reason: is missing; it goes with supported: false")
        return self
