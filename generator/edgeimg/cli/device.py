"""status, logs: a device that is running, over ssh or its serial console."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, table
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.guest.status import ModelStatus, Status

DEVICE = typer.Option(
    "--target", help="ssh://[user@]host[:port] or serial:///dev/ttyUSB0[?baud=115200]."
)


def add_to(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(logs)


def status(
    target: Annotated[str, DEVICE],
    output: options.Output = Format.text,
) -> None:
    """Show how a device is. Its models' services, latency, temperature, memory, disk, image."""
    from edgeimg.guest.device import open_device
    from edgeimg.guest.status import ask_status

    with Drawer(output) as drawer:
        found = ask_status(open_device(target))
    if output is Format.text:
        table(f"{found.host or target}", ["what", "value"], _facts(found))
        columns = ["model", "state", "restarts", "rate", "p50", "p99", "of the last"]
        table("", columns, [_row(model) for model in found.models])
    drawer.result(found.to_json())


def _facts(found: Status) -> list[list[str]]:
    image = found.image or {}
    rows = [
        [
            "image",
            " ".join(image.get(key, "") for key in ("product", "board", "id")).strip() or "-",
        ],
        ["deployed", found.deployed or "-"],
        ["system", found.system or "-"],
        ["kernel", f"{found.kernel or '-'} {found.machine or ''}".strip()],
        ["up", "-" if found.uptime_seconds is None else _duration(found.uptime_seconds)],
        ["load", "-" if found.load is None else " ".join(f"{one:.2f}" for one in found.load)],
        ["memory", _of(found.memory_available_kib, found.memory_kib)],
    ]
    rows += [[f"disk {one.mount}", _of(one.available_kib, one.total_kib)] for one in found.disks]
    rows += [[f"temperature {zone}", f"{celsius:.1f} °C"] for zone, celsius in found.temperatures]
    if not found.temperatures:
        rows.append(["temperature", "-"])
    for policy, now, most in found.frequencies:
        limit = "" if most is None else f" of {most:.0f}"
        rows.append([f"frequency CPU {policy}", f"{now:.0f}{limit} MHz"])
    if not found.frequencies:
        rows.append(["frequency", "-"])
    return rows


def _of(available: int | None, total: int | None) -> str:
    if available is None or total is None:
        return "-"
    return f"{available / 1024:.1f} MiB free of {total / 1024:.1f}"


def _duration(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    first = next((i for i, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2])


def _row(model: ModelStatus) -> list[str]:
    window = model.window
    state = model.state or "-"
    span = "-"
    if window is not None:
        span = f"{window.lines} line{'' if window.lines == 1 else 's'}"
        span += "" if window.seconds is None else f", {_duration(window.seconds)}"
    return [
        model.name,
        f"{state}: {model.why}" if model.why else state,
        "-" if model.restarts is None else str(model.restarts),
        "-" if model.rate is None else f"{model.rate:.3g}/s",
        _milliseconds(model.p50_ms),
        _milliseconds(model.p99_ms),
        span,
    ]


def _milliseconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"


def logs(
    target: Annotated[str, DEVICE],
    model: Annotated[str, typer.Option("--model", "-m", help="Of this model alone.")] = "",
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=100_000, help="How many of the last.")
    ] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on as they come; over ssh only.")
    ] = False,
    output: options.Output = Format.text,
) -> None:
    """Show what the models' services said. Their answers and their errors."""
    from edgeimg.guest.device import open_device
    from edgeimg.guest.logs import follow_logs, last_logs

    device = open_device(target)
    if follow:
        if output is Format.json:
            raise UserError("--output json would never end", hint="Take ndjson.")
        try:
            follow_logs(device, model, lines, lambda line: _print_line(line, output))
        except KeyboardInterrupt:  # which is how it ends
            sys.exit(130)
        return
    found = last_logs(device, model, lines)
    if output is Format.text:
        print("".join(f"{line}\n" for line in found), end="")
    Drawer(output).result({"target": str(device), "lines": found})


def _print_line(line: str, output: Format) -> None:
    text = line if output is Format.text else json.dumps({"event": "log", "line": line})
    print(text, flush=True)
