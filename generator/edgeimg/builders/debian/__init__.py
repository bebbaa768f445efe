"""The debian builder: Debian packages, composed without root."""

from edgeimg.builders.debian.drive import build, command, image
from edgeimg.builders.debian.render import render

__all__ = ["build", "command", "image", "render"]
