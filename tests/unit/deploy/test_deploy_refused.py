"""What a device refuses: it changes nothing."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator

import pytest
from tests.unit.deploy.box import IMAGE, KEY, SHELLS, Box, pack

from edgeimg.deploy.keys import SecretKey

OTHER = SecretKey(number=b"stranger", seed=bytes(32))


def _link(box: Box) -> bytes:
    path = box.folder / "link.tar"
    (box.folder / "manifest").write_text(f"edgeimg-deploy 1\nfits {IMAGE}\nid ab\nmodel digits\n")
    (box.folder / "out").symlink_to("/etc")
    with tarfile.open(path, "w") as tar:
        tar.add(box.folder / "manifest", "manifest")
        tar.add(box.folder / "out", "models")
    return path.read_bytes()


def _hard_link(box: Box) -> bytes:
    stream = io.BytesIO(box.bundle())
    with tarfile.open(fileobj=stream, mode="a") as tar:
        entry = tarfile.TarInfo("models/digits/labels.txt")
        entry.type, entry.linkname = tarfile.LNKTYPE, "/etc/hostname"
        tar.addfile(entry)
    return stream.getvalue()


def _manifest(*words: str) -> Callable[[Box], bytes]:
    text = f"edgeimg-deploy 1\nfits {IMAGE}\nid ID\nmodel digits\n"
    for old, new in zip(words[::2], words[1::2], strict=True):
        text = text.replace(old, new)
    return lambda box: box.bundle(manifest=text)


REFUSED: dict[str, tuple[Callable[[Box], bytes], str]] = {
    "no tar": (lambda box: b"rubbish" * 100, "it is no bundle: it has no manifest"),
    "no manifest": (lambda box: pack({"config/x": "x"}), "it is no bundle: it has no manifest"),
    "newer": (_manifest("deploy 1", "deploy 2"), "the bundle has format '2', this image knows 1"),
    "unknown key": (
        _manifest("model digits", "rubbish 1"),
        "its manifest says 'rubbish', which this image does not know",
    ),
    "product": (
        _manifest("fits digits", "fits door"),
        "the bundle is for the product 'door', the image has 'digits'",
    ),
    "architecture": (
        _manifest("arm64", "x86_64"),
        "the bundle is for the architecture 'x86_64', the image has 'arm64'",
    ),
    "runtime": (
        _manifest("litert", "onnxruntime"),
        "the bundle is for the runtime 'onnxruntime', the image has 'litert'",
    ),
    "version": (
        _manifest("2.1.6", "2.1.7"),
        "the bundle is for the runtime's version '2.1.7', the image has '2.1.6'",
    ),
    "accelerator": (
        _manifest("cpu", "npu-1"),
        "the bundle is for the accelerator 'npu-1', the image has 'cpu'",
    ),
    "id": (_manifest("id ID", "id ../x"), "its manifest has no id"),
    "model": (_manifest("model digits", "model faces"), "the image has no model 'faces'"),
    "name": (_manifest("model digits", "model ../x"), "'../x' is no name of a model"),
    "link": (_link, "it holds a link, or a name that leaves its folder"),
    "hard link": (_hard_link, "it holds a link, or a name that leaves its folder"),
    "above": (
        lambda box: box.bundle(**{"models/../../../x": "x"}),
        "it holds a link, or a name that leaves its folder",
    ),
    "root": (
        lambda box: box.bundle(**{"/etc/x": "x"}),
        "it holds a link, or a name that leaves its folder",
    ),
    "sums": (
        lambda box: box.bundle(SHA256SUMS=f"{'0' * 64}  manifest\n"),
        "a file is not what SHA256SUMS says",
    ),
    "selftest": (
        lambda box: box.bundle("wrong new"),
        'the selftest of digits default failed: {"frame":"01.pgm","selftest":"01.pgm.0.bin: value '
        '3 is 1, expected 2"} (exit status 4)',
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(box: Box, case: str) -> None:
    assert box.put(box.bundle("good old")).status == 0
    before, ran = box.held(), len(box.ran())
    make, why = REFUSED[case]
    done = box.put(make(box))
    assert done.status == 10
    # busybox's tar takes such a path as one inside the folder.
    inside = case in ("above", "root") and box.shell != SHELLS["dash"]
    assert done.last == f"refused {REFUSED['sums'][1] if inside else why}"
    assert (box.held(), len(box.ran())) == (before, ran)
    assert box.boot() == "old"


def test_only_whoever_has_the_key_deploys(box: Box) -> None:
    bundle = box.bundle()
    refused = "refused the signature is by none of the image's keys, or the bundle was changed"
    spoilt = bytearray(bundle)
    spoilt[-2000] ^= 1
    for data, signature in (
        (bundle, OTHER.sign(bundle, "x")),
        (bundle, KEY.sign(bundle + b"\0", "x")),
        (bytes(spoilt), KEY.sign(bundle, "x")),
        (bundle, KEY.sign(bundle, "x").replace("comment: x", "comment: y")),
        (bundle, ""),
        (bundle, "-h"),
    ):
        done = box.put(data, signature)
        assert (done.status, done.last) == (10, refused)
    assert box.held() == {"slots"}
    assert box.boot() == "image"


def test_nothing_is_read_before_the_signature_is_checked(dash_box: Box) -> None:
    dash_box.program("tar", "#!/bin/sh\ntouch BOX/tar-ran\nexit 1\n")
    dash_box.put(b"rubbish", "none")
    assert not (dash_box.folder / "tar-ran").exists()


def test_a_transfer_that_is_cut_short(box: Box) -> None:
    bundle = box.bundle()
    done = box.put(bundle[:5000], KEY.sign(bundle, "x"), len(bundle))
    assert done.last == f"refused the transfer was cut short: 5000 of {len(bundle)} bytes"
    assert box.held() == {"slots"}


@pytest.mark.parametrize("size", ["", "-1", "1e9", "9" * 20])
def test_a_size_that_is_none(box: Box, size: str) -> None:
    assert box.call("put", size, "x").last == f"refused '{size}' is no number of bytes"


def test_a_device_that_keeps_nothing(box: Box) -> None:
    box.write("proc/mounts", "overlay / overlay rw 0 0\n")
    assert box.put(box.bundle()).last == (
        "refused the device has no data partition, so nothing would be kept"
    )
    box.write("proc/mounts", "/dev/root / ext4 rw 0 0\n")  # upstream's disk of a board
    assert box.put(box.bundle()).status == 0


@pytest.fixture
def small_data(dash_box: Box) -> Iterator[Box]:
    """Its data partition has 1 MiB."""
    data = dash_box.folder / "data"
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(data)]
    if os.geteuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield dash_box
    subprocess.run(["umount", str(data)], check=True)


def test_a_full_disk(small_data: Box) -> None:
    box = small_data
    assert box.put(box.bundle("good old")).status == 0
    before = box.held()
    large = box.bundle("good large", **{"models/digits/weights": os.urandom(300_000)})
    assert "refused no space: " in box.put(large).last
    # It fills while it is received, or while it is unpacked: what was asked before was wrong.
    box.program("df", "#!/bin/sh\necho x x x 999999 x\n")
    for weights in (1_200_000, 600_000):
        large = box.bundle("good large", **{"models/digits/weights": os.urandom(weights)})
        assert box.put(large).last == "refused no space: /data is full"
        assert box.held() == before
    assert box.boot() == "old"
