"""Features, as data: `catalog/features/`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from edgeimg.manifest.base import (
    Config,
    InsidePath,
    KernelConfig,
    Manifest,
    ModuleName,
    Name,
    PackageName,
    Text,
    Version,
    Word,
    YoctoConf,
)
from edgeimg.manifest.product import Option

# What an option of each type is in YAML.
KINDS: dict[str, type] = {"whole": int, "flag": bool, "words": tuple, "files": tuple}
OptionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class FeatureOption(Manifest):
    """An option of a feature."""

    type: Literal["text", "choice", "whole", "flag", "words", "files"] = Field(
        description="`files`: paths, or lines of text; their content is put in one file."
    )
    description: Text
    default: Option | None = Field(default=None, description="Absent: the option is required.")
    choices: tuple[str, ...] = Field(default=(), description="Of a `choice`.")
    pattern: str | None = Field(
        default=None, description="What a text, each word, or each line of `files` matches."
    )
    needed_when: dict[OptionName, Option] = Field(
        default_factory=dict,
        description="Other options by name: with these values, this one must not be empty.",
    )
    used_when: dict[OptionName, Option] = Field(
        default_factory=dict,
        description="Other options by name: without these values, nothing reads this one.",
    )
    in_network_of: OptionName | None = Field(
        default=None,
        description="An option with an address and a prefix length, in whose network this one is.",
    )
    packages: tuple[PackageName, ...] = Field(
        default=(), description="For the debian builder, when the option is not its default."
    )
    config: Config = Field(
        default_factory=dict, description="For Buildroot, when the option is not its default."
    )

    @model_validator(mode="after")
    def _pattern_compiles(self) -> FeatureOption:
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"pattern: not a regular expression: {error}") from None
        return self

    @model_validator(mode="after")
    def _default_is_one_of_them(self) -> FeatureOption:
        if self.type == "choice" and not self.choices:
            raise ValueError("choices: is missing; it goes with type choice")
        if self.default is None:
            return self
        if type(self.default) is not KINDS.get(self.type, str):
            raise ValueError(f"default: {self.default!r} is none of type {self.type}")
        if self.type == "choice" and self.default not in self.choices:
            raise ValueError(f"default: '{self.default}' is not one of {', '.join(self.choices)}")
        return self


class FeatureDebian(Manifest):
    """The feature in the debian builder."""

    packages: tuple[PackageName, ...] = ()
    files: InsidePath | None = Field(
        default=None, description="Folder below `debian-image/features` laid over the root."
    )
    modules: tuple[ModuleName, ...] = Field(default=(), description="Kernel modules it loads.")
    kernel_args: tuple[Word, ...] = ()


class FeatureBuildroot(Manifest):
    """The feature in the buildroot builder."""

    config: Config = Field(default_factory=dict)
    kernel: KernelConfig = Field(default_factory=dict, description="Options of the kernel.")
    files: InsidePath | None = Field(
        default=None, description="Folder below `debian-image/features` laid over the root."
    )
    disk_conflicts: tuple[Name, ...] = Field(
        default=(),
        description="Features that exclude it on boards with `disk`, which have no data partition.",
    )
    unsupported: Text | None = Field(default=None, description="Why it is not served.")


class FeatureYocto(Manifest):
    """The feature in the yocto builder."""

    packages: tuple[PackageName, ...] = ()
    recommends: tuple[PackageName, ...] = Field(
        default=(), description="Packages that are installed where the build has them."
    )
    image_features: tuple[Word, ...] = Field(default=(), description="IMAGE_FEATURES.")
    conf: YoctoConf = Field(default_factory=dict, description="Lines of local.conf.")
    recipes: tuple[Name, ...] = Field(
        default=(), description="Of ours. The first one installs its files, options and texts."
    )
    files: InsidePath | None = Field(
        default=None, description="Folder below `debian-image/features` that the recipe installs."
    )
    conflicts: tuple[Name, ...] = Field(
        default=(), description="Features that exclude it with this builder only."
    )
    only: dict[OptionName, Option] = Field(
        default_factory=dict, description="Options that cannot have another value here."
    )
    unsupported: Text | None = Field(default=None, description="Why it is not served.")


class Feature(Manifest):
    """An option of the image."""

    version: Version
    name: Name
    summary: Text
    options: dict[OptionName, FeatureOption] = Field(default_factory=dict)
    ports: tuple[int, ...] = Field(
        default=(), description="TCP ports of the guest that `run` makes reachable from here."
    )
    needs: tuple[Name, ...] = Field(default=(), description="Other features that it needs.")
    conflicts: tuple[Name, ...] = Field(default=(), description="Features that exclude it.")
    debian: FeatureDebian
    buildroot: FeatureBuildroot = FeatureBuildroot(unsupported="nobody has written it")
    yocto: FeatureYocto = FeatureYocto(unsupported="nobody has written it")

    @model_validator(mode="after")
    def _other_options_known(self) -> Feature:
        for name, option in self.options.items():
            for key in ("needed_when", "used_when"):
                for other in getattr(option, key):
                    if other not in self.options:
                        raise ValueError(f"options.{name}.{key}: no option '{other}'")
            if option.in_network_of not in (None, *self.options):
                raise ValueError(
                    f"options.{name}.in_network_of: no option '{option.in_network_of}'"
                )
        return self
