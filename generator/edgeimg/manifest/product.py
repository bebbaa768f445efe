"""The product, `edgeimg.yaml`: a board, models, a runtime, features, and ways out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from edgeimg.manifest.base import (
    AnyPath,
    Commit,
    Config,
    InsideWord,
    KernelConfig,
    Line,
    Manifest,
    Name,
    Number,
    PackageName,
    Text,
    Version,
    Word,
)

Builder = Literal["debian", "buildroot", "yocto"]
Option = Line | int | bool | tuple[Line, ...]
MIRROR_PATTERN = r"""^(https?|file)://[^\s'"\\$#]+$"""
MirrorUrl = Annotated[str, StringConstraints(pattern=MIRROR_PATTERN)]


class Kernel(Manifest):
    """The kernel, beyond what the board says."""

    args: tuple[Word, ...] = Field(default=(), description="More of the kernel command line.")
    config: KernelConfig = Field(
        default_factory=dict,
        description="Symbols of the kernel's configuration, for builders that compile it.",
    )


class DebianOptions(Manifest):
    """What only the debian builder asks."""

    security_updates: bool = Field(
        default=True,
        description="Take the newest packages of the security archive too. Turn it off only for a "
        "mirror that does not carry it for the architecture.",
    )


class BuildrootOptions(Manifest):
    """What only the buildroot builder asks."""

    toolchain: Name | None = Field(
        default=None,
        description="`bootlin` (prebuilt), `buildroot` (built from source) or `debian` (this "
        "machine's own cross compiler); default: the catalogue's.",
    )
    config: Config = Field(
        default_factory=dict,
        description="Symbols of Buildroot's, laid over all others. `y`, `n`, a number or text; "
        "in text a `$` is a `$`, but for $(TOPDIR) and $(BR2_EXTERNAL_..._PATH).",
    )
    primary_site: MirrorUrl | None = Field(
        default=None,
        description="Address (http, https or file) where sources are looked for first.",
    )


class YoctoLayers(Manifest):
    """Layers of one's own, or of a vendor: a folder, or a repository."""

    path: AnyPath | None = Field(default=None, description="Folder on this machine.")
    url: Word | None = Field(default=None, description="Address of a git repository.")
    branch: Word | None = Field(default=None, description="Its branch; goes with `url`.")
    commit: Commit | None = Field(default=None, description="Its commit; goes with `url`.")
    layers: tuple[InsideWord, ...] = Field(
        default=(".",), min_length=1, description="Folders in it that are layers."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> YoctoLayers:
        if (self.path is None) == (self.url is None):
            raise ValueError("write either path, or url with branch and commit")
        if self.url is not None and (self.branch is None or self.commit is None):
            raise ValueError(
                "url: branch and commit go with it; `git ls-remote URL BRANCH` says the commit"
            )
        if self.path is not None and (self.branch or self.commit):
            raise ValueError("path: branch and commit go with url; a folder is taken as it is")
        return self


class YoctoOptions(Manifest):
    """What only the yocto builder asks."""

    series: Name | None = Field(
        default=None, description="Yocto series; default: the first that serves the board."
    )
    variant: Name | None = Field(default=None, description="Another of the board's machines.")
    runtime_from: Literal["wheel", "layer"] | None = Field(
        default=None,
        description="Where the runtime's library comes from: the official `wheel`, or the recipe "
        "of a `layer`, which compiles it; default: the wheel where there is one.",
    )
    layers: dict[Name, YoctoLayers] = Field(
        default_factory=dict, description="More layers, by the name of their repository."
    )
    local_conf: tuple[Line, ...] = Field(
        default=(), description="Lines of local.conf, after all others, as BitBake reads them."
    )
    source_mirror: MirrorUrl | None = Field(
        default=None,
        description="Address (http, https or file) where sources are looked for first.",
    )
    sstate_mirror: MirrorUrl | None = Field(
        default=None, description="Address (http, https or file) of a shared state cache."
    )
    hash_server: Word | None = Field(
        default=None, description="Hash equivalence server of that cache, such as `host:8686`."
    )
    maintainer: (
        Annotated[str, StringConstraints(pattern=r"^[^<>`|]+ <[^<>@\s]+@[^<>@\s]+>$")] | None
    ) = Field(
        default=None,
        description="Who keeps the emitted layer, as `Name <address>`, for its README.",
    )
    golden: bool = Field(
        default=False,
        description="Emit the package `edge-model-golden` too: expected outputs, and a ptest that "
        "compares on the device. It is not installed unless `packages` names it.",
    )
    rm_work: bool = Field(
        default=False, description="Remove what a recipe was built from once it is built."
    )


class AppGit(Manifest):
    """The app's source at a commit of a repository."""

    url: Annotated[
        str, StringConstraints(pattern=r"^(https|ssh|file)://[A-Za-z0-9_.,:/@+~-]+$")
    ] = Field(
        description="Address (https, ssh or file) of the repository, such as "
        "ssh://git@git.example/app.git."
    )
    branch: Word = Field(description="Its branch.")
    revision: Commit = Field(description="Its commit.")


class AcceleratorChoice(Manifest):
    """What the models run on beside the CPU."""

    name: Name
    release: Number | None = Field(
        default=None,
        description="Which of the catalogue's releases; default: the first that fits.",
    )
    min_placement: float = Field(
        default=100.0,
        ge=0,
        le=100,
        description="Percent of a model's MACs that must run on it once it is compiled for it.",
    )


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class App(Manifest):
    """An inference app of one's own in place of `edge-infer`."""

    source: AnyPath | None = Field(
        default=None, description="Folder with a CMakeLists.txt that installs `edge-infer`."
    )
    git: AppGit | None = Field(
        default=None, description="The same in a repository, which Yocto fetches."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> App:
        if (self.source is None) == (self.git is None):
            raise ValueError("write either source or git")
        return self


class Budgets(Manifest):
    """Limits; going over one is an error."""

    image_mib: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Compressed disk image in MiB."
    )
    root_mib: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Compressed root file system in MiB."
    )
    first_inference_seconds: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Seconds from QEMU's start to the first answer."
    )


class Product(Manifest):
    """What is built."""

    version: Version
    name: Name
    summary: Text = Field(default="", description="One line for people.")
    board: AnyPath = Field(description="Name of a board, or path of its YAML.")
    models: tuple[AnyPath, ...] = Field(
        min_length=1, description="Names of models, or paths of their manifests."
    )
    runtime: Name | None = Field(
        default=None, description="What executes the models; default: the first that can."
    )
    runtime_version: Number | None = Field(
        default=None, description="Version of the runtime; default: the catalogue's first."
    )
    accelerator: (
        Annotated[
            AcceleratorChoice,
            BeforeValidator(_named, json_schema_input_type=Name | AcceleratorChoice),
        ]
        | None
    ) = Field(
        default=None,
        description="What the models run on, by name, or with what is asked of it; default: the "
        "CPU.",
    )
    accept_licenses: tuple[Text, ...] = Field(
        default=(), description="Licences that you have read and accept, by name."
    )
    builder: Builder | None = Field(
        default=None, description="The build system; default: the board's."
    )
    threads: int = Field(default=1, ge=1, le=64, description="Threads for inference.")
    features: dict[Name, dict[str, Option]] = Field(
        default_factory=dict, description="Features by name, with their options."
    )
    packages: tuple[PackageName, ...] = Field(
        default=(), description="More packages, as the builder calls them."
    )
    overlay: AnyPath | None = Field(
        default=None,
        description="Folder that is laid over the root file system last: files, folders (empty "
        "ones too) and links, all owned by root. Files are 0644, or 0755 when executable; a file "
        "that only its owner may read here (0600, 0400, 0700) stays so. What belongs into /bin, "
        "/lib or /sbin goes into usr/bin, usr/lib, usr/sbin.",
    )
    kernel: Kernel = Field(default=Kernel(), description="The kernel.")
    app: App | None = Field(default=None, description="Your own app in place of `edge-infer`.")
    data_mib: int = Field(
        default=16, ge=4, le=1 << 20, description="Size of the data partition in MiB."
    )
    mirror: MirrorUrl | None = Field(
        default=None,
        description="Address (http, https or file) of a Debian mirror; default: the one of this "
        "machine's apt.",
    )
    snapshot_mirror: MirrorUrl | None = Field(
        default=None,
        description="Address (http, https or file) where packages are looked for that left the "
        "mirror.",
    )
    debian: DebianOptions = Field(default=DebianOptions(), description="The debian builder.")
    buildroot: BuildrootOptions = Field(
        default=BuildrootOptions(), description="The buildroot builder."
    )
    yocto: YoctoOptions = Field(default=YoctoOptions(), description="The yocto builder.")
    provides: dict[Name, Number] = Field(
        default_factory=dict,
        description="Versions of parts that your own layers or packages bring in place of the "
        "board's, such as `kernel: 6.6.30`; accelerators are judged by them.",
    )
    catalogs: tuple[AnyPath, ...] = Field(
        default=(), description="Folders with boards, models and catalogue entries of your own."
    )
    budgets: Budgets = Field(default=Budgets(), description="Limits of size and time.")
