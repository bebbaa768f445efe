"""Our recipes really built, packaged and checked; what came out answers rightly in QEMU.

The sources of minisign and the header of ONNX Runtime are downloaded by BitBake, or lie in the
folder that the environment variable DL_DIR names.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.qemu.conftest import environment
from tests.qemu.kit import Guest, Key, device, new_key
from tests.unit.render.bitbake_stub.kit import Project, emit
from tests.upstream.yocto.kit import (
    HERE,
    WORK,
    Build,
    Checkouts,
    downloads,
    findings,
    give_away,
    masked,
)

from edgeimg.deploy.keys import new_key as new_deploy_key
from edgeimg.deploy.keys import public_path
from edgeimg.resources import data, data_root

pytestmark = [pytest.mark.upstream, pytest.mark.slow]

MODELS = {"litert": "digits", "onnxruntime": "digits-onnx"}
# The package of each, and its files.
LIBRARIES = {
    "litert": ("litert-prebuilt", {"usr/lib/libLiteRt.so"}),
    "onnxruntime": (
        "libonnxruntime1",
        {"usr/lib/libonnxruntime.so.1", "usr/lib/libonnxruntime.so.1.28.0"},
    ),
}
MINISIGN = "minisign_0.12.orig.tar.gz"
HEADER = "onnxruntime_c_api-1.21.0.h"
APP = {
    "etc/edgeimg/verify.conf",
    "usr/bin/edge-infer",
    "usr/lib/edgeimg/features",
    "usr/lib/edgeimg/lines.awk",
    "usr/lib/edgeimg/service",
    "usr/lib/edgeimg/verify",
    "usr/lib/systemd/system-generators/edgeimg",
    "usr/lib/systemd/system/edge-infer@.service",
    "usr/lib/systemd/system/edgeimg-features.service",
    "usr/lib/systemd/system/multi-user.target.d/edgeimg.conf",
}
DEPLOY = {
    "etc/edgeimg/deploy.conf",
    "etc/edgeimg/keys",
    "usr/lib/edgeimg/deploy",
    "usr/lib/edgeimg/deployed",
}
# What of these packages is for systemd and an image's own settings, not for Debian's image.
NOT_OVERLAID = ("etc/edgeimg", "usr/lib/edgeimg", "usr/lib/systemd")


@dataclass(frozen=True, kw_only=True)
class Made:
    """A build, and what it said."""

    project: Project
    build: Build
    status: int
    said: str

    def unpack(self, package: str, into: Path) -> set[str]:
        """Unpacks a package; the files in `into`, as paths."""
        (deb,) = [one for one in self.build.packages if one.name.split("_")[0] == package]
        subprocess.run(["dpkg-deb", "-x", deb, into], check=True)
        return {
            path.relative_to(into).as_posix()
            for path in into.rglob("*")
            if path.is_symlink() or path.is_file()
        }


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Who may log in, and who may sign what is deployed."""

    ssh: Key
    signer: Path

    @property
    def features(self) -> dict[str, Any]:
        signer = public_path(self.signer).read_text().splitlines()[1]
        return {
            "deploy": {"keys": [signer], "trial_seconds": 3},
            "ssh": {"authorized_keys": [self.ssh.public]},
        }


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    new_deploy_key(folder / "product.key")
    return Keys(ssh=new_key(folder / "ssh"), signer=folder / "product.key")


@pytest.fixture(scope="module", params=MODELS)
def made(request: pytest.FixtureRequest, yocto: Checkouts, session_cache: Path, keys: Keys) -> Made:
    """One of the runtimes, built."""
    runtime = request.param
    folder = WORK / yocto.series / "projects" / f"masked-{runtime}"
    project = emit(
        folder,
        session_cache,
        name="digits",
        board="qemu-arm64",
        models=[MODELS[runtime]],
        packages=["edge-model-golden"],
        features=keys.features,
        yocto={"series": yocto.series, "golden": True},
    )
    give_away(project.folder)
    recipe = f"{runtime}-prebuilt"
    sources = {"minisign": MINISIGN, **({recipe: HEADER} if runtime == "onnxruntime" else {})}
    downloads(project, *sources.values())
    build = masked("masked", yocto, project)
    for name, file in sources.items():
        if not (WORK / "downloads" / file).exists():
            fetched = build.run("bitbake", "-c", "fetch", name, network=True)
            if fetched.returncode:
                pytest.skip(f"{file} is not in DL_DIR and cannot be downloaded")
    ours = ("edge-model-golden", "edge-ssh-keys", "edge-deploy")
    done = build.run("bitbake", "packagegroup-edgeimg", recipe, *ours)
    return Made(project=project, build=build, status=done.returncode, said=done.stdout)


def test_bitbake_has_nothing_to_say(made: Made) -> None:
    assert made.status == 0, made.said
    assert findings(made.said) == []


def test_packages_hold_what_they_should(made: Made, tmp_path: Path) -> None:
    library, files = LIBRARIES[made.project.plan.runtime.name]
    (model,) = made.project.plan.models
    assert made.unpack("edge-infer", tmp_path / "app") == APP
    assert made.unpack(library, tmp_path / "runtime") == files
    assert made.unpack("edge-ssh-keys", tmp_path / "keys") == {"root/.ssh/authorized_keys"}
    assert made.unpack("edge-deploy", tmp_path / "deploy") == DEPLOY
    assert made.unpack("minisign", tmp_path / "minisign") == {"usr/bin/minisign"}
    samples = {f"usr/share/edge-infer/{model.name}/samples/{n:02}.pgm" for n in range(16)}
    files = made.unpack("edge-model", tmp_path / "model")
    assert samples | {f"etc/edge-infer/{model.name}.json"} < files
    assert model.image_file.removeprefix("/") in files
    answers = made.unpack("edge-model-golden", tmp_path / "golden")
    modes = {path.split("/")[4] for path in answers}
    assert len(answers) == len(modes) * (len(samples) + 1)


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """A stand-in for Yocto's root with all files of the packages, and a product that boots it."""

    folder: Path
    words: list[str | Path]


@pytest.fixture(scope="module")
def standin(made: Made, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    """The board's way to boot is the shipped one, but for an initrd that Debian's kernel needs."""
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        pytest.skip("a root file system of Debian's is made by mmdebstrap, as root")
    folder = tmp_path_factory.mktemp("standin")
    runtime = made.project.plan.runtime.name
    wanted = {"edge-infer", "edge-model", LIBRARIES[runtime][0]}
    wanted |= {"edge-deploy", "edge-ssh-keys", "minisign"}
    packages = [one for one in made.build.packages if one.name.split("_")[0] in wanted]
    image = folder / "image"
    subprocess.run([HERE / "standin.sh", image, *packages], check=True)
    board = yaml.safe_load((data("boards") / "qemu-arm64.yaml").read_text())
    board["builders"]["yocto"]["boot"]["args"] = [
        *board["qemu"]["args"],
        *("-initrd", str(image / "initrd")),
    ]
    (folder / "ours/boards").mkdir(parents=True)
    (folder / "ours/boards/qemu-arm64.yaml").write_text(yaml.safe_dump(board))
    product = {
        "version": 1,
        "name": "digits",
        "board": "qemu-arm64",
        "builder": "yocto",
        "models": [MODELS[runtime]],
        "catalogs": ["ours"],
        "features": keys.features,
    }
    (folder / "edgeimg.yaml").write_text(yaml.safe_dump(product))
    return StandIn(folder=folder, words=[sys.executable, HERE / "standin.py", image])


def test_an_image_of_them_is_verified(standin: StandIn) -> None:
    # systemd under an emulator on a busy machine takes minutes.
    done = run_json([*standin.words, "verify", "--time-limit", "1200"], standin.folder)
    assert done["passed"] is True
    assert done["boot"] == "kernel"
    (files,) = standin.folder.glob("build/*/build/images/image.json")
    assert set(json.loads(files.read_text())["files"]) == {
        "digits-image-qemuarm64.rootfs.ext4",
        "Image",
    }


def test_a_model_is_deployed_onto_it(
    standin: StandIn, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The product's model with another answer to each sample, under the same name."""
    product = yaml.safe_load((standin.folder / "edgeimg.yaml").read_text())
    (model,) = product["models"]
    new = tmp_path / "new"
    shutil.copytree(data_root() / "models/digits", new)
    shutil.copytree(standin.folder / "ours", new / "ours")
    manifest = new / f"{model}.yaml"
    manifest.write_text(manifest.read_text().replace("top_k: 3", "top_k: 1"))
    product["models"] = [f"./{model}.yaml"]
    (new / "edgeimg.yaml").write_text(yaml.safe_dump(product))
    with running(standin) as guest:
        target = device(keys.ssh, guest, tmp_path, monkeypatch)
        words: list[str | Path] = [sys.executable, "-m", "edgeimg", "deploy", "--target", target]
        done = run_json([*words, "--key", keys.signer], new)
        assert done["kind"] == "deployed"
        slot = f"/data/deploy/slots/{done['text']}/"
        config = keys.ssh.ssh(guest, f"cat {slot}config/{model}.json; ls /data/deploy/slots")
        assert '"top_k": 1' in config.stdout
        said = keys.ssh.ssh(guest, f"journalctl -q -o cat -t {model}").stdout
        answers = [line.count('"index"') for line in said.splitlines() if '"frame"' in line]
        assert answers == [3] * 16 + [1] * 16
        assert run_json([*words, "--rollback"], new)["text"] == "-"


@contextmanager
def running(standin: StandIn) -> Iterator[Guest]:
    """Booted by `edgeimg run`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    ours, theirs = pty.openpty()  # the console wants a terminal
    process = subprocess.Popen(
        [*standin.words, "run", "--ssh-port", str(port)],
        cwd=standin.folder,
        env=environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        guest = Guest(process, port)
        guest.until("edgeimg: service .* done")
        yield guest
    finally:
        process.terminate()
        process.communicate()
        os.close(ours)
        os.close(theirs)


def run_json(words: Sequence[str | Path], folder: Path) -> dict[str, Any]:
    """What the command answers as JSON."""
    done = subprocess.run(
        [*words, "--output", "json"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_they_answer_rightly(made: Made, yocto: Checkouts, tmp_path: Path) -> None:
    """App, runtime and model of these packages, over an image of the debian builder."""
    runtime = made.project.plan.runtime.name
    overlay = tmp_path / "overlay"
    for package in ("edge-infer", "edge-model", LIBRARIES[runtime][0]):
        made.unpack(package, overlay)
    for path in NOT_OVERLAID:
        shutil.rmtree(overlay / path)
    product = {
        "version": 1,
        "name": "packages",
        "board": "qemu-arm64",
        "builder": "debian",
        "models": [MODELS[runtime]],
        "overlay": "overlay",
        "features": {"read-only-root": {}},
    }
    (tmp_path / "edgeimg.yaml").write_text(yaml.safe_dump(product))
    done = run_json([sys.executable, "-m", "edgeimg", "verify"], tmp_path)
    assert done["passed"] is True
