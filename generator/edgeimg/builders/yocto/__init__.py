"""The yocto builder: a layer with a kas file, and its build."""

from edgeimg.builders.yocto.artefacts import image
from edgeimg.builders.yocto.drive import build, command, dry_run, shell
from edgeimg.builders.yocto.render import contents, render

__all__ = ["build", "command", "contents", "dry_run", "image", "render", "shell"]
