"""Keys and signatures, against the real minisign in both directions."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edgeimg.deploy.keys import new_key, public_path, read_key
from edgeimg.errors import UserError


def minisign(*words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = ["minisign", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, check=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.tar"
    path.write_bytes(os.urandom(100_000))
    return path


def test_minisign_accepts_our_signature_and_nothing_else(tmp_path: Path, data: Path) -> None:
    key = new_key(tmp_path / "key")
    signature = tmp_path / "bundle.tar.minisig"
    signature.write_text(key.sign(data.read_bytes(), "edgeimg 12ab for digits"))
    words = ("-V", "-H", "-m", data, "-x", signature)
    done = minisign(*words, "-p", public_path(tmp_path / "key"))
    assert done.returncode == 0, done.stderr
    assert "Trusted comment: edgeimg 12ab for digits" in done.stdout
    assert minisign(*words, "-P", key.public).returncode == 0
    assert minisign(*words, "-P", new_key(tmp_path / "other").public).returncode == 1
    data.write_bytes(data.read_bytes() + b"\0")
    assert minisign(*words, "-P", key.public).returncode == 1


def test_minisign_signs_with_our_key(tmp_path: Path, data: Path) -> None:
    new_key(tmp_path / "key")
    done = minisign("-S", "-s", tmp_path / "key", "-m", data)
    assert done.returncode == 0, done.stderr
    assert minisign("-V", "-m", data, "-p", tmp_path / "key.pub").returncode == 0


def test_we_sign_with_minisigns_key(tmp_path: Path, data: Path) -> None:
    secret, public = tmp_path / "theirs", tmp_path / "theirs.pub"
    assert minisign("-G", "-W", "-s", secret, "-p", public).returncode == 0
    key = read_key(secret)
    assert key.public == public.read_text().splitlines()[1]
    signature = tmp_path / "bundle.tar.minisig"
    signature.write_text(key.sign(data.read_bytes(), "x"))
    assert minisign("-V", "-m", data, "-p", public).returncode == 0


def test_a_key_of_minisign_with_a_password_is_named_as_such(tmp_path: Path) -> None:
    secret = tmp_path / "theirs"
    done = minisign("-G", "-s", secret, "-p", tmp_path / "pub", stdin="secret\nsecret\n")
    if done.returncode:
        pytest.skip("minisign asks for the password on a terminal only, or has no 1 GiB for it")
    with pytest.raises(UserError, match="is a key with a password"):
        read_key(secret)


def test_a_secret_key_is_for_its_owner_only_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = new_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(path) == key
    assert key.seed.hex() not in repr(key) and str(key.seed) not in repr(key)
    path.chmod(0o640)
    with pytest.raises(UserError, match="is a secret key that others may read"):
        read_key(path)


@pytest.mark.parametrize("taken", ["key", "key.pub"])
def test_no_key_is_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")
    with pytest.raises(UserError, match="exists already"):
        new_key(tmp_path / "key")
    assert [one.name for one in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "precious"


def test_no_half_of_a_pair_is_left(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        new_key(tmp_path / ("k" * 253))  # one letter too long with its .pub
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"x\n" + b"A" * 212, b"\xff" * 500, b"comment\n===="])
def test_what_is_no_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UserError, match="is no secret key of minisign"):
        read_key(path)
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_key(tmp_path)


def test_a_broken_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    new_key(path)
    comment, text = path.read_text().splitlines()
    path.write_text(f"{comment}\n{text[:100]}{'A' if text[100] != 'A' else 'B'}{text[101:]}\n")
    with pytest.raises(UserError, match="is a broken secret key"):
        read_key(path)
