"""`python -m tests.bench.deploy`: a model of 4 MB onto a QEMU guest that has booted."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.qemu.conftest import Built
from tests.qemu.kit import Guest, booted, build, new_key
from tests.qemu.test_deploy import PRODUCT, Device

from edgeimg.deploy.keys import new_key as new_deploy_key
from edgeimg.resources import data_root

MODEL_BYTES = 4_000_000
TIMES = 5


def seconds(project: Path, folder: Path) -> float:
    """From the start of `edgeimg deploy BUNDLE` to its end, selftest and trial included.

    Args:
        project: a built project of qemu-arm64 to begin with.
        folder: where to work.
    """
    folder.mkdir(exist_ok=True)
    ssh, key_file = new_key(folder / "ssh"), folder / "product.key"
    key = new_deploy_key(key_file)
    features = f"  read-only-root: {{}}\n  ssh: {{authorized_keys: ['{ssh.public}']}}\n"
    features += f"  deploy: {{keys: [{key.public}]}}\ndata_mib: 64\n"
    image = build(Built(folder=project, project=project), folder / "image", features)
    new = folder / "new"
    shutil.copytree(data_root() / "models/digits", new)
    lines = (new / "digits.yaml").read_text().splitlines(keepends=True)
    (new / "digits.yaml").write_text("".join(one for one in lines if not one.startswith("sha256")))
    (new / "edgeimg.yaml").write_text(PRODUCT)
    device = Device(image, ssh, key, key_file, new)
    with booted(image) as guest:
        guest.until("edgeimg: service digits done")
        guest.until("edgeimg: ssh")
        guest.until(r"edgeimg: network eth0 \S+")
        device.call(guest, "true")
        return statistics.median(_each(device, guest))


def _each(device: Device, guest: Guest) -> Iterator[float]:
    model = device.folder / "digits_int8.tflite"
    whole = model.read_bytes()
    for _ in range(TIMES):
        # Nothing that could be taken for the same, or be made small.
        model.write_bytes(whole + os.urandom(MODEL_BYTES - len(whole)))
        status, answer, stderr = device.deploy(guest, device.bundle("new.tar"))
        if status:
            sys.exit(f"{answer} {stderr}")
        yield float(answer["seconds"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(f"{seconds(Path(sys.argv[1]), Path(name)):.2f} s")
