"""What the builders work with: `catalog/debian.yaml`, `buildroot.yaml`, `yocto.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from edgeimg.manifest.base import (
    Commit,
    Config,
    InsidePath,
    Manifest,
    ModuleName,
    Name,
    Number,
    PackageName,
    Provides,
    Text,
    Version,
    Word,
    YoctoConf,
)


class Repository(Manifest):
    """One archive of the distribution."""

    name: Word = Field(description="Its folder below the mirror.")
    suite: Word
    components: tuple[Word, ...]
    security: bool = Field(default=False, description="It holds security updates only.")


class DebianDistribution(Manifest):
    """`catalog/debian.yaml`: what the debian builder composes from."""

    version: Version
    suite: Word
    glibc: Number = Field(description="C library of the suite.")
    repositories: tuple[Repository, ...]
    provides: Provides = Field(default_factory=dict, description="Versions of its parts.")
    keyring: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9./_-]+$")]
    root: tuple[PackageName, ...] = Field(description="In every root file system.")
    boot: tuple[PackageName, ...] = Field(description="The EFI stub.")
    initramfs: tuple[PackageName, ...] = Field(description="The static shell.")
    sysroot: tuple[PackageName, ...] = Field(description="What the app is compiled against.")
    modules: tuple[ModuleName, ...] = Field(description="Kernel modules of every initramfs.")
    kernel_args: tuple[Word, ...] = Field(description="On every kernel command line.")


class BuildrootToolchain(Manifest):
    """A way to a cross compiler in Buildroot."""

    summary: Text
    glibc: Number = Field(description="C library, the oldest that it may bring.")
    kernel: Number | None = Field(
        default=None,
        description="The oldest kernel that its C library starts on, which is that of its headers.",
    )
    relocated: bool = Field(
        default=False, description="Made of this machine's own cross compiler by a script."
    )
    config: dict[str, Config] = Field(
        default_factory=dict, description="Symbols by architecture; `all` is for each."
    )


class BuildrootRelease(Manifest):
    """`catalog/buildroot.yaml`: the pinned Buildroot."""

    version: Version
    release: Number = Field(description="The tag.")
    commit: Commit
    provides: Provides = Field(default_factory=dict, description="Versions of its parts.")
    git: Text = Field(description="Where it is cloned from.")
    checked: Text = Field(description="When and how.")
    lists: tuple[Word, ...] = Field(
        description="Symbols that hold a list of words: what several say is joined."
    )
    config: Config = Field(description="In every configuration.")
    layout: Config = Field(description="Where the partitions are ours.")
    toolchains: dict[Name, BuildrootToolchain] = Field(description="The first is the default.")


class YoctoSeries(Manifest):
    """A series of the Yocto project."""

    summary: Text
    release: Number
    glibc: Number = Field(description="Its C library.")
    provides: Provides = Field(default_factory=dict, description="Versions of its parts.")
    setup: bool = Field(default=True, description="It has bitbake-setup, and fragments.")
    conf: YoctoConf = Field(default_factory=dict, description="Lines of local.conf in this series.")


class YoctoLayer(Manifest):
    """A layer of a repository."""

    path: InsidePath = Field(default=".", description="Its folder in the repository.")
    collection: Word = Field(description="Its name in BBFILE_COLLECTIONS.")
    needs: tuple[Name, ...] = Field(default=(), description="Other layers that it depends on.")


class YoctoPin(Manifest):
    """A branch, and the commit of it that is built."""

    branch: Word
    commit: Commit
    conf: YoctoConf = Field(
        default_factory=dict, description="Lines of local.conf without which its recipes fail."
    )


class YoctoRepository(Manifest):
    """A git repository."""

    url: Word
    layers: dict[Name, YoctoLayer] = Field(default_factory=dict)
    series: dict[Name, YoctoPin] = Field(description="By series; one that is absent has none.")


class YoctoCatalog(Manifest):
    """`catalog/yocto.yaml`: the series, and the repositories that layers come from."""

    version: Version
    checked: Text = Field(description="When and how.")
    series: dict[Name, YoctoSeries] = Field(description="The first is the default.")
    layers: tuple[Name, ...] = Field(description="In every build.")
    machine_features: dict[Word, Name] = Field(
        default_factory=dict, description="MACHINE_FEATURES, and what a board offers that has it."
    )
    conf: YoctoConf = Field(description="Lines of every local.conf.")
    repositories: dict[Name, YoctoRepository] = Field(description="`bitbake` is one of them.")
