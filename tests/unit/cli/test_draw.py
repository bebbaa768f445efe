"""What others have named cannot move or colour the terminal's text."""

from __future__ import annotations

import pytest

from edgeimg.cli.draw import Format, draw_error, plain, table
from edgeimg.errors import UserError


def test_names_have_no_escapes_and_no_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table("", ["name", "n"], [["\x07bell", "1"], ["\x1b[31mred", "2"], ["eïn ☃", "3"]])
    draw_error(UserError("no 'a\nb\x1b]0;title\x07'"), Format.text)
    said = capsys.readouterr()
    assert said.out.splitlines()[1:] == [r"\x07bell  1", "red       2", "eïn ☃     3"]
    assert said.err == "error: no 'a b'\n"


def test_text_without_them_is_untouched() -> None:
    assert plain("C:\\n ü 漢") == "C:\\n ü 漢"
