"""A device in a folder: real shells run the real scripts, an `ssh` leads there, an app plays."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.unit.verify.kit import ANSWERS, SAMPLES

SHELLS = ("sh", "busybox")

# Everything but the connection is as on a device: `sh -c` with what was asked, and its input.
# /etc, /run and /usr/share of the device lie in the folder; by a path, busybox takes no applet.
SSH = """#!/bin/sh
echo "$@" >>{folder}/ssh.args
[ ! -e {folder}/ssh.says ] || {{ cat {folder}/ssh.says >&2; exit 255; }}
for last; do :; done
export PATH={folder}/bin:$PATH
sed -u 's|/etc/edge|{folder}/etc/edge|g; s|/run/edgeimg|{folder}/run/edgeimg|g
	s|/data/deploy|{folder}/data/deploy|g; s|find /usr/share|{folder}/bin/find-there /usr/share|' |
	sh -c "$last" {cut}
{end}
"""
FIND = """#!/bin/sh
from={folder}$1
shift
{find} "$from" "$@" | sed 's|  {folder}|  |'
"""
APP = """#!/bin/sh
while [ $# -gt 0 ]; do
	case $1 in
	--input) input=$2 ;;
	--raw-output) raw=$2 ;;
	--kernels) mode=$2 ;;
	esac
	shift
done
[ ! -e {folder}/app.says ] || {{ cat {folder}/app.says >&2; exit 2; }}
case $input in
*/samples) cp {folder}/answers/* "$raw/" ;;
*) cp {folder}/answers/a.pgm.0.bin "$raw/${{input##*/}}.0.bin" ;;
esac
echo '{{"frame":"a.pgm","outputs":[{{"name":"scores","top":[{{"index":1}}]}}],"ms":0.5}}'
"""


class Sandbox:
    """The device's folder; `ssh` in PATH leads there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, shell: str = "sh") -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"needs {shell}")
        self.folder = folder / "device"
        share = self.folder / "usr/share/edge-infer/toy"
        for path in ("bin", "etc/edge-infer", "etc/edgeimg", "answers", "run/edgeimg"):
            (self.folder / path).mkdir(parents=True)
        (share / "samples").mkdir(parents=True)
        (share / "model.tflite").write_bytes(b"model")
        for name in SAMPLES:
            (share / "samples" / name).write_bytes(name.encode())
            (self.folder / "answers" / f"{name}.0.bin").write_bytes(ANSWERS[name])
        (self.folder / "etc/edge-infer/toy.json").write_text("{}")
        find = shutil.which("find") if shell == "sh" else f"{shell} find"
        self.program("find-there", FIND.format(folder=self.folder, find=find))
        self.program("edge-infer", APP.format(folder=self.folder))
        if shell != "sh":
            self.program("sh", f'#!/bin/sh\nexec {shell} sh "$@"\n')
        self.here = folder / "here"
        self.here.mkdir()
        self.connect()
        monkeypatch.setenv("PATH", str(self.here), prepend=os.pathsep)

    def program(self, name: str, text: str) -> None:
        """A program of the device."""
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def connect(self, cut: str = "", end: str = "") -> None:
        """How ssh gets there: `cut` is laid behind the output, `end` is what it then does."""
        path = self.here / "ssh"
        path.write_text(SSH.format(folder=self.folder, cut=cut, end=end))
        path.chmod(0o755)

    def refuse(self, said: str) -> None:
        """ssh does not get there."""
        (self.folder / "ssh.says").write_text(said)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def asked(self) -> list[str]:
        """What ssh was called with, the last time."""
        return shlex.split((self.folder / "ssh.args").read_text().splitlines()[-1])


def json_lines(count: int, ms: float) -> list[str]:
    """What the app says of so many frames."""
    frames = [{"frame": f"{i}.pgm", "outputs": [], "ms": ms} for i in range(count)]
    return [json.dumps(frame, separators=(",", ":")) for frame in frames]
