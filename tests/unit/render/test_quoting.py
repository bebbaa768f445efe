"""Hostile text stays text, shown by each format's real parser."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeimg.render.environment import bitbake_value, make_value, shell_value, yaml_value

HOSTILE = [
    "$(shell touch ran)",
    "${shell touch ran}",
    "`touch ran`",
    "$(touch ran)",
    "a # b",
    "a \\# b",
    "ends with \\",
    "ends with a blank ",
    "'; touch ran; '",
    '"; touch ran; "',
    "${@os.system('touch ran')}",
    "%d %n &amp; <b>",
    "Grüße, 数字 🙂",
    "a=b:c,d",
    "!history *?[a]",
]

printable = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60)


def _make_prints(text: str, folder: Path) -> str:
    makefile = folder / "Makefile"
    makefile.write_text(f"X := {make_value(text)}\nexport X\nall:\n\t@printf '%s' \"$$X\"\n")
    done = subprocess.run(["make", "-s"], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode()


def _shell_prints(text: str, folder: Path) -> str:
    script = folder / "script"
    script.write_text(f"X={shell_value(text)}\nprintf '%s' \"$X\"\n")
    done = subprocess.run(["sh", "script"], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_reaches_make_as_text(text: str, tmp_path: Path) -> None:
    assert _make_prints(text, tmp_path) == text
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_reaches_the_shell_as_text(text: str, tmp_path: Path) -> None:
    assert _shell_prints(text, tmp_path) == text
    assert not (tmp_path / "ran").exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(printable)
def test_any_line_reaches_make_as_it_is(tmp_path: Path, text: str) -> None:
    text = text.strip()
    assert _make_prints(text, tmp_path) == text


def test_make_has_no_quoting_for_a_line_break() -> None:
    with pytest.raises(ValueError, match="line break"):
        make_value("a\nb")


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ("${TOPDIR}/x", '"${TOPDIR}/x"'),
        ("${FOO:append}", '"${FOO:append}"'),
        ("${@os.system('x')}", "\"$ {@os.system('x')}\""),
        ("$${FOO}", '"$ ${FOO}"'),
        ("$$${@x}", '"$$ $ {@x}"'),
        ('say "hi"', "'say \"hi\"'"),
    ],
)
def test_what_bitbake_expands_it_does_not_execute(text: str, quoted: str) -> None:
    assert bitbake_value(text, references=True) == quoted


@pytest.mark.parametrize("text", ["on", "null", "2.18", ".5", "-1", "@x", "a: b # c", "", " x"])
def test_yaml_reads_back_the_text(text: str) -> None:
    assert yaml.safe_load(yaml_value(text)) == text
