"""A new model onto a running guest: kept, refused, taken back, and the power cut in between."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.qemu.conftest import Built, environment
from tests.qemu.kit import Guest, Key, booted, build, new_key

from edgeimg.deploy.keys import SecretKey, public_path
from edgeimg.deploy.keys import new_key as new_deploy_key
from edgeimg.resources import data_root

pytestmark = pytest.mark.qemu

PRODUCT = "version: 1\nname: digits\nboard: qemu-arm64\nmodels: [./digits.yaml]\n"
# Passes the selftest, and does not stay up.
CRASHING = '#!/bin/sh\ncase "$*" in *--selftest*) exec edge-infer "$@" ;; esac\nexit 7\n'
# Stays up, so that it is tried for as long as the image says.
ENDLESS = CRASHING.replace("exit 7", "while :; do sleep 1; done")


@dataclass(frozen=True)
class Device:
    """A built image, how to get in, and what signs."""

    project: Path
    ssh: Key
    key: SecretKey
    key_file: Path
    folder: Path  # of the product whose model is new

    def edgeimg(self, guest: Guest, *words: str | Path) -> subprocess.Popen[str]:
        """`edgeimg deploy` to this guest; its `ssh` gets the options of these tests."""
        ssh = shutil.which("ssh")
        options = f"-F none -o UserKnownHostsFile={self.ssh.hosts} -o HostKeyAlias=device"
        program = self.folder / "bin/ssh"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {ssh} {options} -i {self.ssh.private} "$@"\n')
        program.chmod(0o755)
        env = environment()
        env["PATH"] = f"{program.parent}:{env['PATH']}"
        target = f"ssh://root@127.0.0.1:{guest.ssh_port}"
        return subprocess.Popen(
            [sys.executable, "-m", "edgeimg", "deploy", "--target", target, *map(str, words)],
            cwd=self.folder,
            env=env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def deploy(self, guest: Guest, *words: str | Path) -> tuple[int, dict[str, Any], str]:
        """Its status, its answer, and what it says on standard error."""
        with self.edgeimg(guest, "--output", "json", *words) as process:
            stdout, stderr = process.communicate(timeout=300)
        return process.returncode, json.loads(stdout), stderr

    def call(self, guest: Guest, command: str) -> str:
        done = self.ssh.ssh(guest, command, "-o", "StrictHostKeyChecking=accept-new")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bundle(self, name: str, change: Callable[[dict[str, bytes]], None] = lambda files: None):
        """A signed bundle of the new model, with something in it changed; its path."""
        path = self.folder / name
        words = ["deploy", "--bundle-only", path]
        subprocess.run(
            [sys.executable, "-m", "edgeimg", *words],
            cwd=self.folder,
            env=environment(),
            check=True,
            capture_output=True,
        )
        _repack(path, change)
        text = self.key.sign(path.read_bytes(), "changed")
        path.with_name(f"{name}.minisig").write_text(text)
        return path


def _repack(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with tarfile.open(path) as tar:
        files = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    change(files)
    _name_anew(files)
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name.startswith("app/") else 0o644
            tar.addfile(entry, io.BytesIO(content))


def _name_anew(files: dict[str, bytes]) -> None:
    """Another id, in all places, and the sums."""
    old = files["manifest"].split(b"id ")[1].split()[0]
    new = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16].encode()
    for name, content in files.items():
        if name == "manifest" or name.startswith("config/"):
            files[name] = content.replace(old, new)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    del sums["SHA256SUMS"]
    files["SHA256SUMS"] = "".join(f"{one}  {name}\n" for name, one in sums.items()).encode()


@pytest.fixture(scope="module")
def device(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Device:
    """An image that takes models; the new one is the float model under the same name."""
    folder = tmp_path_factory.mktemp("deploy")
    ssh, key_file = new_key(folder / "ssh"), folder / "product.key"
    key = new_deploy_key(key_file)
    project = build(
        built,
        folder / "image",
        f"  read-only-root: {{}}\n  ssh: {{authorized_keys: ['{ssh.public}']}}\n"
        f"  deploy: {{keys: [{public_path(key_file)}], trial_seconds: 3}}\n",
    )
    new = folder / "new"
    shutil.copytree(data_root() / "models/digits", new)
    text = (new / "digits-float.yaml").read_text()
    text = text.replace("name: digits-float", "name: digits").replace("top_k: 3", "top_k: 1")
    (new / "digits.yaml").write_text(text)
    (new / "edgeimg.yaml").write_text(PRODUCT)
    return Device(project, ssh, key, key_file, new)


@pytest.fixture
def disk(device: Device, tmp_path: Path) -> Path:
    """A card as it was flashed, whose host keys nobody knows."""
    device.ssh.hosts.unlink(missing_ok=True)
    path = tmp_path / "disk.img"
    image = device.project / "build/images/digits.img"
    subprocess.run(["cp", "--sparse=always", image, path], check=True)
    return path


def _up(guest: Guest) -> None:
    guest.until("edgeimg: service digits done")
    guest.until("edgeimg: ssh")
    guest.until(r"edgeimg: network eth0 \S+")


def _runs(guest: Guest) -> str:
    """Which model answered last, by the number of labels that it names."""
    guest.listen(1)
    answers = [line for line in guest.lines if line.startswith('digits: {"frame":"15.pgm"')]
    return {3: "image", 1: "new"}[answers[-1].count('"index"')]


def _slots(device: Device, guest: Guest) -> list[str]:
    return device.call(guest, "ls /data/deploy /data/deploy/slots").split()


def test_deployed_refused_taken_back_and_rolled_back(device: Device, disk: Path) -> None:
    with booted(device.project, disk=disk) as guest:
        _up(guest)
        assert _runs(guest) == "image"
        assert "FITS='digits arm64 litert 2.1.6 cpu'\n" in device.call(
            guest, "cat /etc/edgeimg/image"
        )
        _refused(device, guest, "image")
        status, answer, stderr = device.deploy(guest, "--key", device.key_file)
        assert (status, answer.get("kind")) == (0, "deployed"), stderr
        assert _runs(guest) == "new"
        slots = _slots(device, guest)
        _refused(device, guest, "new")
        _taken_back(device, guest)
        assert _slots(device, guest) == slots
        _cut(device, guest, "try")
    with booted(device.project, disk=disk) as guest:
        _up(guest)
        assert _runs(guest) == "new"
        status, answer, _ = device.deploy(guest, "--rollback")
        assert (status, answer["text"]) == (0, "-")
        guest.until("edgeimg: service digits done", times=2)
        assert _runs(guest) == "image"
        status, answer, _ = device.deploy(guest, "--rollback")
        assert (status, answer["kind"]) == (1, "refused")


def _refused(device: Device, guest: Guest, runs: str) -> None:
    """Each of these is refused with its reason, and changes nothing."""
    starts = len([line for line in guest.lines if "service digits start" in line])
    stranger = device.folder.parent / f"stranger-{runs}.key"
    new_deploy_key(stranger)
    whole = device.bundle("whole.tar")
    cases: list[tuple[Sequence[str | Path], str]] = [
        (("--key", stranger), "none of the image's keys"),
        ((device.bundle("runtime.tar", _other_runtime),), "runtime's version '2.1.5', the image"),
        ((device.bundle("golden.tar", _other_golden),), "the selftest of digits"),
    ]
    if runs == "new":
        cases = cases[:1]
    for words, why in cases:
        status, answer, stderr = device.deploy(guest, *words)
        assert (status, answer.get("kind")) == (1, "refused"), stderr
        assert why in answer["text"]
    _cut_short(device, guest, whole)
    device.call(guest, "dd if=/dev/zero of=/data/fill bs=64k 2>/dev/null; true")
    status, answer, _ = device.deploy(guest, whole)
    assert (status, answer["text"].partition(":")[0]) == (1, "no space")
    device.call(guest, "rm /data/fill")
    assert not {"incoming", "state.new"} & set(_slots(device, guest))
    assert len([line for line in guest.lines if "service digits start" in line]) == starts
    assert _runs(guest) == runs


def _other_runtime(files: dict[str, bytes]) -> None:
    files["manifest"] = files["manifest"].replace(b"2.1.6", b"2.1.5")


def _other_golden(files: dict[str, bytes]) -> None:
    files["golden/digits/default/03.pgm.0.bin"] = bytes(40)


def _endless(files: dict[str, bytes]) -> None:
    files["app/edge-infer"] = ENDLESS.encode()


def _crashing(files: dict[str, bytes]) -> None:
    files["app/edge-infer"] = CRASHING.encode()


def _cut_short(device: Device, guest: Guest, whole: Path) -> None:
    data = whole.read_bytes()
    signature = whole.with_name(f"{whole.name}.minisig").read_text()
    put = shlex.join(["/usr/lib/edgeimg/deploy", "put", str(len(data)), signature])
    said = device.call(guest, f"head -c 20000 /dev/zero | {put}; echo $?")
    assert said.splitlines()[-2:] == [
        f"refused the transfer was cut short: 20000 of {len(data)} bytes",
        "10",
    ]


def _taken_back(device: Device, guest: Guest) -> None:
    status, answer, _ = device.deploy(guest, device.bundle("crashing.tar", _crashing))
    assert (status, answer["kind"]) == (1, "back")
    assert answer["text"].startswith("service digits failed (exit status 7)")
    guest.until("edgeimg: service digits done", times=3)
    assert _runs(guest) == "new"


# What the guest has got to when the power goes.
CUTS = ("unpack", "selftest", "try", "decided")


@pytest.mark.slow
@pytest.mark.boards
def test_the_power_goes_at_any_time(device: Device, disk: Path) -> None:
    found = []
    for cut in (*CUTS, ""):
        with booted(device.project, disk=disk) as guest:
            _up(guest)
            found.append(_runs(guest))
            if not cut:
                break
            device.call(guest, "true")  # the host key is known
            _cut(device, guest, cut)
    # Before the decision the old one, whatever was under way; then the new one.
    assert found == ["image", "image", "image", "image", "new"]


def _cut(device: Device, guest: Guest, cut: str) -> None:
    """Deploys, and cuts the power when the guest has got to there."""
    bundle = device.bundle("cut.tar", _endless if cut == "try" else lambda files: None)
    starts = sum("service digits start" in line for line in guest.lines)
    with device.edgeimg(guest, "--output", "ndjson", bundle) as process:
        assert process.stdout is not None
        if cut == "decided":  # this word is said once what counts is on the medium
            guest.until("edgeimg: deploy: deployed")
        else:
            assert any(json.loads(line).get("name") == cut for line in process.stdout)
            if cut == "try":
                guest.until("edgeimg: service digits start", times=starts + 1)
            else:
                time.sleep(0.3)
        guest.process.kill()
        process.kill()
