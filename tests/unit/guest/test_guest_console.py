"""The serial console: noise in, clean lines out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgeimg.guest.console import MAX_LINE, Console, clean


def test_escapes_and_carriage_returns_go() -> None:
    assert clean("\x1b[2J\x1b[01;01H\x1b[=3hUEFI\x1b[0m firmware\r\r") == "UEFI firmware"
    assert clean("\x1b]0;title\x07text\x1b(B\x1b7") == "text"
    assert clean("loading 10%\rloading 100%\r") == "loading 100%"
    assert clean("a\x00b\x07c\td") == "abc\td"


def test_lines_come_with_their_time() -> None:
    console = Console()
    assert console.feed(b"one\r\ntw", 1.0) != []
    assert console.feed(b"o\r\n", 2.5)[0].text == "two"
    assert [line.seconds for line in console.lines] == [1.0, 2.5]
    assert console.tail(1) == ("   2.50 two",)


def test_markers() -> None:
    console = Console()
    console.feed(b"digits: loading\nsome text edgeimg: init\r\n", 1.0)
    assert console.userspace_seconds == 1.0
    assert console.first_inference_seconds is None
    console.feed(b'digits-2: {"frame":"00.pgm"}\nedgeimg: init\n', 2.0)
    assert console.userspace_seconds == 1.0
    assert console.first_inference_seconds == 2.0
    assert not console.ended
    console.feed(b"edgeimg: verify digits default\n", 2.5)
    assert console.doing == "digits default"
    console.feed(b"x: {edgeimg: verify digits default, 3 answered\nedgeimg: verify end\n", 3.0)
    assert console.doing == "digits default, 3 answered"
    assert console.ended


def test_a_character_split_between_two_reads() -> None:
    console = Console()
    console.feed("caf\u00e9\n".encode()[:4], 1.0)
    assert console.feed("caf\u00e9\n".encode()[4:], 1.1)[0].text == "caf\u00e9"
    assert console.feed(b"\xff\xfe\n", 1.2)[0].text == "\ufffd\ufffd"


def test_a_line_without_end_is_cut() -> None:
    console = Console()
    console.feed(b"x" * (3 * MAX_LINE), 1.0)
    assert len(console.lines) == 2
    console.feed(b"", 2.0, final=True)
    assert sum(len(line.text) for line in console.lines) == 3 * MAX_LINE


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_make_printable_lines(data: bytes, step: int) -> None:
    console = Console()
    for start in range(0, len(data), step):
        console.feed(data[start : start + step], 0.0)
    console.feed(b"", 0.0, final=True)
    for line in console.lines:
        assert "\n" not in line.text
        assert all(ord(c) >= 32 or c == "\t" for c in line.text)
