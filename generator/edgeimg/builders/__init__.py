"""The build systems: a module each, behind a Protocol, in one dict."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edgeimg.builders import buildroot, debian, yocto
from edgeimg.builders.image import Image
from edgeimg.events import Report
from edgeimg.plan.plan import Plan
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.tree import Tree


class Builder(Protocol):
    """What a build system's module offers."""

    def render(self, plan: Plan, inputs: Inputs) -> Tree:
        """The project, in memory."""

    def contents(self, plan: Plan) -> str:
        """The project's folder whose `etc/` is laid into the image."""

    def build(self, plan: Plan, folder: Path, *, offline: bool, report: Report) -> Image:
        """Builds the emitted project in `folder`."""

    def image(self, plan: Plan, folder: Path) -> Image:
        """What a build in `folder` has made; its files may be missing."""

    def command(self, folder: Path) -> str:
        """What builds the emitted project without edgeimg."""


BUILDERS: dict[str, Builder] = {"buildroot": buildroot, "debian": debian, "yocto": yocto}
