"""`make record`: verify each board with each runtime, and write down what came out.

The runs go to docs/upstream-runs.md, and the README's table is made from there.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from edgeimg.resources import data_root

RUNS = data_root() / "docs/upstream-runs.md"
README = data_root() / "README.md"
MARKS = ("<!-- support: made from docs/upstream-runs.md -->", "<!-- end of support -->")
COLUMNS = ("date", "board", "builder", "runtime", "model", "boot", "outcome", "outputs", "host")
# (board, model, setting)
MATRIX = (
    ("qemu-arm64", "digits", ""),
    ("qemu-arm64", "digits-float", ""),
    ("qemu-arm64", "digits-onnx", ""),
    ("qemu-x86-64", "digits", ""),
    ("qemu-x86-64", "digits-onnx", ""),
    ("qemu-arm", "digits-onnx", "debian.security_updates=false"),
    ("qemu-riscv64", "digits-onnx", "debian.security_updates=false"),
)
# These need a checkout of Buildroot, named by EDGEIMG_BUILDROOT.
BUILDROOT_MATRIX = (
    ("qemu-arm64", "digits", "buildroot.toolchain=debian"),
    ("qemu-x86-64", "digits", "buildroot.toolchain=debian"),
    ("qemu-arm64", "digits-onnx", "buildroot.toolchain=debian"),
    ("qemu-arm", "digits", "buildroot.toolchain=debian"),
)
CHECKED = "boots, golden checked"


def record(only: str = "") -> None:
    """Runs the matrix on both boot paths and appends one row each.

    Args:
        only: a builder, to run no other.
    """
    runs = [(*one, "debian") for one in MATRIX if only in ("", "debian")]
    if os.environ.get("EDGEIMG_BUILDROOT"):
        runs += [(*one, "buildroot") for one in BUILDROOT_MATRIX if only in ("", "buildroot")]
    with tempfile.TemporaryDirectory() as folder:
        for board, model, setting, builder in runs:
            for boot in ("disk", "kernel"):
                row = _run(Path(folder), board, model, builder, boot, setting)
                print(row, flush=True)
                with RUNS.open("a") as file:
                    file.write(row + "\n")
    README.write_text(_with_table(README.read_text()))


def _run(folder: Path, board: str, model: str, builder: str, boot: str, setting: str) -> str:
    words = ["verify", "--board", board, "--model", model, "--boot", boot, "--output", "json"]
    words += ["--builder", builder, *os.environ.get("EDGEIMG_RECORD", "").split()]
    words += ["--set", setting] if setting else []
    done = subprocess.run(
        [sys.executable, "-m", "edgeimg", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout)
    passed = sum(sample["passed"] for sample in answer["samples"])
    outcome = CHECKED if answer["passed"] else "failed"
    release = platform.freedesktop_os_release()["PRETTY_NAME"].split(" (")[0]
    options = f" ({setting})" if setting else ""
    cells = (
        datetime.date.today().isoformat(),
        board,
        builder,
        answer["runtimes"]["guest"],
        model + options,
        boot,
        outcome,
        f"{passed}/{len(answer['samples'])}",
        f"{release}, QEMU {answer['qemu']}, TCG",
    )
    return f"| {' | '.join(cells)} |"


def runs() -> list[dict[str, str]]:
    """The recorded runs, oldest first."""
    rows = [line for line in RUNS.read_text().splitlines() if re.match(r"\| \d{4}-", line)]
    return [
        dict(zip(COLUMNS, (cell.strip() for cell in row.strip("|").split("|")), strict=True))
        for row in rows
    ]


def table() -> str:
    """Board x builder x runtime x model, from the newest run of each."""
    keys = ("board", "builder", "runtime", "model")
    newest = {(*(run[key] for key in keys), run["boot"]): run for run in runs()}
    lines = [f"| {' | '.join(keys)} | disk boot | kernel boot |", "|---|---|---|---|---|---|"]
    for key in dict.fromkeys(one[:-1] for one in newest):
        of = (newest.get((*key, boot)) for boot in ("disk", "kernel"))
        cells = [f"{run['outcome']}, {run['date']}" if run else "not run" for run in of]
        lines.append(f"| {' | '.join((*key, *cells))} |")
    return "\n".join(lines)


def _with_table(text: str) -> str:
    before, rest = text.split(MARKS[0])
    return f"{before}{MARKS[0]}\n{table()}\n{MARKS[1]}{rest.split(MARKS[1])[1]}"


def readme_is_current() -> bool:
    """Whether the README's table is that of the recorded runs."""
    text = README.read_text()
    return text == _with_table(text)


if __name__ == "__main__":
    record(*sys.argv[1:])
