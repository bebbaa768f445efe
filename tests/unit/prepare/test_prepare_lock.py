"""The lock: read strictly, written the same each time, stale when it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_archive import Archive

from edgeimg.cache import Cache
from edgeimg.errors import UserError
from edgeimg.events import Event, Step
from edgeimg.prepare import wheels
from edgeimg.prepare.apt import DebianRequest, PackageRole, Repository
from edgeimg.prepare.lock import (
    HEADER,
    Lock,
    LockRequest,
    lock_text,
    make_lock,
    read_lock,
    write_lock,
)
from edgeimg.prepare.wheels import LockedWheel, WheelRequest

SHA = "0123456789" * 6 + "abcd"
DIGITS = "1" * 64

TEXT = f"""\
# Made by `edgeimg lock` from edgeimg.yaml. Commit it; do not edit it.
version: 1
request: {SHA}
debian:
  suite: trixie
  architecture: arm64
  repositories:
  - {{name: debian, suite: trixie}}
  packages:
  - {{role: root, name: libc6, version: '2.41', repository: debian, path: pool/libc6_2.41_arm64.deb, size: 12,
    sha256: '{DIGITS}'}}
wheels:
- {{name: tiny, version: '1.0', file: tiny-1.0-py3-none-any.whl, url: 'https://example.org/tiny-1.0-py3-none-any.whl',
  size: 0, sha256: {SHA}}}
"""  # noqa: E501


def request() -> LockRequest:
    return LockRequest(
        debian=DebianRequest(
            suite="test",
            architecture="arm64",
            repositories=(Repository(name="debian", suite="test"),),
            packages=(
                PackageRole(role="root", names=("hello", "unrelated"), closure=True),
                PackageRole(role="kernel", names=("linux-image-tiny",)),
            ),
        ),
        wheels=(
            WheelRequest(
                name="tiny",
                version="1.0",
                machine="aarch64",
                file="tiny-1.0-py3-none-any.whl",
                sha256=SHA,
            ),
        ),
    )


def wrong(tmp_path: Path, text: str) -> str:
    path = tmp_path / "edgeimg.lock"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_lock(path)
    return str(caught.value).replace(str(path), "edgeimg.lock")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "edgeimg.lock"
    path.write_text(TEXT)
    lock = read_lock(path)
    assert lock_text(lock) == TEXT
    write_lock(path, lock)
    assert path.read_text() == TEXT
    assert read_lock(path) == lock


def test_empty_parts_are_left_out() -> None:
    lock = Lock(version=1, request=SHA)
    assert lock_text(lock) == f"{HEADER}version: 1\nrequest: {SHA}\n"


def test_a_digest_of_digits_stays_text(tmp_path: Path) -> None:
    lock = Lock(version=1, request=DIGITS)
    write_lock(tmp_path / "edgeimg.lock", lock)
    assert read_lock(tmp_path / "edgeimg.lock") == lock


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pool/libc6", "../libc6", "10:74: debian.packages.0.path: leaves the repository"),
        ("pool/libc6", "/libc6", "10:74: debian.packages.0.path: leaves the repository"),
        ("pool/libc6", "a/%2e%2E/libc6", "10:74: debian.packages.0.path: leaves the repository"),
        ("pool/libc6", "pool/$(id)", "10:74: debian.packages.0.path: "),
        ("_arm64.deb", "_arm64.deb x.deb", "10:74: debian.packages.0.path: "),
        ("size: 12", "size: -1", "10:107: debian.packages.0.size: "),
        ("size: 12", "size: big", "10:107: debian.packages.0.size: "),
        (DIGITS, DIGITS[:-1], "11:13: debian.packages.0.sha256: "),
        (DIGITS, "A" * 64, "11:13: debian.packages.0.sha256: "),
        ("'2.41'", "2.41", "10:40: debian.packages.0.version: "),
        ("'2.41'", "'1 2'", "10:40: debian.packages.0.version: "),
        ("name: libc6", "name: ../x", "debian.packages.0.name: "),
        ("repository: debian", "repository: other", "'other' is not a repository here"),
        ("https:", "file:", "wheels.0.url: is not a web address"),
        ("https://", "https://me:secret@", "wheels.0.url: has a login in it"),
        ("https://", "https://$(id)", "wheels.0.url: "),
        ("file: tiny", "file: ../tiny", "wheels.0.file: "),
        ("version: 1\n", "version: 2\n", "2:10: version: "),
        ("version: 1\n", "", "version: is missing"),
        (f"request: {SHA}", "request: x", "3:10: request: "),
        ("wheels:", "wheel:", "12:1: wheel: not a key. Perhaps you meant 'wheels'?"),
        ("role: root, ", "", "debian.packages.0.role: is missing"),
        ("debian:\n", "debian: [\n", "not YAML"),
        (TEXT, "", "is empty"),
        (TEXT, "- 1\n", "is not a mapping"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    said = wrong(tmp_path, TEXT.replace(old, new, 1))
    assert message in said
    assert said.endswith("Run `edgeimg lock` to make it anew.")


def test_a_package_that_is_there_twice(tmp_path: Path) -> None:
    start = TEXT.index("  - {role")
    entry = TEXT[start : TEXT.index("wheels:")]
    said = wrong(tmp_path, TEXT.replace(entry, entry * 2))
    assert "libc6 (root) is here 2 times" in said


def test_a_missing_lock(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not exist\. Run `edgeimg lock`"):
        read_lock(tmp_path / "edgeimg.lock")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_lock(tmp_path / "file" / "edgeimg.lock", Lock(version=1, request=SHA))


def test_the_digest_knows_what_matters() -> None:
    asked = request()
    assert asked.debian is not None
    root, kernel = asked.debian.packages
    turned = root.model_copy(update={"names": root.names[::-1]})
    same = asked.debian.model_copy(update={"packages": (kernel, turned)})
    assert asked.model_copy(update={"debian": same}).digest() == asked.digest()
    others = [
        asked.model_copy(update={"wheels": ()}),
        asked.model_copy(update={"debian": None}),
        *(
            asked.model_copy(update={"debian": asked.debian.model_copy(update=change)})
            for change in (
                {"suite": "other"},
                {"architecture": "amd64"},
                {"packages": (kernel,)},
                {"packages": (kernel, root.model_copy(update={"closure": False}))},
                {"repositories": (Repository(name="debian", suite="test", components=("x",)),)},
            )
        ),
    ]
    digests = {other.digest() for other in others}
    assert len(digests) == len(others)
    assert asked.digest() not in digests


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("role: root", "role: rooot", "libc6 has the role 'rooot'"),
        ("architecture: arm64", "architecture: amd64", "architecture amd64 in place of arm64"),
        ("_arm64.deb", "_amd64.deb", "libc6 is not for arm64"),
        ("suite: trixie\n", "suite: sid\n", "suite sid in place of trixie"),
        ("suite: trixie}", "suite: sid}", "repositories"),
        ("file: tiny-1.0", "file: tiny-1.1", "wheels"),
        (f"sha256: {SHA}", f"sha256: '{DIGITS}'", "wheels"),
    ],
)
def test_a_lock_that_was_edited_by_hand(tmp_path: Path, old: str, new: str, message: str) -> None:
    asked = LockRequest(
        debian=DebianRequest(
            suite="trixie",
            architecture="arm64",
            repositories=(Repository(name="debian", suite="trixie"),),
            packages=(PackageRole(role="root", names=("libc6",), closure=True),),
        ),
        wheels=request().wheels,
    )
    text = TEXT.replace(f"request: {SHA}", f"request: {asked.digest()}")
    path = tmp_path / "edgeimg.lock"
    path.write_text(text)
    assert read_lock(path).answers(asked)
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        read_lock(path).answers(asked)
    assert str(caught.value).startswith(f"the lock was edited by hand: {message}")
    assert str(caught.value).endswith("Run `edgeimg lock` to make it anew.")


def test_made_from_an_archive_and_an_index(
    archive: Archive, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locate(asked: WheelRequest) -> LockedWheel:
        url = f"https://example.org/{asked.file}"
        return LockedWheel(
            name=asked.name, version=asked.version, file=asked.file, url=url, sha256=asked.sha256
        )

    monkeypatch.setattr(wheels, "locate", locate)
    events: list[Event] = []
    lock = make_lock(
        request(), cache, f"file://{archive.root}", events.append, keyrings=[archive.keyring]
    )
    assert lock.answers(request())
    assert not lock.answers(LockRequest())
    assert lock.debian is not None
    assert [(package.role, package.name) for package in lock.debian.packages] == [
        ("kernel", "linux-image-6.1.0-1-tiny"),
        ("root", "hello"),
        ("root", "libgreet"),
        ("root", "unrelated"),
    ]
    assert [event.name for event in events if isinstance(event, Step)] == [
        "package lists",
        "packages",
        "wheels",
    ]
    path = tmp_path / "edgeimg.lock"
    write_lock(path, lock)
    assert read_lock(path) == lock
    assert "file:/" not in path.read_text()
    assert str(archive.root) not in path.read_text()
