"""Programs are started without a shell, and ended with all that they started."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from edgeimg import process
from edgeimg.errors import InternalError, UserError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> bool:
    for _ in range(100):
        if not running(pid):
            return True
        time.sleep(0.05)
    return False


def test_the_streams_and_the_status() -> None:
    code = "import sys; print(sys.stdin.read()); print('two', file=sys.stderr); sys.exit(3)"
    done = process.run(python(code), input="one", check=False)
    assert (done.status, done.stdout, done.stderr) == (3, "one\n", "two\n")


def test_nothing_is_expanded(tmp_path: Path) -> None:
    done = process.run(["printf", "%s", "$HOME *;`id`"], cwd=tmp_path)
    assert done.stdout == "$HOME *;`id`"


def test_a_missing_program_is_named() -> None:
    with pytest.raises(UserError, match=r"^the program 'no-such-program' is missing\. Install it"):
        process.run(["no-such-program"])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a folder"):
        process.run(["true"], cwd=tmp_path / "nope")


def test_a_file_that_may_not_be_executed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(UserError, match="Permission denied"):
        process.run([tmp_path / "x"])


@pytest.mark.parametrize("kind", [UserError, InternalError])
def test_a_failure_shows_the_last_lines(kind: type[UserError] | type[InternalError]) -> None:
    code = "import sys; [print(n, file=sys.stderr) for n in range(100)]; sys.exit(7)"
    with pytest.raises(kind) as caught:
        process.run(python(code), error=kind)
    assert "failed with status 7:\n92\n" in str(caught.value)
    assert str(caught.value).endswith("\n99")


def test_a_signal_is_named() -> None:
    with pytest.raises(InternalError, match="was ended by SIGKILL"):
        process.run(python("import os; os.kill(os.getpid(), 9)"))


def test_lines_come_as_they_are_written() -> None:
    seen: list[tuple[str, float]] = []
    code = "import time; print('a', flush=True); time.sleep(0.5); print('b\\nc', end='')"
    process.run(python(code), on_line=lambda line: seen.append((line, time.monotonic())))
    assert [line for line, _ in seen] == ["a", "b", "c"]
    assert seen[1][1] - seen[0][1] > 0.3


def test_much_output_and_much_input_do_not_block() -> None:
    text = "x" * 3_000_000
    done = process.run(["cat"], input=text)
    assert done.stdout == text


def test_broken_utf8_is_replaced() -> None:
    done = process.run(python("import os; os.write(1, b'a\\xffb')"))
    assert done.stdout == "a\N{REPLACEMENT CHARACTER}b"


def test_the_environment_is_what_was_given() -> None:
    done = process.run([sys.executable, "-c", "import os; print(os.environ['A'])"], env={"A": "1"})
    assert done.stdout == "1\n"


# The program starts a child that does not listen to TERM.
STUBBORN = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True);"
    "time.sleep(60)"], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    seen: list[str] = []
    start = time.monotonic()
    with pytest.raises(InternalError, match="took longer than 2 seconds"):
        process.run(python(STUBBORN), timeout=2, on_line=seen.append)
    assert time.monotonic() - start < 10
    assert wait_until_gone(int(seen[0]))


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError])
def test_an_exception_ends_the_whole_group(problem: type[BaseException]) -> None:
    seen: list[str] = []

    def on_line(line: str) -> None:
        seen.append(line)
        raise problem

    with pytest.raises(problem):
        process.run(python(STUBBORN), on_line=on_line)
    assert wait_until_gone(int(seen[0]))


def test_a_program_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.3)
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
    start = time.monotonic()
    with pytest.raises(InternalError, match="took longer"):
        process.run(python(f"{code}; time.sleep(60)"), timeout=1)
    assert time.monotonic() - start < 5


def test_a_child_that_was_left_behind_does_not_hold_us() -> None:
    start = time.monotonic()
    done = process.run(["sh", "-c", "sleep 60 & echo $!"])
    assert time.monotonic() - start < 5
    assert wait_until_gone(int(done.stdout))


def test_spawn_runs_beside_us_and_ends_with_the_block() -> None:
    with process.spawn(["sleep", "60"]) as program:
        assert program.poll() is None
        assert os.getpgid(program.pid) == program.pid
    assert program.returncode == -15
