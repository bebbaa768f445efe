"""What others have named cannot move or colour the terminal's text."""

from __future__ import annotations

import pytest

from edgeimg.cli.draw import Format, draw_error, printable, table
from edgeimg.errors import UserError


def test_names_are_shown_with_their_control_characters_written_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table("", ["name", "n"], [["new\nline", "1"], ["\x1b[31mred", "2"], ["eïn ☃", "3"]])
    draw_error(UserError("no 'a\x1b]0;title\x07'"), Format.text)
    said = capsys.readouterr()
    assert said.out.splitlines()[1:] == [
        r"new\nline    1",
        r"\x1b[31mred  2",
        "eïn ☃        3",
    ]
    assert said.err == "error: no 'a\\x1b]0;title\\x07'\n"


def test_text_without_them_is_untouched() -> None:
    assert printable("C:\\n ü 漢") == "C:\\n ü 漢"
