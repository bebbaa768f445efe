"""BitBake's event log, as real runs of both series wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeimg.builders.yocto.events import EventLog, Failed
from edgeimg.events import Event, Progress, Step

RECORDED = Path(__file__).parent / "recorded" / "yocto"


def _read(name: str) -> tuple[EventLog, list[Event]]:
    events: list[Event] = []
    log = EventLog(path=RECORDED / f"{name}.log", report=events.append)
    log.read()
    return log, events


@pytest.mark.parametrize("series", ["wrynose", "scarthgap"])
def test_a_build_is_counted_to_its_end(series: str) -> None:
    log, events = _read(f"{series}-success")
    assert [one.name for one in events if isinstance(one, Step)] == ["parse", "build"]
    tasks = [one for one in events if isinstance(one, Progress) and one.name == "tasks"]
    assert [one.done for one in tasks] == sorted(one.done for one in tasks)
    assert tasks[-1].done == tasks[-1].total > 50
    assert any("edge-try compile" in one.detail for one in tasks)
    assert (log.failed, log.errors) == ([], [])


def test_what_comes_from_the_shared_state_is_counted() -> None:
    _, events = _read("wrynose-sstate")
    shared = [one for one in events if isinstance(one, Progress) and one.name == "shared state"]
    assert shared
    assert max(one.done for one in shared) <= shared[-1].total


@pytest.mark.parametrize("series", ["wrynose", "scarthgap"])
def test_a_failure_has_its_recipe_task_and_log(series: str) -> None:
    log, _ = _read(f"{series}-failure")
    (failed,) = log.failed
    assert (failed.recipe, failed.task) == ("try-fail", "do_compile")
    assert failed.log is not None
    assert failed.log.name.startswith("log.do_compile.")


def test_what_nobody_provides_is_named() -> None:
    log, _ = _read("wrynose-bad-rdep")
    assert log.errors[0].startswith("nothing RPROVIDES 'no-such-package'")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrynose-bad-machine", "MACHINE=no-such-machine is invalid"),
        ("wrynose-bad-parse", "Could not inherit file classes/no-such-class.bbclass"),
        ("scarthgap-bad-fetch", "Fetcher Error: NetworkAccess"),
    ],
)
def test_errors_are_kept(name: str, words: str) -> None:
    log, _ = _read(name)
    assert any(words in one for one in log.errors)


def test_it_may_be_read_while_it_is_written(tmp_path: Path) -> None:
    whole = (RECORDED / "wrynose-failure.log").read_bytes()
    path, events = tmp_path / "log", list[Event]()
    log = EventLog(path=path, report=events.append)
    log.read()  # it is not there yet
    with path.open("ab", 0) as file:
        for start in range(0, len(whole), 1000):
            file.write(whole[start : start + 1000])
            log.read()
    assert events == _read("wrynose-failure")[1]
    assert [one.recipe for one in log.failed] == ["try-fail"]


def test_nothing_in_it_is_executed(tmp_path: Path) -> None:
    import base64
    import json
    import pickle

    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return open, (str(ran), "w")

    pickled = base64.b64encode(pickle.dumps(Evil())).decode()
    path = tmp_path / "log"
    lines = [{"class": "bb.event.ParseStarted", "vars": pickled}, {"class": 1}, {"vars": "?"}]
    path.write_text("".join(f"{json.dumps(one)}\n" for one in lines) + '{"class": "x", "vars\n\0')
    log = EventLog(path=path, report=lambda _: None)
    log.read()
    assert not ran.exists()
    assert log.failed == list[Failed]()
