"""Tables of any width, hostile text, and a pipe that is closed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from edgeimg.cli.draw import Format, draw_error, plain, table
from edgeimg.errors import UserError

EDGEIMG = [sys.executable, "-m", "edgeimg"]


@pytest.mark.parametrize(
    "words", [("compat",), ("compat", "--board", "imx8mp-evk")], ids=lambda one: one[-1]
)
def test_the_matrix_is_readable_on_80_columns(words: tuple[str, ...]) -> None:
    env = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run([*EDGEIMG, *words], capture_output=True, text=True, check=True, env=env)
    lines = done.stdout.partition("\n\n")[0].splitlines()
    assert max(len(line) for line in lines) <= 80
    where = lines[0].index("builder")
    assert {line[:where].strip() for line in lines[1:]} >= {"", "imx8mp-evk"}  # never cut in two
    assert 0 < done.stdout.count("not yet") == done.stdout.count(" yet")  # nor is a verdict


def test_a_table_in_a_pipe_keeps_paths_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    path = "catalog/accelerators/edgetpu-pcie.yaml:28"
    table("", ["what", "why"], [["short", "word " * 30 + path], ["x", "two\nlines"]])
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 120
    assert any(path in line for line in lines)
    assert lines[-2:] == ["x      two", "       lines"]


def test_text_of_anybody_stays_in_its_line() -> None:
    assert plain("a\nerror: b\tc") == "a error: b c"
    assert plain("C:\\n ü 漢") == "C:\\n ü 漢"
    assert plain("\x1b[31mred\x1b[0m \x1b]0;title\x07x\x9b\u202ey") == "red x\\x9b\\u202ey"


def test_names_have_no_escapes_and_no_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table("", ["name", "n"], [["\x07bell", "1"], ["\x1b[31mred", "2"], ["eïn ☃", "3"]])
    draw_error(UserError("no 'a\nb\x1b]0;title\x07'"), Format.text)
    said = capsys.readouterr()
    assert said.out.splitlines()[1:] == [r"\x07bell  1", "red       2", "eïn ☃     3"]
    assert said.err == "error: no 'a b'\n"


@pytest.mark.parametrize("words", [("compat", "--output", "json"), ("plan", "-b", "qemu-arm64")])
def test_a_reader_that_goes_away_is_no_failure(words: tuple[str, ...], tmp_path: Path) -> None:
    with subprocess.Popen(
        [*EDGEIMG, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 141
    assert "error" not in said and "Traceback" not in said


def on_terminal(code: str, columns: int) -> str:
    """What a program of Python's draws on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**env, "TERM": "xterm"},
    ):
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, 65536):
                said += data
        except OSError:  # the terminal's end
            pass
        os.close(ours)
    return said.decode()


@pytest.mark.parametrize(("columns", "width"), [(40, 39), (0, 79)])
def test_a_line_that_the_next_one_replaces_never_takes_two(columns: int, width: int) -> None:
    code = """if True:
        from edgeimg.cli.draw import Drawer, Format
        from edgeimg.events import Log, Progress
        with Drawer(Format.text) as drawer:
            drawer.report(Log(line="x" * 200))
            drawer.report(Progress(name="app", done=3, total=9, detail="y" * 200))
    """
    said = on_terminal(code, columns)
    lines = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line) for line in said.split("\r")]
    assert [len(line) for line in lines if line] == [width, width], lines
    assert "\x1b[36m━━━━━━━━\x1b[0m─" in said


def test_a_title_is_no_markup() -> None:
    code = "from edgeimg.cli.draw import table; table('a[/b] ssh://[fe80::1]', ['x'], [['1']])"
    assert "\x1b[1ma[/b] ssh://[fe80::1]\x1b[0m\r\n" in on_terminal(code, 80)


def test_a_table_is_whole_on_a_terminal_that_says_no_size() -> None:
    words = [
        "reference",
        "16 of 16 outputs",
        "0 lsb at most",
        "labels right",
        "first answer",
        "of the default kernels",
    ]
    said = on_terminal(f"from edgeimg.cli.draw import table; table('', {words}, [{words}])", 0)
    assert "…" not in said
    assert all(word in said for text in words for word in text.split())
