"""Reports for a browser: one HTML file that needs nothing else."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from edgeimg.resources import data

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(data("templates") / "html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
    )


def page(template: str, title: str, **context: Any) -> str:
    """Renders `templates/html/<template>.html.j2`, which extends `page.html.j2`."""
    return _environment().get_template(f"{template}.html.j2").render(title=title, **context)
