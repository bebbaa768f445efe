"""run, verify: placeholders until the guest lands."""

import typer


def add_to(app: typer.Typer) -> None: ...
