"""What was read of layers: machines, recipes, and what clashes are found by."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Collection:
    """A layer as BitBake knows it.

    Attributes:
        depends: collections that it needs; their versions are left out.
        series: those that it says it is for.
    """

    name: str
    priority: int
    series: tuple[str, ...]
    depends: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A folder with conf/layer.conf.

    Attributes:
        problem: why it cannot be read.
        missing: files that it includes and that are in no layer before it.
    """

    path: Path
    problem: str | None
    collections: tuple[Collection, ...]
    corenames: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def series(self) -> set[str] | None:
        """The series that it says it is for; None when it says none."""
        said = [set(one.series) for one in self.collections if one.series]
        return set.intersection(*said) if said else None

    @property
    def depends(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self.collections for name in one.depends))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.collections)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A recipe, or an append of one (`%` in its version stands for anything)."""

    path: Path
    name: str
    version: str
    collection: str
    masked: str | None = None
    # Whether its COMPATIBLE_MACHINE holds for the machine; None when it has none.
    compatible: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The kernel's recipe, and what is known of its version."""

    provider: str
    wanted: str
    recipe: Path | None = None
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a conf/machine/NAME.conf says.

    Attributes:
        paths: the files of that name; the first one counts.
        problem: why it cannot be read.
        missing: files that it includes and that are in no layer.
        values: variables, expanded.
        unknown: variables that cannot be expanded, and why.
        layers: those that it is read from.
        deploys: where images come to lie, below the build folder and above images/; None when
            that cannot be told.
    """

    name: str
    paths: tuple[Path, ...]
    problem: str | None = None
    missing: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    kernel: Kernel | None = None
    hints: tuple[Recipe, ...] = ()
    preferred: dict[str, str] = field(default_factory=dict)
    layers: tuple[Path, ...] = ()
    deploys: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All that was read of a stack of layers.

    Attributes:
        problem: why the configuration without a machine cannot be read.
        core: whether oe-core is among the layers.
        found: names of all machines, and where their files lie.
        values, preferred, masks: of the configuration without a machine.
        added: values of it, had local.conf the variables that were asked about.
    """

    layers: tuple[Layer, ...]
    problem: str | None = None
    core: bool = False
    found: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    machines: tuple[Machine, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    appends: tuple[Recipe, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    preferred: dict[str, str] = field(default_factory=dict)
    masks: tuple[str, ...] = ()
