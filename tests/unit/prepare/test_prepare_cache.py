"""The cache finds again what it was given, and never half of it."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeimg.cache import Cache, canonical_json, write_atomic
from edgeimg.errors import UserError


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEIMG_CACHE", str(tmp_path / "a"))
    assert Cache().root == tmp_path / "a"
    assert Cache(tmp_path / "b").root == tmp_path / "b"
    monkeypatch.delenv("EDGEIMG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert Cache().root == tmp_path / "c" / "edgeimg"


def test_it_is_tagged_as_a_cache(cache: Cache) -> None:
    tag = (cache.root / "CACHEDIR.TAG").read_bytes()
    assert tag.startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write the cache .*\. Set EDGEIMG_CACHE"):
        Cache(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("name", "said"), [("~nobody-here/x", "Whose home is that"), ("/tmp/a$b", r"expand the \$")]
)
def test_a_path_that_cannot_be(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    monkeypatch.setenv("EDGEIMG_CACHE", name)
    with pytest.raises(UserError, match=said):
        Cache()


def test_a_cache_that_cannot_be_written_any_more(cache: Cache) -> None:
    (cache.root / "models").write_text("")
    with pytest.raises(UserError, match=r"cannot write the cache .*models.*Set EDGEIMG_CACHE"):
        cache.put("models", "k", b"")


def test_what_is_not_its_own_stays(cache: Cache) -> None:
    theirs = cache.root / "Documents/letter"
    theirs.parent.mkdir()
    theirs.write_text("dear")
    cache.put("models", "k", b"1")
    os.utime(theirs.parent, (1, 1))
    os.utime(cache.root / "models/k", (1, 1))
    assert [one.name for one in cache.usage()] == ["models"]
    assert cache.prune(timedelta(days=1)) == 1
    assert theirs.read_text() == "dear"


def test_artefacts(cache: Cache) -> None:
    assert cache.get("models", "k") is None
    assert cache.put("models", "k", b"1").read_bytes() == b"1"
    cache.put("models", "k", b"2")
    assert cache.get("models", "k") == b"2"
    assert cache.get("goldens", "k") is None
    cache.put_json("goldens", "k", {"b": [1.5], "a": None})
    assert cache.get_json("goldens", "k") == {"b": [1.5], "a": None}
    cache.put("goldens", "k", b"{")
    assert cache.get_json("goldens", "k") is None
    assert cache.get_json("goldens", "nope") is None


@pytest.mark.parametrize("name", ["", "..", "a/b", "/a", ".hidden", "a\n"])
def test_a_key_never_leaves_its_folder(cache: Cache, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        cache.put("models", name, b"")
    with pytest.raises(ValueError, match="not a name"):
        cache.put(name, "key", b"")


def test_a_spoilt_download_is_not_given_out(cache: Cache) -> None:
    digest = hashlib.sha256(b"good").hexdigest()
    assert cache.download(digest) is None
    write_atomic(cache.downloads / digest, b"good")
    assert cache.download(digest) == cache.root / "downloads" / digest
    (cache.downloads / digest).write_bytes(b"evil")
    assert cache.download(digest) is None
    assert not (cache.downloads / digest).exists()
    with pytest.raises(ValueError, match="not a SHA-256"):
        cache.download("../x")


def test_usage_and_prune(cache: Cache) -> None:
    cache.put("models", "old", b"12345")
    cache.put("models", "new", b"123")
    write_atomic(cache.folder("apt", "old") / "lists", b"1234567")
    before = time.time() - timedelta(days=9).total_seconds()
    for path in ("models/old", "apt/old"):
        os.utime(cache.root / path, (before, before))
    with cache.lock("models", "old"):
        pass
    assert [(one.name, one.files, one.size) for one in cache.usage()] == [
        ("apt", 1, 7),
        ("models", 2, 8),
    ]
    assert cache.prune(timedelta(days=8)) == 12
    assert [(one.name, one.files) for one in cache.usage()] == [("apt", 0), ("models", 1)]
    assert cache.get("models", "new") == b"123"


def test_what_is_used_is_not_pruned(cache: Cache) -> None:
    path = cache.put("models", "k", b"1")
    os.utime(path, (1, 1))
    cache.get("models", "k")
    assert cache.prune(timedelta(days=1)) == 0


def test_a_lock_is_held_by_one(cache: Cache) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with cache.lock("apt", "k"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5


def test_what_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, mode: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fchmod", full)
    with pytest.raises(OSError, match="No space left") as problem:
        write_atomic(tmp_path / "file", b"1")
    assert problem.value.filename == str(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_write_atomic(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    os.umask(old := os.umask(0o077))
    write_atomic(path, b"1")
    write_atomic(path, b"2", sync=True)
    os.umask(old)
    assert path.read_bytes() == b"2"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [file.name for file in path.parent.iterdir()] == ["b"]


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomic(tmp_path / "folder", b"1")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON))
def test_one_value_has_one_json(value: dict[str, object]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical_json(turned) == canonical_json(value)
