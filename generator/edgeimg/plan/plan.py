"""The plan: every decision made, nothing fetched or written yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeimg.catalog.search import Shadow
from edgeimg.catalog.types import Architecture, DebianDistribution, Repository
from edgeimg.manifest.board import Board
from edgeimg.manifest.model import ImageInput, Tolerance
from edgeimg.manifest.product import Budgets, Option
from edgeimg.model.info import ModelInfo, TensorInfo


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

    @property
    def image_folder(self) -> str:
        return f"/usr/share/edge-infer/{self.name}"

    @property
    def image_file(self) -> str:
        return f"{self.image_folder}/model.{self.info.format}"

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
class PlannedRuntime:
    """The runtime and where its library comes from: a wheel, or packages."""

    name: str
    adapter: str
    version: str
    license: str
    homepage: str
    kernel_modes: tuple[str, ...]
    host: str
    host_package: str
    library: str
    include: str
    wheel: WheelRequest | None
    packages: tuple[str, ...]
    sysroot: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlannedFeature:
    """A feature with all its options, defaults filled in.

    `texts` are files made of `files` options: option name -> content.
    """

    name: str
    options: Mapping[str, Option]
    texts: Mapping[str, str]
    folder: Path | None
    ports: tuple[int, ...]
    packages: tuple[str, ...]


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
class Plan:
    """Every decision about one product."""

    product: str
    summary: str
    manifests: tuple[str, ...]
    board: Board
    architecture: Architecture
    builder: str
    runtime: PlannedRuntime
    models: tuple[PlannedModel, ...]
    threads: int
    features: tuple[PlannedFeature, ...]
    overlay: Path | None
    app_source: Path
    data_mib: int
    budgets: Budgets
    debian: DebianPlan
    shadows: tuple[Shadow, ...]
