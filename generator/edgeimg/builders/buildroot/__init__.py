"""The buildroot builder: an external tree for Buildroot, and its build."""

from edgeimg.builders.buildroot.drive import build, command, configure, image
from edgeimg.builders.buildroot.menu import open_menu
from edgeimg.builders.buildroot.render import contents, render

__all__ = ["build", "command", "configure", "contents", "image", "open_menu", "render"]
