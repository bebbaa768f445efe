"""Host interpreters: the guest's own runtime, run here by its Python package.

A host is one module of this package, chosen by the name that the runtime's
catalogue entry gives as `host`. It has:

- `PACKAGE`: the Python package, as pip calls it;
- `MODES`: the kernel modes that it can run;
- `open_model(model, inputs, outputs, mode, threads)`: the model, loaded, as a `Session`.

`open_model` runs native code on files that came from anywhere, so it is only called in
a process of its own (`edgeimg.prepare.hosts.child`).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import struct
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgeimg.errors import InternalError, UserError
from edgeimg.model.info import TensorInfo, written
from edgeimg.prepare.modules import load_module
from edgeimg.process import run

WALL_SECONDS = 600.0
CPU_SECONDS = 600


class HostModule(Protocol):
    """What a module of this package offers."""

    PACKAGE: str
    MODES: tuple[str, ...]

    def open_model(
        self,
        model: Path,
        inputs: Sequence[Mapping[str, Any]],
        outputs: Sequence[Mapping[str, Any]],
        mode: str,
        threads: int,
    ) -> Session:
        """The model, loaded; tensors are `{"name", "type", "shape"}`."""


class Session(Protocol):
    """A loaded model; what was fed last stays in its inputs."""

    def feed(self, frame: bytes) -> None:
        """Takes all inputs, one after the other, little-endian."""

    def invoke(self) -> None:
        """Runs the model once."""

    def outputs(self) -> list[bytes]:
        """The bytes of each output of the last run."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """A model as a host runs it.

    Attributes:
        sha256: what the file must hold.
        mode: `reference` or `default` kernels.
    """

    path: Path
    sha256: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    mode: str = "default"
    threads: int = 1

    def to_json(self) -> dict[str, Any]:
        """As the child process reads it."""
        return {
            "path": str(self.path.absolute()),
            "sha256": self.sha256,
            "inputs": [_as_json(tensor) for tensor in self.inputs],
            "outputs": [_as_json(tensor) for tensor in self.outputs],
            "mode": self.mode,
            "threads": self.threads,
        }


@dataclass(frozen=True, kw_only=True)
class Times:
    """What was measured of one model, in milliseconds.

    Attributes:
        first_ms: the first inference.
        times_ms: the others, after a few that warm it up.
    """

    load_ms: float
    first_ms: float
    times_ms: tuple[float, ...]

    def percentile(self, percent: int) -> float:
        """The time that so many percent do not exceed (nearest rank), as the app has it."""
        ordered = sorted(self.times_ms)
        return ordered[max(1, -(-len(ordered) * percent // 100)) - 1]


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host interpreter that is installed here."""

    name: str
    package: str
    version: str
    modes: tuple[str, ...]

    def run(
        self,
        model: Path,
        sha256: str,
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
        frames: Sequence[bytes],
        mode: str,
    ) -> list[list[bytes]]:
        """The raw outputs of each frame, in the order of `outputs`.

        Args:
            model: the model file.
            sha256: what it must hold.
            frames: each all inputs, one after the other, little-endian.
            mode: `reference` or `default` kernels.

        Raises:
            UserError: the interpreter does not take the model, or has no such mode.
            InternalError: it crashed, or took too long.
        """
        self.check(mode)
        loaded = Load(
            path=model, sha256=sha256, inputs=tuple(inputs), outputs=tuple(outputs), mode=mode
        )
        _, flat = self._ask([loaded], frames)
        width = len(outputs)
        return [flat[start : start + width] for start in range(0, len(flat), width)]

    def bench(
        self, models: Sequence[Load], frames: Sequence[bytes], *, iterations: int, seconds: float
    ) -> tuple[tuple[Times, ...], int]:
        """Times of models that take turns in one process, each on its own frame.

        Args:
            iterations: of each model; fewer, but some, when `seconds` are over.

        Returns:
            The times, and how much memory in KiB the process grew by for all of them.

        Raises:
            UserError, InternalError: as `run`.
        """
        for model in models:
            self.check(model.mode)
        told, _ = self._ask(models, frames, {"iterations": iterations, "seconds": seconds})
        times = tuple(
            Times(load_ms=run["load_ms"], first_ms=run["first_ms"], times_ms=tuple(run["times_ms"]))
            for run in told["runs"]
        )
        return times, int(told["memory_kib"])

    def check(self, mode: str) -> None:
        """Raises UserError when it has no such kernels."""
        if mode not in self.modes:
            raise UserError(
                f"the host interpreter {self.name} has no {mode} kernels",
                hint=f"It has: {', '.join(self.modes)}.",
            )

    def _ask(
        self, models: Sequence[Load], frames: Sequence[bytes], more: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], list[bytes]]:
        """What the child process answers."""
        with tempfile.TemporaryDirectory(prefix="edgeimg-host-") as folder:
            request, answer = Path(folder, "request"), Path(folder, "answer")
            header = {
                "host": self.name,
                "models": [model.to_json() for model in models],
                "cpu_seconds": CPU_SECONDS,
                **(more or {}),
            }
            request.write_bytes(pack(header, frames))
            _run_child(self, models[0].path, request, answer)
            told, flat = unpack(answer.read_bytes())
        if "error" in told:
            from edgeimg.manifest.load import shown

            raise UserError(
                f"{self.package} {self.version} does not run the model: {told['error']}",
                place=shown(models[0].path),
            )
        return told, flat


def find_host(name: str, *, wanted: str | None) -> Host:
    """The host interpreter of that name.

    Args:
        name: a module of this package.
        wanted: the version that the guest runs; None takes what is installed.

    Raises:
        UserError: there is none, or it is not installed in that version.
    """
    module = load(name)
    version = f"=={wanted}" if wanted else ""
    hint = f"Install it: pip install '{module.PACKAGE}{version}'."
    try:
        found = importlib.metadata.version(module.PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"the golden outputs need the Python package {module.PACKAGE}", hint=hint
        ) from None
    if wanted and found != wanted:
        raise UserError(
            f"the guest runs {module.PACKAGE} {wanted} and this machine has {found}: "
            "their answers may differ",
            hint=hint,
        )
    return Host(name=name, package=module.PACKAGE, version=found, modes=tuple(module.MODES))


def load(name: str) -> HostModule:
    """The module of a host; importing it imports no native code.

    Raises:
        UserError: there is no such module.
    """
    module: HostModule = load_module(__name__, name, "host interpreter")
    return module


def check_shapes(outputs: Sequence[Mapping[str, Any]], found: Sequence[Sequence[int]]) -> None:
    """Holds the shapes of what came out against the planned ones.

    Raises:
        ValueError: they are others.
    """
    wrong = [
        f"output '{tensor['name']}' came out as {written(shape)}, and {written(tensor['shape'])} "
        "is planned"
        for tensor, shape in zip(outputs, found, strict=True)
        if list(shape) != list(tensor["shape"])
    ]
    if wrong:
        advice = "if that is so for all samples, give it as the output's `shape` in the manifest"
        raise ValueError(f"{'; '.join(wrong)}: {advice}")


def pack(header: Mapping[str, Any], parts: Sequence[bytes]) -> bytes:
    """A header and byte strings, in one."""
    text = json.dumps({**header, "sizes": [len(part) for part in parts]}).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def unpack(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """The inverse of `pack`."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    position = 8 + length
    parts = []
    for size in header.pop("sizes"):
        parts.append(data[position : position + size])
        position += size
    return header, parts


def _as_json(tensor: TensorInfo) -> dict[str, Any]:
    return {"name": tensor.name, "type": tensor.type, "shape": list(tensor.shape)}


def _run_child(host: Host, model: Path, request: Path, answer: Path) -> None:
    import edgeimg

    source = str(Path(edgeimg.__file__).resolve().parents[1])
    paths = [source, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    arguments: list[str | Path] = [sys.executable, "-P", "-m", f"{__name__}.child", request, answer]
    try:
        run(
            arguments,
            cwd=request.parent,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            timeout=WALL_SECONDS,
        )
    except InternalError as crash:
        raise InternalError(
            f"{host.package} {host.version} did not survive the model: {crash.message}",
            place=str(model),
            hint="Check the model file, or the sample's size.",
        ) from crash
