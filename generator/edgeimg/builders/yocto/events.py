"""BitBake's event log: how far a build is, and why it failed.

`bitbake --write-log` writes a line of JSON for each event: its class, and the event pickled.
Nothing of what is pickled is ever called: every class is a bag of attributes.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeimg.events import Progress, Report, Step

SHOWN_LINES = 30


class _Bag:
    """Stands for any class: takes what it is made with, keeps the attributes."""

    def __new__(cls, *_: object, **__: object) -> _Bag:
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple):
            state = state[0]
        if isinstance(state, dict):
            self.__dict__.update(state)

    # What the pickle of a list, a dict or a set of a class of its own calls.
    def append(self, _: object) -> None: ...

    def extend(self, _: object) -> None: ...

    def __setitem__(self, _: object, __: object) -> None: ...


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        return type(name, (_Bag,), {"__module__": module})


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A task that failed: where its log is."""

    recipe: str
    task: str
    log: Path | None


@dataclass(kw_only=True)
class EventLog:
    """Reads the log while BitBake writes it.

    Attributes:
        path: the log.
        report: where progress goes.
        failed: the tasks that failed, the first one first.
        errors: what BitBake said of errors.
    """

    path: Path
    report: Report
    failed: list[Failed] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _offset: int = 0
    _rest: bytes = b""
    _parse_total: int = 0
    _running: dict[str, str] = field(default_factory=dict)
    _logs: dict[tuple[str, str], Path] = field(default_factory=dict)

    def read(self) -> None:
        """Takes in what was written since."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                got = file.read()
        except OSError:
            return
        self._offset += len(got)
        *lines, self._rest = (self._rest + got).split(b"\n")
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        if not line.startswith(b'{"class"'):
            return  # all of BitBake's variables, in one line
        try:
            event = json.loads(line)
            name = str(event["class"])
            if taker := TAKERS.get(name.rpartition(".")[2]):
                taker(self, _Reader(io.BytesIO(base64.b64decode(event["vars"]))).load())
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, pickle.PickleError):
            return  # of another version: a build does not hang on its progress

    def _parse(self, event: Any) -> None:
        self._parse_total = int(event.total)
        self.report(Step(name="parse", detail=f"{event.total} recipes"))

    def _parsed(self, event: Any) -> None:
        self.report(Progress(name="parse", done=int(event.current), total=self._parse_total))

    def _build(self, _: Any) -> None:
        self.report(Step(name="build"))

    def _failed_task(self, event: Any) -> None:
        self._end(event)
        recipe, _, task = str(event.taskstring).rpartition(":")
        name = _recipe(recipe)
        if not any((one.recipe, one.task) == (name, task) for one in self.failed):
            self.failed.append(Failed(recipe=name, task=task, log=self._logs.get((name, task))))

    def _log_of(self, event: Any) -> None:
        self._logs[_recipe(str(event.taskfile)), str(event.taskname)] = Path(str(event.logfile))

    def _no_provider(self, event: Any) -> None:
        runtime = "RPROVIDES" if getattr(event, "_runtime", False) else "PROVIDES"
        text = f"nothing {runtime} '{getattr(event, '_item', '?')}'"
        dependees = getattr(event, "_dependees", None)
        if isinstance(dependees, list) and dependees:
            text += f", which {', '.join(map(str, dependees[:3]))} needs"
        self.errors.append(text)

    def _command(self, event: Any) -> None:
        if error := getattr(event, "error", None):
            self.errors.append(str(error))

    def _record(self, event: Any) -> None:
        if int(getattr(event, "levelno", 0)) >= 40:  # logging.ERROR
            arguments = getattr(event, "args", None)
            text = str(getattr(event, "msg", ""))
            with suppress(TypeError, ValueError, KeyError):
                text = text % arguments if arguments else text
            self.errors.append(text.strip())

    def _begin(self, event: Any) -> None:
        recipe, _, task = str(event.taskstring).rpartition(":")
        self._running[str(event.taskstring)] = f"{_recipe(recipe)} {task.removeprefix('do_')}"
        self._show(event)

    def _end(self, event: Any) -> None:
        self._running.pop(str(event.taskstring), None)
        self._show(event)

    def _show(self, event: Any) -> None:
        stats = event.stats
        if type(event).__name__.startswith("scene"):
            name = "shared state"
            done = stats.setscene_covered + stats.setscene_notcovered
            total = stats.setscene_total
        else:
            name, done, total = "tasks", stats.completed + stats.failed, stats.total
        detail = ", ".join(list(self._running.values())[:4])
        self.report(Progress(name=name, done=int(done), total=int(total), detail=detail))


# By the event's class. A setscene task that fails is built instead.
TAKERS: dict[str, Callable[[EventLog, Any], None]] = {
    "BuildStarted": EventLog._build,
    "CommandFailed": EventLog._command,
    "LogRecord": EventLog._record,
    "NoProvider": EventLog._no_provider,
    "ParseProgress": EventLog._parsed,
    "ParseStarted": EventLog._parse,
    "TaskFailed": EventLog._log_of,
    "runQueueTaskCompleted": EventLog._end,
    "runQueueTaskFailed": EventLog._failed_task,
    "runQueueTaskStarted": EventLog._begin,
    "sceneQueueTaskCompleted": EventLog._end,
    "sceneQueueTaskFailed": EventLog._end,
    "sceneQueueTaskStarted": EventLog._begin,
}


def _recipe(path: str) -> str:
    """The recipe's name, out of its path: `virtual:native:/x/zlib_1.3.bb` -> `zlib-native`."""
    *kinds, file = path.split(":")
    name = Path(file).name.removesuffix(".bb").split("_")[0]
    return f"{name}-native" if "native" in kinds else name


def last_lines(log: Path) -> list[str]:
    """The last lines of a task's log."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, SHOWN_LINES)]
    except OSError:
        return []
