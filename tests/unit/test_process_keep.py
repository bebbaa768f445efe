"""A program that is not trusted says no more than is kept."""

from __future__ import annotations

from edgeimg.process import run


def test_the_end_of_what_it_says_is_kept() -> None:
    script = "head -c 300000 /dev/zero | tr '\\0' x; echo; echo end"
    lines: list[str] = []
    done = run(["sh", "-c", script], keep=1000, on_line=lines.append)
    assert done.stdout.endswith("x\nend\n")
    assert len(done.stdout) <= 2000 + 65536
    assert lines[-1] == "end"
    assert max(map(len, lines)) <= 1000 + 65536
