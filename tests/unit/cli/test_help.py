"""What a newcomer asks first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeimg import __main__ as entry

Edgeimg = Callable[..., Any]


@pytest.mark.parametrize("command", [(), ("model",), ("bsp",)])
def test_the_list_of_commands_is_not_cut(
    edgeimg: Edgeimg, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = edgeimg(*command, "--help").stdout.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


def test_a_wrong_option_points_to_the_command_that_has_it_not(edgeimg: Edgeimg) -> None:
    assert edgeimg("status").stderr == (
        "error: Missing option '--target'. Try `edgeimg status --help`.\n"
    )


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    said = subprocess.run(
        [
            "sh",
            "-c",
            'cd "$1" && rmdir "$1" && exec "$2" -m edgeimg check',
            "",
            gone,
            sys.executable,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stderr == "error: the folder that this runs in is gone. Change to another.\n"
    assert said.returncode == 2


def test_an_interrupt_while_it_starts_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "edgeimg.cli.main":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "edgeimg.cli.main", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the tests' own stay as they are
    with pytest.raises(SystemExit) as end:
        entry.main()
    assert end.value.code == 130
