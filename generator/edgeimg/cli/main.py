"""The command line: parse, call the steps, draw. The only place that exits."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from types import FrameType

import typer

from edgeimg.cli import (
    bsp,
    build,
    compat,
    deploy,
    device,
    flash,
    inspect,
    menuconfig,
    plan,
    project,
    shell,
    verify,
)
from edgeimg.cli.draw import Format, answer_errors, draw_error, plain
from edgeimg.errors import EdgeimgError, InternalError, Stopped, UserError

app = typer.Typer(
    name="edgeimg",
    help="From a board and a model manifest to a Linux image that boots, runs the model, "
    "and proves it by golden outputs.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


INTERRUPTED = 130  # as the parser makes it


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


project.add_first_to(app)
plan.add_to(app)
compat.add_to(app)
build.add_to(app)
verify.add_to(app)
flash.add_to(app)
device.add_to(app)
deploy.add_to(app)
menuconfig.add_to(app)
shell.add_to(app)
project.add_to(app)
inspect.add_to(app)
bsp.add_to(app)


def _format(arguments: list[str]) -> Format:
    """The answer's format, for errors that come before or beside the parsing."""
    for index, word in enumerate(arguments):
        value = word.partition("=")[2] if "=" in word else "".join(arguments[index + 1 : index + 2])
        if word.split("=")[0] == "--output" and value in Format.__members__:
            return Format(value)
    return Format.text


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Once: the next would interrupt the ending.
    signal.signal(number, lambda number, frame: None)
    raise KeyboardInterrupt


def _run() -> int:
    """Parses and calls; what comes out as an exception has one line and a status."""
    try:
        # Not standalone: a wrong option is an error like any other, also in JSON.
        status = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as ending:
        # The parser makes a status 1 of a closed pipe, which is no failure.
        if isinstance(ending.__context__, BrokenPipeError):
            raise ending.__context__ from None
        raise
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    sys.stdout.flush()
    return status if isinstance(status, int) else 0


def _shown_error(error: Exception) -> EdgeimgError:
    """Any exception as one that is shown as a line."""
    if isinstance(error, EdgeimgError):
        return error
    if isinstance(error, OSError):
        if isinstance(error, FileNotFoundError) and error.filename is None:  # of getcwd
            return UserError("the folder that this runs in is gone", hint="Change to another.")
        text = error.strerror or str(error)
        place = error.filename or ("the output" if error.errno == errno.ENOSPC else "")
        hint = "Make room, and run it again." if error.errno == errno.ENOSPC else ""
        return UserError(f"{text[:1].lower()}{text[1:]}", place=str(place), hint=hint)
    if isinstance(error, UnicodeEncodeError):
        return UserError("the terminal's encoding cannot show this", hint="Set LANG=C.UTF-8.")
    if hasattr(error, "format_message"):  # the parser's
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "edgeimg"
        return UserError(str(error.format_message()), hint=f"Try `{command} --help`.")
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    hint = "This is a defect of edgeimg. Run it again with `edgeimg --debug` and report it."
    return InternalError(text, hint=hint)


def main() -> None:
    """Exit status: 0 done, 2 the user's, 1 ours. What interrupts goes on to the caller."""
    # What is driven must end with us, also when a CI job's time is up or a terminal is closed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _interrupt)
    if sys.stdout is None or sys.stderr is None:  # closed by the caller
        sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115
        sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    try:
        sys.exit(_run())
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            answer_errors([Stopped("interrupted")], _format(sys.argv[1:]))
        raise
    except Exception as error:
        if os.environ.get("EDGEIMG_DEBUG"):
            raise
        shown = _shown_error(error)
        with contextlib.suppress(OSError):
            for note in getattr(error, "__notes__", ()):  # such as a log's last lines
                print(
                    "".join(f"  | {plain(line)}\n" for line in note.splitlines()),
                    file=sys.stderr,
                    end="",
                )
            draw_error(shown, _format(sys.argv[1:]))
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            # What could not be written must not be tried again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(shown.exit_status)
