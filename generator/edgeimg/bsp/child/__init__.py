"""Reads layers with BitBake's own parser: `python -m edgeimg.bsp.child`, a program of its own."""
