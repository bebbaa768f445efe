"""The debian builder: Debian packages, composed without root."""

from edgeimg.builders.debian.drive import build
from edgeimg.builders.debian.render import render

__all__ = ["build", "render"]
