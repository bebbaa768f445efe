"""`edgeimg deploy` here: the bundle, wrong options, and an ssh that plays a part."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Answer

from edgeimg.deploy.keys import new_key

Edgeimg = Callable[..., Answer]
PRODUCT = "version: 1\nname: digits\nboard: qemu-arm64\nmodels: [digits]\n"
LOGIN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ000000000000000000000000000000000000000000"
TARGET = "ssh://root@pi:2222"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A product, and a key beside it."""
    path = tmp_path / "product"
    path.mkdir()
    (path / "edgeimg.yaml").write_text(PRODUCT)
    new_key(tmp_path / "product.key")
    monkeypatch.chdir(path)
    monkeypatch.delenv("EDGEIMG_DEPLOY_KEY", raising=False)
    return path


def fake_ssh(folder: Path, monkeypatch: pytest.MonkeyPatch, said: str, status: int = 0) -> Path:
    """An `ssh` that takes what is sent, notes its words, and answers."""
    program = folder.parent / "bin/ssh"
    program.parent.mkdir(exist_ok=True)
    (program.parent / "said").write_text(said)
    program.write_text(
        f'#!/bin/sh\ncd {program.parent}\ncat >sent\nprintf "%s\\n" "$@" >words\ncat said\n'
        f"exit {status}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return program.parent


def test_a_bundle_is_the_same_each_time_and_whole(edgeimg: Edgeimg, folder: Path) -> None:
    app = folder / "edge-infer"
    app.write_bytes(b"\x7fELF program")
    made = []
    for name in ("a.tar", "b.tar"):
        words = ("--bundle-only", name, "--key", "../product.key", "--app", app)
        done = edgeimg("deploy", *words, "--output", "json")
        assert done.status == 0, done.stderr
        made.append(json.loads(done.stdout))
    assert (folder / "a.tar").read_bytes() == (folder / "b.tar").read_bytes()
    assert made[0]["fits"] == "digits arm64 litert 2.1.6 cpu"
    pub = folder.parent / "product.key.pub"
    subprocess.run(["minisign", "-VHm", "a.tar", "-p", pub], check=True, capture_output=True)
    with tarfile.open(folder / "a.tar") as tar:
        files = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
        modes = {one.mode for one in tar}
    assert modes == {0o644, 0o755}
    name = made[0]["id"]
    assert files["manifest"].decode().splitlines() == [
        "edgeimg-deploy 1",
        "fits digits arm64 litert 2.1.6 cpu",
        f"id {name}",
        "model digits",
    ]
    config = json.loads(files["config/digits.json"])
    slot = f"/data/deploy/slots/{name}/"
    inside = [config["model"], config["outputs"][0]["labels"], f"{config['source']}/00.pgm"]
    assert {one.removeprefix(slot) for one in inside} <= set(files)
    assert {"golden/digits/reference/tolerance.json", "app/edge-infer"} <= set(files)
    sums = dict(reversed(line.split("  ")) for line in files["SHA256SUMS"].decode().splitlines())
    assert sums == {
        path: hashlib.sha256(content).hexdigest()
        for path, content in files.items()
        if path != "SHA256SUMS"
    }


def test_a_bundle_without_a_key_is_to_be_signed_by_hand(edgeimg: Edgeimg, folder: Path) -> None:
    assert "It is not signed" in edgeimg("deploy", "--bundle-only", "a.tar").stdout
    done = edgeimg("deploy", "a.tar", "--target", TARGET)
    assert done.status == 2
    assert "a.tar.minisig: cannot be read: No such file or directory" in done.stderr
    assert "minisign -Sm a.tar" in done.stderr


def test_the_device_gets_all_of_it(
    edgeimg: Edgeimg, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = fake_ssh(folder, monkeypatch, "step receive\nstep try for 10 s\ndeployed 12ab\n")
    words = ("--target", TARGET, "--key", "../product.key")
    done = edgeimg("deploy", *words, "--output", "ndjson")
    assert done.status == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [one["name"] for one in events if one["event"] == "step"]
    assert names[-3:] == ["send", "receive", "try"]
    assert (events[-1]["kind"], events[-1]["text"]) == ("deployed", "12ab")
    sent = (there / "sent").read_bytes()
    asked = (there / "words").read_text()
    assert "StrictHostKeyChecking=yes" in asked
    assert f"/usr/lib/edgeimg/deploy put {len(sent)} 'untrusted comment: " in asked


ENDS: dict[str, tuple[str, int, int, str]] = {
    "refused": ("refused no space\n", 10, 1, f"REFUSED by {TARGET}, nothing was changed: no space"),
    "back": ("step try\nback it broke\n", 11, 1, f"TAKEN BACK by {TARGET}, what ran before runs"),
    "no feature": ("", 127, 2, "the device's image has no feature `deploy`"),
    "no device": ("", 255, 2, "ssh does not get to pi"),
    "cut while it is sent": ("step receive\n", 255, 1, "nothing was changed on the device"),
    "cut while it is tried": ("step try\n", 255, 1, "the device decides alone: it keeps the new"),
}


@pytest.mark.parametrize("end", ENDS)
def test_each_end_has_one_line(
    edgeimg: Edgeimg, folder: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    said, status, ours, line = ENDS[end]
    fake_ssh(folder, monkeypatch, said, status)
    done = edgeimg("deploy", "--target", TARGET, "--key", "../product.key")
    assert done.status == ours
    found = [one for one in (done.stdout + done.stderr).splitlines() if line in one]
    assert len(found) == 1
    assert "Traceback" not in done.stderr


def test_rollback_to_the_image(
    edgeimg: Edgeimg, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh(folder, monkeypatch, "deployed -\n")
    done = edgeimg("deploy", "--rollback", "--target", TARGET)
    assert (done.status, done.stdout.partition(" on ")[0]) == (0, "the image's own runs")


WRONG: dict[str, tuple[tuple[Any, ...], str]] = {
    "no target": ((), "--target: no device is named"),
    "no key": (("--target", TARGET), "--key: no key is named"),
    "target": (("--target", "http://x"), "--target: 'http://x' is not ssh:"),
    "both": (("--target", TARGET, "--rollback", "--app", "x"), "--rollback: takes no bundle"),
    "bundle": (("a.tar", "--app", "x"), "--app: makes a bundle, and one is given already"),
    "written": (("--target", TARGET, "--bundle-only", "x"), "--bundle-only: writes a file"),
    "app": (("--bundle-only", "x", "--app", "edgeimg.yaml"), "edgeimg.yaml: is no Linux program"),
    "no app": (("--bundle-only", "x", "--app", "no"), "--app no: cannot be read: No such file"),
    "no such key": (("--bundle-only", "x", "--key", "no"), "no: cannot be read: No such file"),
    "bundle and product": (
        ("a.tar", "--target", TARGET, "--set", "x=1"),
        "--set: says nothing of a bundle that is made already. Leave it out.",
    ),
    "bundle and key": (("a.tar", "--target", TARGET, "--key", "k"), "--key: says nothing of"),
    "rollback and model": (
        ("--rollback", "--target", TARGET, "--model", "m"),
        "--model: says nothing of --rollback",
    ),
    "over the key": (
        ("--bundle-only", "../product/../product.key", "--key", "../product.key"),
        "--bundle-only: would overwrite the secret key",
    ),
    "no bundle": (("a.tar", "--target", TARGET), "a.tar: cannot be read: No such file"),
    "bundle is a folder": ((".", "--target", TARGET), ".: cannot be read: Is a directory"),
    "written to a folder": (("--bundle-only", "."), ".: cannot be written"),
    "no folder": (("--bundle-only", "edgeimg.yaml/x"), "cannot be written"),
    "key inside": (
        ("--bundle-only", "x", "--key", "overlay/key"),
        "a secret key does not belong into an image or a project",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words(edgeimg: Edgeimg, folder: Path, case: str) -> None:
    words, line = WRONG[case]
    if case == "key inside":
        (folder / "overlay").mkdir()
        new_key(folder / "overlay/key")
        (folder / "edgeimg.yaml").write_text(f"{PRODUCT}overlay: overlay\n")
    done = edgeimg("deploy", *words)
    assert done.status == 2
    assert line in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not (folder / "x").exists()


def test_what_cannot_be_written_takes_no_signature_away(edgeimg: Edgeimg, folder: Path) -> None:
    (folder / "a.tar").mkdir()
    (folder / "a.tar.minisig").write_text("precious")
    assert edgeimg("deploy", "--bundle-only", "a.tar").status == 2
    assert (folder / "a.tar.minisig").read_text() == "precious"


def test_a_key_is_a_file(edgeimg: Edgeimg, folder: Path) -> None:
    assert ".: exists already. It was not touched." in edgeimg("deploy-key", ".").stderr


def test_deploy_key_says_what_to_write(edgeimg: Edgeimg, folder: Path) -> None:
    done = edgeimg("deploy-key", "../new.key")
    assert done.status == 0
    public = (folder.parent / "new.key.pub").read_text().splitlines()[1]
    assert f"deploy: {{keys: [{public}]}}" in done.stdout
    assert (folder.parent / "new.key").read_text().splitlines()[1] not in done.stdout
    features = f"features:\n  ssh: {{authorized_keys: {LOGIN}}}\n  deploy: {{keys: {public}}}\n"
    (folder / "edgeimg.yaml").write_text(PRODUCT + features)
    assert edgeimg("check").status == 0
    (folder / "edgeimg.yaml").write_text(PRODUCT + features.replace(public, "../new.key"))
    done = edgeimg("check")
    assert "features.deploy.keys" in done.stderr


def test_what_a_device_says_reaches_no_terminal_as_it_is(
    edgeimg: Edgeimg, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (
        f"step \x1b]0;mine\x07{'x' * 100_000}\nlog \x1b[2J\nrefused \x1b[31mno\x07 {'y' * 5_000}\n"
    )
    fake_ssh(folder, monkeypatch, said, 10)
    words = ("--target", TARGET, "--key", "../product.key")
    done = edgeimg("deploy", *words, "--verbose")
    assert done.status == 1
    assert "nothing was changed: no yyy" in done.stdout
    assert not {"\x1b", "\x07"} & set(done.stdout + done.stderr)
    assert max(map(len, (done.stdout + done.stderr).splitlines())) < 1000


@pytest.mark.parametrize("signature", [b"", b"rubbish\0\xff", b"untrusted comment: \0\n"])
def test_a_signature_that_is_none(
    edgeimg: Edgeimg, folder: Path, monkeypatch: pytest.MonkeyPatch, signature: bytes
) -> None:
    fake_ssh(folder, monkeypatch, "refused it\n", 10)
    (folder / "a.tar").write_bytes(b"bundle")
    (folder / "a.tar.minisig").write_bytes(signature)
    done = edgeimg("deploy", "a.tar", "--target", TARGET)
    assert done.status == 2
    assert "a.tar.minisig: is no signature of minisign" in done.stderr


def test_a_signature_with_any_letters_arrives_as_it_is(
    edgeimg: Edgeimg, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = fake_ssh(folder, monkeypatch, "deployed 12ab\n")
    assert edgeimg("deploy", "--bundle-only", "tür.tar").status == 0
    signed = subprocess.run(
        ["minisign", "-S", "-s", "../product.key", "-m", "tür.tar"],
        capture_output=True,
        check=False,
    )
    assert signed.returncode == 0, signed.stderr
    assert edgeimg("deploy", "tür.tar", "--target", TARGET).status == 0
    signature = (folder / "tür.tar.minisig").read_text()
    assert "file:tür.tar" in signature
    assert f"'{signature}'" in (there / "words").read_text()


def test_a_wrong_key_is_found_before_the_work(edgeimg: Edgeimg, folder: Path) -> None:
    done = edgeimg("deploy", "--bundle-only", "x", "--key", "../product.key.pub")
    assert (done.status, done.stdout) == (2, "")
    assert "product.key.pub: is no secret key of minisign" in done.stderr
    assert "golden" not in done.stderr


def test_a_secret_key_in_the_product_is_refused_and_not_shown(
    edgeimg: Edgeimg, folder: Path
) -> None:
    features = f"features:\n  ssh: {{authorized_keys: {LOGIN}}}\n  deploy: {{keys: [KEY]}}\n"
    secret = (folder.parent / "product.key").read_text().splitlines()[1]
    for key in ("../product.key", secret):
        (folder / "edgeimg.yaml").write_text(PRODUCT + features.replace("KEY", key))
        done = edgeimg("check")
        assert done.status == 2
        assert "features.deploy.keys" in done.stderr
        assert secret[84:104] not in done.stdout + done.stderr
