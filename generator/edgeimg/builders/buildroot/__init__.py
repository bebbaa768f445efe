"""The buildroot builder: an external tree for Buildroot, and its build."""

from edgeimg.builders.buildroot.drive import build
from edgeimg.builders.buildroot.render import render

__all__ = ["build", "render"]
