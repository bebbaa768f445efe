"""Machines are read side by side: the same answers, each one's fault its own, and nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.bsp.bspkit import BOARD, core, layer

from edgeimg.bsp.read import find_bitbake, read
from edgeimg.bsp.reading import Reading

# Python that ends its process, or stays deaf to the alarm, in one expression.
EXITS = "__import__('os')._exit(3)"
KILLED = "__import__('os').kill(__import__('os').getpid(), 9)"
FORKS = "__import__('os').fork() and ''"
DEAF = (
    "[__import__('signal').pthread_sigmask(0, [14]), "
    "[__import__('time').sleep(1) for _ in iter(int, 1)]]"
)


def machine(python: str) -> str:
    return f'A := "${{@{python}}}"\n{BOARD}'


@pytest.fixture
def reading(tmp_path: Path) -> Callable[[dict[str, str]], Reading]:
    """Reads a layer with these machines."""

    def of(machines: dict[str, str]) -> Reading:
        files = {f"conf/machine/{name}.conf": text for name, text in machines.items()}
        mine = layer(tmp_path / "meta-many", "many", files)
        return read(find_bitbake(None), [core(tmp_path / "openembedded-core"), mine])

    return of


def test_one_cpu_and_several_read_the_same(reading) -> None:  # type: ignore[no-untyped-def]
    machines = {f"m{number:02}": BOARD + f'UBOOT_MACHINE = "u{number}"\n' for number in range(20)}
    machines["m07"] = 'A = "unclosed\n'
    machines["m08"] = machine(EXITS)
    allowed = os.sched_getaffinity(0)
    several = reading(machines)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        one = reading(machines)
    finally:
        os.sched_setaffinity(0, allowed)
    assert one == several
    assert [found.name for found in one.machines] == sorted(machines)
    assert one.machines[9].values["UBOOT_MACHINE"] == "u9"


def test_each_that_ends_its_process_is_lost_alone(reading) -> None:  # type: ignore[no-untyped-def]
    bad = {f"exits{number}": machine(EXITS) for number in range(6)}
    bad |= {f"killed{number}": machine(KILLED) for number in range(3)}
    good = {f"good{number}": BOARD for number in range(6)} | {"forks": machine(FORKS)}
    found = {one.name: one for one in reading(bad | good).machines}
    assert {found[name].problem for name in good} == {None}
    assert found["exits5"].problem == "ended the reader: status 3"
    assert found["killed2"].problem == "ended the reader: Killed"
    assert set(found) == set(bad) | set(good)


def test_one_that_does_not_hear_the_alarm_is_ended(reading, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("edgeimg.bsp.read.SECONDS", 1)
    found = reading({"deaf": machine(DEAF), "good": BOARD, "next": BOARD})
    problems = {one.name: one.problem for one in found.machines}
    assert problems == {"deaf": "ended the reader: took too long", "good": None, "next": None}


def test_ctrl_c_ends_all_of_them(tmp_path: Path) -> None:
    core(tmp_path / "openembedded-core")
    text = machine(f"open('{tmp_path}/' + str(__import__('os').getpid()) + '.pid', 'w') and {DEAF}")
    layer(tmp_path / "meta-slow", "slow", {f"conf/machine/m{one}.conf": text for one in range(4)})
    command = [Path(sys.executable).parent / "edgeimg", "bsp", "import", "meta-slow"]
    wanted = min(4, len(os.sched_getaffinity(0)))
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None and len(list(tmp_path.glob("*.pid"))) < wanted:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate()
    started = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert process.returncode == 130
    assert len(started) >= wanted
    assert [one for one in started if _runs(one)] == []
    assert not (tmp_path / "boards").exists()


def _runs(process: int) -> bool:
    """Whether it is there, and no zombie that its new parent has yet to collect."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
