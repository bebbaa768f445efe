"""The command line: parse, call the steps, draw. The only place that exits."""

from __future__ import annotations

import os
import sys

import typer

from edgeimg.cli import build, inspect, plan, project, verify
from edgeimg.cli.draw import Format, draw_error
from edgeimg.errors import EdgeimgError, InternalError

app = typer.Typer(
    name="edgeimg",
    help="From a board and a model manifest to a Linux image that boots, runs the model, "
    "and proves it by golden outputs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from edgeimg import __version__

        print(f"edgeimg {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(
        False, "--debug", envvar="EDGEIMG_DEBUG", help="Show the traceback of an error."
    ),
) -> None:
    if debug:
        os.environ["EDGEIMG_DEBUG"] = "1"


plan.add_to(app)
build.add_to(app)
verify.add_to(app)
project.add_to(app)
inspect.add_to(app)


def _format(arguments: list[str]) -> Format:
    """The answer's format, for errors that come before or beside the parsing."""
    for index, word in enumerate(arguments):
        value = word.partition("=")[2] if "=" in word else "".join(arguments[index + 1 : index + 2])
        if word.split("=")[0] == "--output" and value in Format.__members__:
            return Format(value)
    return Format.text


def main() -> None:
    """Entry point. Exit status: 0 done, 2 the user's, 1 ours, 130 interrupted."""
    try:
        app()
    except EdgeimgError as error:
        if os.environ.get("EDGEIMG_DEBUG"):
            raise
        draw_error(error, _format(sys.argv[1:]))
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        print("interrupted; the next run goes on from here", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if os.environ.get("EDGEIMG_DEBUG"):
            raise
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        hint = "This is a defect of edgeimg. Run it again with `edgeimg --debug` and report it."
        draw_error(InternalError(text, hint=hint), _format(sys.argv[1:]))
        sys.exit(1)
