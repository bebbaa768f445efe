"""What a device is and does: its own words, checked, as numbers and names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from edgeimg.guest.console import clean
from edgeimg.guest.device import Device, refusal, shipped_script

TIMEOUT = 60.0
LINES = 200
LIMIT = 4 << 20  # bytes
SHORTEST = 2.0  # seconds; a log with times in whole seconds says nothing of less
MAX_TEXT = 200
# The app's exit status (docs/design.md).
WHY = {
    1: "its output cannot be written",
    2: "its configuration or model is refused",
    3: "a frame was broken",
    5: "the camera cannot be used",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = re.compile(r"([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)")


@dataclass(frozen=True, kw_only=True)
class Window:
    """The last lines of a model's log, from the first of them until now.

    Attributes:
        seconds: None when the log's times cannot be read.
    """

    lines: int
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class ModelStatus:
    """One model's service.

    Attributes:
        state: `running`, `done` (it came to the end of what it reads), `failed` (and is started
            again after a while), `stopped`; None when nothing says so.
        why: it failed.
        restarts: since boot; only systemd counts them.
        window: what rate and latency are of; None without a log of answers.
        rate: inferences in a second; only of a running model.
        p50_ms, p99_ms: of one frame, as the app measures it.
    """

    name: str
    state: str | None
    why: str | None
    restarts: int | None
    window: Window | None
    rate: float | None
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A file system."""

    mount: str
    total_kib: int
    used_kib: int
    available_kib: int


@dataclass(frozen=True, kw_only=True)
class Status:
    """What is not there is None, or an empty list.

    Attributes:
        image: the product, board and ID of /etc/edgeimg/image.
        deployed: the id of what `edgeimg deploy` put in place of the image's models.
        temperatures: by thermal zone, in degrees Celsius.
        frequencies: by cpufreq policy: now and at most, in MHz.
    """

    target: str
    host: str | None
    kernel: str | None
    machine: str | None
    system: str | None
    image: dict[str, str] | None
    deployed: str | None
    uptime_seconds: float | None
    load: tuple[float, ...] | None
    memory_kib: int | None
    memory_available_kib: int | None
    disks: tuple[Disk, ...]
    temperatures: tuple[tuple[str, float], ...]
    frequencies: tuple[tuple[str, float, float | None], ...]
    models: tuple[ModelStatus, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it as what JSON can hold."""
        whole = asdict(self)
        whole["temperatures"] = [{"zone": z, "celsius": c} for z, c in self.temperatures]
        whole["frequencies"] = [
            {"policy": name, "mhz": now, "max_mhz": most} for name, now, most in self.frequencies
        ]
        return whole


def ask_status(device: Device) -> Status:
    """Ask a device.

    Raises:
        UserError: there is no way to it, or it has no shell tools.
        GuestError: the way broke in between.
    """
    script = shipped_script("status")
    answer = device.run(script, [str(LINES)], timeout=TIMEOUT, limit=LIMIT)
    if answer.status:
        raise refusal(answer, "the device does not say how it is", device)
    return read_status(answer.stdout.decode("utf-8", "replace"), str(device))


def read_status(text: str, target: str) -> Status:
    """The facts of one answer; what is not as it should be is left out."""
    facts = _Facts(text)
    first = facts.first
    image = _assignments(facts.all("image"))
    memory = {name: _whole(value.strip()) for name, value in facts.pairs("memory")}
    load = [value for word in facts.words("load") if (value := _number(word)) is not None]
    return Status(
        target=target,
        host=first("host"),
        kernel=first("kernel"),
        machine=first("machine"),
        system=_assignments(facts.all("os-release")).get("PRETTY_NAME"),
        image={key.lower(): image[key] for key in ("PRODUCT", "BOARD", "ID") if key in image}
        or None,
        deployed=first("deployed"),
        uptime_seconds=_number(first("uptime")),
        load=tuple(load) if len(load) == 3 else None,
        memory_kib=memory.get("MemTotal:"),
        memory_available_kib=memory.get("MemAvailable:"),
        disks=tuple(_disks(facts)),
        temperatures=tuple(_temperatures(facts)),
        frequencies=tuple(_frequencies(facts)),
        models=tuple(_model(name, facts) for (name, *_) in facts.all("model")),
    )


class _Facts:
    """Lines of words between tabs, by their first word."""

    def __init__(self, text: str) -> None:
        self._found: dict[str, list[tuple[str, ...]]] = {}
        for line in text.split("\n"):
            name, *words = (clean(word)[:MAX_TEXT] for word in line.split("\t"))
            if words:
                self._found.setdefault(name, []).append(tuple(words))

    def all(self, name: str) -> Sequence[tuple[str, ...]]:
        return self._found.get(name, [])

    def words(self, name: str) -> tuple[str, ...]:
        return next(iter(self.all(name)), ())

    def first(self, name: str) -> str | None:
        return next(iter(self.words(name)), "") or None

    def pairs(self, name: str) -> Iterator[tuple[str, str]]:
        for words in self.all(name):
            if len(words) == 2:
                yield words[0], words[1]

    def of(self, name: str, model: str) -> list[tuple[str, ...]]:
        """The facts of one model."""
        return [words[1:] for words in self.all(name) if words[0] == model]


def _number(text: str | None) -> float | None:
    """Of a device: finite and not negative, or None."""
    if text is None or not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{0,9})?", text):
        return None
    return float(text)


def _whole(text: str) -> int | None:
    found = re.fullmatch(r"([0-9]{1,15})(?: kB)?", text)
    return int(found[1]) if found else None


def _assignments(lines: Sequence[tuple[str, ...]]) -> dict[str, str]:
    """Of shell assignments, with quotes or without."""
    found = {}
    for line, *_ in lines:
        key, mark, value = line.partition("=")
        if mark:
            found[key] = value.strip("\"'")
    return found


def _disks(facts: _Facts) -> Iterator[Disk]:
    for words in facts.all("disk"):
        sizes = [_whole(word) for word in words[1:]]
        if len(sizes) == 3 and None not in sizes:
            total, used, available = (size or 0 for size in sizes)
            yield Disk(mount=words[0], total_kib=total, used_kib=used, available_kib=available)


def _temperatures(facts: _Facts) -> Iterator[tuple[str, float]]:
    for zone, value in facts.pairs("temperature"):
        if re.fullmatch(r"-?[0-9]{1,7}", value):
            yield zone, int(value) / 1000


def _frequencies(facts: _Facts) -> Iterator[tuple[str, float, float | None]]:
    for words in facts.all("frequency"):
        now = _number(words[1]) if len(words) == 3 else None
        if now is not None:
            most = _number(words[2])
            yield words[0], now / 1000, None if most is None else most / 1000


def _model(name: str, facts: _Facts) -> ModelStatus:
    unit = dict(words[0].partition("=")[::2] for words in facts.of("unit", name) if words)
    if unit:
        state, code = _of_systemd(unit)
    else:
        code = _whole(next((words[0] for words in facts.of("exit", name) if words), ""))
        state = _of_busybox(bool(facts.of("running", name)), code)
    why = None
    if state == "failed" and code is not None:
        why = WHY.get(code, f"exit status {code}")
    lines = [words for words in facts.of("ms", name) if len(words) == 2]
    times = sorted(value for _, ms in lines if (value := _number(ms)) is not None)
    window = None
    if times:
        window = Window(lines=len(times), seconds=_span(lines[0][0], facts))
    seconds = window.seconds if window else None
    rate = None
    if state == "running" and seconds is not None and seconds >= SHORTEST:
        rate = len(times) / seconds
    return ModelStatus(
        name=name,
        state=state,
        why=why,
        restarts=_whole(unit.get("NRestarts", "")),
        window=window,
        rate=rate,
        p50_ms=_percentile(times, 50),
        p99_ms=_percentile(times, 99),
    )


def _of_systemd(unit: dict[str, str]) -> tuple[str | None, int | None]:
    code = _whole(unit.get("ExecMainStatus", ""))
    active, sub = unit.get("ActiveState", ""), unit.get("SubState", "")
    if active == "active":
        return "running", code
    if sub == "auto-restart" or active == "failed":
        return "failed", code
    if active == "activating":
        return "running", code
    if active in ("inactive", "deactivating"):
        ended = _whole(unit.get("ExecMainExitTimestampMonotonic", "")) or 0
        return ("done" if ended and code == 0 else "stopped"), code
    return None, code


def _of_busybox(running: bool, code: int | None) -> str | None:
    if running:
        return "running"
    if code is None:
        return None
    return "done" if code == 0 else "failed"


def _span(first: str, facts: _Facts) -> float | None:
    """Seconds from a line of the log until the device's now."""
    now = facts.words("now")
    if len(now) != 2:
        return None
    unix = _number(first.split(" ")[0])
    if unix is not None:
        clock = _number(now[0])
        seconds = None if clock is None else clock + 1 - unix
    else:
        begin, end = _clock(first), _clock(now[1])
        seconds = None if begin is None or end is None else (end - begin).total_seconds() + 1
    uptime = _number(next(iter(facts.words("uptime")), None))
    # The clock was set in between, or a year ended.
    if seconds is None or seconds < 0 or (uptime is not None and seconds > uptime + 2):
        return None
    return seconds


def _clock(text: str) -> datetime | None:
    """Of syslog's time, which has no year."""
    found = _CLOCK.fullmatch(text)
    if found is None or found[1] not in _MONTHS:
        return None
    day, hour, minute, second = (int(part) for part in found.groups()[1:])
    try:
        return datetime(2000, _MONTHS.index(found[1]) + 1, day, hour, minute, second)
    except ValueError:
        return None


def _percentile(values: Sequence[float], percent: int) -> float | None:
    """The nearest rank of sorted values."""
    if not values:
        return None
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]
