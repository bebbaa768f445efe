"""A small plan, its goldens, the guest's stream, and a QEMU that plays a part."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from edgeimg.guest.machine import Artefacts
from edgeimg.manifest.board import Qemu, QemuBoot
from edgeimg.manifest.model import Tolerance
from edgeimg.model.info import ModelInfo, Quantization, TensorInfo
from edgeimg.plan.plan import Plan, PlannedInput, PlannedModel, PlannedOutput, PlannedSample
from edgeimg.prepare.golden import Golden, GoldenSample

MODES = ("reference", "default")
SAMPLES = ("a.pgm", "b with space.pgm")
LABELS = ("zero", "one", "two")
ANSWERS = {"a.pgm": bytes([10, 100, 20]), "b with space.pgm": bytes([90, 10, 50])}
SCORES = TensorInfo(
    name="scores",
    type="int8",
    shape=(1, 3),
    quantization=Quantization(scale=0.25, zero_point=0),
)
SHARE = "/usr/share/edge-infer/toy"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def output(kind: str = "int8", *, quantized: bool = True, top_k: int = 1) -> PlannedOutput:
    quantization = Quantization(scale=0.25, zero_point=0) if quantized else None
    tensor = TensorInfo(name="scores", type=kind, shape=(1, 3), quantization=quantization)
    return PlannedOutput(tensor=tensor, softmax=False, top_k=top_k, labels=())


def toy_plan(folder: Path, qemu: Qemu | None = None) -> Plan:
    """One model `toy` with two samples; only what verify looks at is real."""
    info = ModelInfo(
        format="tflite",
        sha256=sha256(b"model"),
        size=5,
        inputs=(SCORES,),
        outputs=(SCORES,),
        operators=(),
        macs=0,
        peak_live_bytes=0,
        parameters=0,
    )
    model = PlannedModel(
        name="toy",
        summary="",
        license="MIT",
        manifest=folder / "toy.yaml",
        path=folder / "toy.tflite",
        info=info,
        inputs=(PlannedInput(tensor=SCORES, image=None),),
        outputs=(PlannedOutput(tensor=SCORES, softmax=False, top_k=2, labels=tuple(LABELS)),),
        samples=tuple(
            PlannedSample(name=name, path=folder / name, sha256=sha256(name.encode()), label="one")
            for name in SAMPLES
        ),
        tolerance=Tolerance(),
    )
    return cast(
        Plan,
        SimpleNamespace(
            product="toy",
            board=SimpleNamespace(name="bench", machine=qemu),
            models=(model,),
            runtime=SimpleNamespace(name="rt", version="1.0", kernel_modes=MODES),
        ),
    )


def toy_goldens() -> tuple[Golden, ...]:
    answers = {"a.pgm": "one", "b with space.pgm": "zero"}
    return tuple(
        Golden(
            model="toy",
            runtime="rt",
            version="1.0",
            guest_version="1.0",
            mode=mode,
            cpu="a cpu",
            samples=tuple(
                GoldenSample(name=name, label="one", answer=answers[name], outputs=(ANSWERS[name],))
                for name in SAMPLES
            ),
        )
        for mode in MODES
    )


@dataclass
class Stream:
    """What a guest sends; change it, then take `data()`."""

    inputs: dict[str, str] = field(default_factory=dict)
    status: int = 0
    stderr: bytes = b""
    raw: dict[tuple[str, str], bytes] = field(default_factory=dict)
    end: bytes | None = b"0\n"

    def __post_init__(self) -> None:
        self.inputs = {f"{SHARE}/model.tflite": sha256(b"model")}
        self.inputs |= {f"{SHARE}/samples/{name}": sha256(name.encode()) for name in SAMPLES}
        self.raw = {(mode, name): ANSWERS[name] for mode in MODES for name in SAMPLES}

    def entries(self) -> dict[str, bytes]:
        lines = [f"{digest}  {path}\n" for path, digest in sorted(self.inputs.items())]
        entries = {"INPUTS.sha256": "".join(lines).encode()}
        for mode in MODES:
            entries[f"toy/{mode}/status"] = f"{self.status}\n".encode()
            entries[f"toy/{mode}/stderr"] = self.stderr
            entries[f"toy/{mode}/out.jsonl"] = b'{"frame":"a.pgm"}\n'
            for (of, name), data in self.raw.items():
                if of == mode:
                    entries[f"toy/{mode}/raw/{name}.0.bin"] = data
        entries["SHA256SUMS"] = sums(entries)
        if self.end is not None:
            entries["END"] = self.end
        return entries

    def data(self) -> bytes:
        return tar(self.entries())


def sums(entries: Mapping[str, bytes]) -> bytes:
    return "".join(f"{sha256(data)}  {name}\n" for name, data in entries.items()).encode()


def tar(entries: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


GOOD_CONSOLE = (
    "UEFI firmware\r\n",
    "\x1b[2J\x1b[01;01HEFI stub: Booting\r\n",
    "edgeimg: init\r\n",
    "edgeimg: service toy start\r\n",
    'toy: {"frame":"a.pgm"}\r\n',
    "edgeimg: verify toy reference\r\n",
    "edgeimg: verify toy default\r\n",
    "edgeimg: verify end\r\n",
)

_PLAYER = """#!{python}
import json, os, pathlib, signal, sys, time
part = json.loads(pathlib.Path(__file__).with_suffix(".json").read_text())
if "--version" in sys.argv:
    print(part["version"])
    sys.exit()
pathlib.Path(__file__).with_suffix(".args").write_text(json.dumps(sys.argv[1:]))
pathlib.Path(__file__).with_suffix(".pid").write_text(str(os.getpid()))
for text in part["console"]:
    sys.stdout.buffer.write(text.encode("latin-1"))
    sys.stdout.flush()
    time.sleep(part["pause"])
for word in sys.argv:
    if word.startswith("file,id=edgeimg-verify,path=") and part["stream"]:
        target = word.split("path=", 1)[1].replace(",,", ",")
        pathlib.Path(target).write_bytes(pathlib.Path(part["stream"]).read_bytes())
sys.stderr.write(part["stderr"])
sys.stderr.flush()
time.sleep(part["sleep"])
if part["kill"]:
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(part["status"])
"""


class FakeQemu:
    """A program that plays a recorded guest. Recorded: QEMU 7.2.22, `--version` and the
    console of an arm64 image booted through EDK2."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "qemu-system-fake"
        self.program.write_text(_PLAYER.format(python=sys.executable))
        self.program.chmod(0o755)
        self.folder = folder
        (folder / "disk,1.img").write_bytes(b"disk")
        (folder / "kernel").write_bytes(b"kernel")
        (folder / "initrd").write_bytes(b"initrd")
        self.artefacts = Artefacts(
            image=folder / "disk,1.img",
            kernel=folder / "kernel",
            initrd=folder / "initrd",
            cmdline="console=ttyAMA0 {kernel}",
        )
        self.play()

    def play(
        self,
        console: Sequence[str] = GOOD_CONSOLE,
        stream: bytes | None = None,
        **more: Any,
    ) -> None:
        """Set the part: console, stream, and `pause`, `stderr`, `sleep`, `status`, `kill`."""
        name = ""
        if stream is not None:
            (self.folder / "stream.tar").write_bytes(stream)
            name = str(self.folder / "stream.tar")
        part = {
            "version": "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)",
            "console": list(console),
            "stream": name,
            "pause": 0,
            "stderr": "",
            "sleep": 0,
            "status": 0,
            "kill": False,
        }
        self.program.with_suffix(".json").write_text(json.dumps(part | more))

    def board(self, **more: Any) -> Qemu:
        fields: dict[str, Any] = {
            "program": str(self.program),
            "args": ("-M", "virt", "-cpu", "cortex-a53"),
            "disk": ("-device", "nvme,drive=disk,serial=edgeimg"),
            "boot": QemuBoot(
                disk=("-bios", str(self.folder / "kernel")),
                kernel=("-kernel", "{kernel}", "-initrd", "{initrd}", "-append", "{cmdline}"),
            ),
            "serial_bus": "virtio-serial-pci",
            "network": "virtio-net-pci",
        }
        return Qemu(**(fields | more))

    def args(self) -> list[str]:
        return list(json.loads(self.program.with_suffix(".args").read_text()))

    def pid(self) -> int:
        return int(self.program.with_suffix(".pid").read_text())


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)
