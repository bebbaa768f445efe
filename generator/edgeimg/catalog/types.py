"""The catalogue: runtimes, features, architectures and builders, as data."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from edgeimg.manifest.base import (
    NAME_PATTERN,
    Commit,
    Config,
    InsidePath,
    Manifest,
    ModuleName,
    Name,
    Number,
    PackageName,
    Provides,
    Sha256,
    Text,
    Version,
    Versions,
    Word,
    YoctoConf,
)
from edgeimg.manifest.product import Option

# What its texts name in braces is filled in.
WORDS = re.compile(r"\{([a-z][a-z0-9-]*)\}")


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"'{pattern[:60]}' is no pattern: {error}") from None
    return pattern


Pattern = Annotated[Text, AfterValidator(_compiles)]

OptionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


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


class Requirement(Manifest):
    """What one release asks of another part."""

    by: Text = Field(description="Which of its parts asks, such as `the driver`.")
    part: Name = Field(
        description="What it asks for: `kernel`, `glibc`, a runtime, an architecture, a CPU "
        "feature, or another part that a board or a builder provides."
    )
    versions: Versions = Field(
        default="", description="Version specifier, such as `<6.12`; empty: any, if it is there."
    )
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")


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
    library: Requirement | None = Field(
        default=None,
        description="Where a layer has the library, and not a wheel: the part that it is there. "
        "The part's version is the runtime's.",
    )
    layers: tuple[Name, ...] = Field(
        default=(), description="That have the library; none where those of the board have it."
    )
    conf: YoctoConf = Field(default_factory=dict, description="Lines of local.conf.")

    @model_validator(mode="after")
    def _from_somewhere(self) -> RuntimeYocto:
        if (self.recipe is None) == (self.library is None):
            raise ValueError("recipe: either it or library says where the runtime comes from")
        return self


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
    files: InsidePath | None = Field(
        default=None, description="Folder below `debian-image/features` laid over the root."
    )
    unsupported: Text | None = Field(default=None, description="Why it is not served.")


class FeatureYocto(Manifest):
    """The feature in the yocto builder."""

    packages: tuple[PackageName, ...] = ()
    image_features: tuple[Word, ...] = Field(default=(), description="IMAGE_FEATURES.")
    conf: YoctoConf = Field(default_factory=dict, description="Lines of local.conf.")
    recipe: Name | None = Field(
        default=None, description="Our recipe that installs the texts of its `files` options."
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
        return self


class YoctoTune(Manifest):
    """What BitBake's variables say where an architecture is this one."""

    arch: Word = Field(description="TUNE_ARCH.")
    features: tuple[Word, ...] = Field(default=(), description="TUNE_FEATURES that it has.")
    without: tuple[Word, ...] = Field(default=(), description="TUNE_FEATURES that it has not.")


class BuildrootArch(Manifest):
    """What Buildroot's symbols say where an architecture is this one."""

    arch: Word = Field(description="BR2_ARCH.")
    symbols: tuple[Word, ...] = Field(default=(), description="Symbols that are y.")


class Architecture(Manifest):
    """What the field calls one architecture."""

    debian: Word = Field(description="Debian's name.")
    gnu: Word = Field(description="GNU triplet.")
    machine: Word = Field(description="The machine as `uname -m` and wheels call it.")
    efi_loader: Word = Field(description="File name that UEFI looks for on a medium.")
    efi_stub: Word = Field(description="The EFI stub that a UKI begins with.")
    tune: YoctoTune = Field(description="As Yocto's machines say it.")
    buildroot: BuildrootArch = Field(description="As Buildroot's configurations say it.")


class Architectures(Manifest):
    """`catalog/architectures.yaml`."""

    version: Version
    architectures: dict[str, Architecture]


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
        description="Symbols that hold a list of files: what several say is joined."
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


class FlasherFailure(Manifest):
    """What a line of a vendor's tool means."""

    says: Pattern = Field(description="Pattern of its line.")
    means: Text
    next: Text = Field(description="What to do, as a sentence.")


class Flasher(Manifest):
    """A vendor's tool that flashes boards over USB; data of `catalog/flashers/`."""

    version: Version
    name: Name
    summary: Text
    programs: dict[Word, Text] = Field(
        min_length=1, description="What it needs, and the Debian package or other place of each."
    )
    root: bool = Field(default=False, description="Whether it runs as root.")
    rights: Text = Field(description="How an ordinary user may reach the board, as a sentence.")
    unpack: Name | None = Field(
        default=None, description="The file that is an archive; the steps run in what it holds."
    )
    raw: tuple[Name, ...] = Field(
        default=(), description="The files that it takes unpacked only, such as `image`."
    )
    steps: tuple[tuple[Text, ...], ...] = Field(
        min_length=1, description="Its commands; a word in braces is a file."
    )
    progress: Pattern | None = Field(
        default=None, description="Pattern of a line whose first group is the percentage done."
    )
    minutes: int = Field(gt=0, le=600, description="How long one step may take.")
    failures: tuple[FlasherFailure, ...] = ()
    source: Text = Field(description="Where this is known from.")
    checked: Text = Field(description="When and how it was checked.")

    @property
    def words(self) -> set[str]:
        """The files that its steps name."""
        named = {word for step in self.steps for one in step for word in WORDS.findall(one)}
        return named | ({self.unpack} if self.unpack else set())
