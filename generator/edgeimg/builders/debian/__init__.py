"""The debian builder: Debian packages, composed without root."""

from edgeimg.builders.debian.drive import build, command, image
from edgeimg.builders.debian.render import contents, render

__all__ = ["build", "command", "contents", "image", "render"]
