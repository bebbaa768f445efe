"""edgeimg: from a board and a model manifest to a booted image that answers right."""

__version__ = "0.1.0"
