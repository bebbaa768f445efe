"""The plan: every decision made, nothing fetched or written yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgeimg.catalog.accelerators import Accelerator, AcceleratorRelease
from edgeimg.catalog.architectures import Architecture
from edgeimg.catalog.builders import BuildrootRelease, DebianDistribution, Repository, YoctoSeries
from edgeimg.catalog.runtimes import RuntimeYocto
from edgeimg.catalog.search import Shadow
from edgeimg.manifest.base import Config, KernelConfig, YoctoConf
from edgeimg.manifest.board import Board
from edgeimg.manifest.model import Camera, ImageInput, Tolerance
from edgeimg.manifest.product import AppGit, Budgets, Option
from edgeimg.model.info import ModelInfo, TensorInfo
from edgeimg.model.look import Look


@dataclass(frozen=True, kw_only=True)
class PlannedInput:
    """An input tensor and how pictures are fed to it (`None`: raw tensors)."""

    tensor: TensorInfo
    image: ImageInput | None


@dataclass(frozen=True, kw_only=True)
class PlannedOutput:
    """An output tensor and what is made of it; `labels` by index, or none."""

    tensor: TensorInfo
    softmax: bool
    top_k: int
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlannedSample:
    """A sample: its name in the image, its file here, its true label if known."""

    name: str
    path: Path
    sha256: str
    label: str | None


@dataclass(frozen=True, kw_only=True)
class PlannedCompiled:
    """A model's file for an accelerator, compiled elsewhere, and what it says of itself."""

    accelerator: str
    path: Path
    look: Look


@dataclass(frozen=True, kw_only=True)
class PlannedModel:
    """A model with everything that its manifest and its file say, in agreement.

    The paths in the image are absolute there; names of the user's files do not reach it,
    but for the samples', which are checked.
    """

    name: str
    summary: str
    license: str
    manifest: Path
    path: Path
    info: ModelInfo
    inputs: tuple[PlannedInput, ...]
    outputs: tuple[PlannedOutput, ...]
    samples: tuple[PlannedSample, ...]
    tolerance: Tolerance
    camera: Camera | None = None
    compiled: tuple[PlannedCompiled, ...] = ()

    @property
    def image_folder(self) -> str:
        return f"/usr/share/edge-infer/{self.name}"

    @property
    def image_file(self) -> str:
        return f"{self.image_folder}/model.{self.info.format}"

    def image_compiled(self, accelerator: str, suffix: str) -> str:
        """The model as it was compiled for an accelerator."""
        return f"{self.image_folder}/model-{accelerator}{suffix}"

    @property
    def image_samples(self) -> str:
        return f"{self.image_folder}/samples"

    def image_labels(self, output: int) -> str:
        """The labels of the output with that index."""
        return f"{self.image_folder}/labels-{output}.txt"


@dataclass(frozen=True, kw_only=True)
class WheelRequest:
    """A wheel, pinned by the catalogue; the lock adds where it is.

    `member` is the library's path in the wheel.
    """

    name: str
    version: str
    file: str
    sha256: str
    machine: str
    member: str


@dataclass(frozen=True, kw_only=True)
class DebianRuntime:
    """Where the library lies in the root, the packages it needs, the headers' folder."""

    library: str
    include: str = ""
    packages: tuple[str, ...] = ()
    sysroot: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedRuntime:
    """The runtime; its library comes from the wheel, or from the builder's packages."""

    name: str
    adapter: str
    version: str
    license: str
    homepage: str
    kernel_modes: tuple[str, ...]
    host: str
    wheel: WheelRequest | None
    debian: DebianRuntime | None = None
    config: Config = field(default_factory=dict)
    yocto: RuntimeYocto | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedAccelerator:
    """What the models run on.

    Attributes:
        min_placement: percent of a model that must run on it.
        fragment: kernel options that it needs.
    """

    entry: Accelerator
    release: AcceleratorRelease | None
    min_placement: float
    fragment: Path | None

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def title(self) -> str:
        """Its name, and the release that was taken."""
        return f"{self.name} {self.release.version}" if self.release else self.name


@dataclass(frozen=True, kw_only=True)
class PlannedFeature:
    """A feature with all its options, defaults filled in.

    `texts` are files made of `files` options: option name -> content. `packages` are for
    the debian builder, `config` and `kernel` for Buildroot, `recipe` for Yocto.
    """

    name: str
    options: Mapping[str, Option]
    texts: Mapping[str, str]
    folder: Path | None
    ports: tuple[int, ...]
    packages: tuple[str, ...]
    config: Config
    kernel: KernelConfig
    recipe: str | None = None


@dataclass(frozen=True, kw_only=True)
class DebianPlan:
    """What the debian builder composes: package names by role, kernel, modules.

    `places` says where the product asks for a package, for the error when there is none.
    """

    distribution: DebianDistribution
    repositories: tuple[Repository, ...]
    packages: Mapping[str, tuple[str, ...]]
    places: Mapping[str, str]
    modules: tuple[str, ...]
    late_modules: tuple[str, ...]
    kernel_args: tuple[str, ...]
    mirror: str | None
    snapshot_mirror: str | None


@dataclass(frozen=True, kw_only=True)
class BuildrootPlan:
    """What the buildroot builder configures.

    Attributes:
        toolchain: its name in the catalogue.
        defconfig: upstream's, which ours is added to; None when ours is all there is.
        external: the vendor's external tree that it is of; None: Buildroot's own.
        config: our symbols, section -> symbol -> value; a later section wins.
        packages: the external tree's packages that are needed, name -> folder.
        asked: symbol -> the place where the product asks for it.
        folder: the board's own files, if it has any.
        kernel, disk: file names that Buildroot's images get; `disk` None: our partitions.
        kernel_args: where the partitions are ours.
        kernel_config: symbols of the kernel's configuration.
    """

    release: BuildrootRelease
    toolchain: str
    defconfig: str | None
    external: Path | None
    config: Mapping[str, Config]
    packages: Mapping[str, Path]
    asked: Mapping[str, str]
    folder: Path | None
    kernel: str
    disk: str | None
    kernel_args: tuple[str, ...]
    kernel_config: KernelConfig


@dataclass(frozen=True, kw_only=True)
class PlannedRepository:
    """A repository at a commit, or a folder of the user's, and the layers that are taken of it.

    Attributes:
        url, branch, commit: of a repository; None of a folder.
        folder: the user's; None of a repository.
        layers: folders in it, in the order of BBLAYERS; none for BitBake itself.
        fixed: the board or the product says its commit, which is not renewed.
    """

    layers: tuple[str, ...]
    url: str | None = None
    branch: str | None = None
    commit: str | None = None
    folder: Path | None = None
    fixed: bool = False


@dataclass(frozen=True, kw_only=True)
class FlashWay:
    """A way without edgeimg: what is done first, commands, what is done then."""

    before: str
    commands: tuple[str, ...] = ()
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class YoctoPlan:
    """What the yocto builder configures.

    Attributes:
        series, release: the series' name, and what is known of it.
        all_series: all that the layer is for.
        machine: MACHINE.
        repositories: name -> repository; BitBake and oe-core come first.
        base, own: of these, those of every build, and those of the product, its runtime and its
            accelerator.
        needed: and those that our layer cannot do without.
        depends: collections that our layer depends on.
        recipes: our recipes, path in the layer -> folder.
        packages, recommends, image_features: what the image holds beside its base.
        conf: lines of local.conf by section: section -> variable -> value.
        local_conf: the user's own lines, as they are.
        rm_work: what a recipe was built from is removed.
        golden: the expected outputs are a package, for a test on the device.
        artefacts: names in the folder of images, with `*` and `{image}`.
        deploy: where BitBake deploys, below the build folder.
        flash: the ways in which the artefacts come onto the board.
        kernel, cmdline: what QEMU boots the first artefact with; None: it does not.
        maintainer: of the emitted layer, with an address.
    """

    series: str
    release: YoctoSeries
    all_series: tuple[str, ...]
    machine: str
    repositories: Mapping[str, PlannedRepository]
    base: tuple[str, ...]
    own: tuple[str, ...]
    needed: tuple[str, ...]
    depends: tuple[str, ...]
    recipes: Mapping[str, Path]
    packages: tuple[str, ...]
    recommends: tuple[str, ...]
    image_features: tuple[str, ...]
    conf: Mapping[str, YoctoConf]
    local_conf: tuple[str, ...]
    rm_work: bool
    golden: bool
    artefacts: tuple[str, ...]
    deploy: str
    flash: tuple[FlashWay, ...]
    kernel: str | None
    cmdline: str
    maintainer: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every decision about one product.

    Attributes:
        overlay_place, app_place: where the product names them.
        app_source: the app's source, unless it is fetched from `app_git`.
        notes: what the user should know of it, one line each.
    """

    product: str
    summary: str
    manifests: tuple[str, ...]
    board: Board
    architecture: Architecture
    builder: str
    glibc: str
    runtime: PlannedRuntime
    accelerator: PlannedAccelerator | None
    models: tuple[PlannedModel, ...]
    threads: int
    features: tuple[PlannedFeature, ...]
    overlay: Path | None
    overlay_place: str
    app_source: Path
    app_place: str
    app_git: AppGit | None
    data_mib: int
    budgets: Budgets
    debian: DebianPlan | None
    buildroot: BuildrootPlan | None
    yocto: YoctoPlan | None
    shadows: tuple[Shadow, ...]
    notes: tuple[str, ...] = ()
