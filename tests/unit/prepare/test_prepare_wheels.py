"""pip's settings and its report; an index on loopback, no registry."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from edgeimg import process
from edgeimg.catalog.runtimes import Release, Runtime, WheelPin
from edgeimg.catalog.search import Catalog
from edgeimg.errors import InternalError, UserError
from edgeimg.prepare import wheels
from edgeimg.prepare.wheels import LockedWheel, WheelRequest

FILE = "tiny-1.0-cp311-cp311-manylinux_2_27_aarch64.whl"


def _wheel() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in (
            ("METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n"),
            ("RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(f"tiny-1.0.dist-info/{name}"), text)
    return data.getvalue()


WHEEL = _wheel()
SHA256 = hashlib.sha256(WHEEL).hexdigest()


@pytest.fixture
def index(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an index that pip is configured for."""
    pytest.importorskip("pip")
    folder = tmp_path / "simple" / "tiny"
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(WHEEL)
    (folder / "index.html").write_text(f'<a href="{FILE}#sha256={SHA256}">{FILE}</a>')
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{served}/simple/")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return folder


def asked(**changes: str) -> WheelRequest:
    values = {"name": "tiny", "version": "1.0", "machine": "aarch64", "file": FILE}
    return WheelRequest(**(values | {"sha256": SHA256} | changes))


def test_found(index: Path, served: str) -> None:
    assert wheels.locate(asked()) == LockedWheel(
        name="tiny", version="1.0", file=FILE, url=f"{served}/simple/tiny/{FILE}", sha256=SHA256
    )


def test_an_index_at_an_address_of_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://[fd00::1]:8080/simple/tiny/{FILE}"
    info = {"url": url, "archive_info": {"hashes": {"sha256": SHA256}}}
    said = json.dumps({"install": [{"download_info": info}]})
    done = process.Completed(args=("pip",), status=0, stdout=said, stderr="")
    monkeypatch.setattr(process, "run", lambda *_, **__: done)
    assert wheels.locate(asked()).url == url


def test_a_login_does_not_reach_the_lock(
    index: Path, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", served.replace("//", "//me:secret@") + "/simple/")
    assert wheels.locate(asked()).url == f"{served}/simple/tiny/{FILE}"


@pytest.mark.parametrize(
    "changes",
    [{"machine": "x86_64"}, {"glibc": "2.26"}, {"python": "3.12"}, {"version": "2.0"}],
    ids=str,
)
def test_no_such_wheel(index: Path, changes: dict[str, str]) -> None:
    with pytest.raises(UserError, match=f"pip's index has no wheel {FILE}. It must offer tiny"):
        wheels.locate(asked(**changes))


def test_another_wheel_than_the_pinned_one(index: Path) -> None:
    with pytest.raises(UserError, match=rf"\(sha256 {SHA256}\).* pins .*\(sha256 0000") as caught:
        wheels.locate(asked(sha256="0" * 64))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_what_the_index_says(index: Path) -> None:
    (index / FILE).write_bytes(WHEEL + b"x")
    with pytest.raises(UserError, match=r"pip cannot find tiny 1\.0"):
        wheels.locate(asked())


def test_an_index_out_of_reach(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(UserError, match=r"pip cannot reach its index for tiny 1\.0"):
        wheels.locate(asked())


def test_folders_are_not_asked(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (index / "index.html").write_text("")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", index.parent.as_uri())
    with pytest.raises(UserError, match="has no wheel"):
        wheels.locate(asked())


def test_a_link_to_a_file_never_enters_the_lock(index: Path) -> None:
    link = f'<a href="{(index / FILE).as_uri()}#sha256={SHA256}">{FILE}</a>'
    (index / "index.html").write_text(link)
    with pytest.raises(UserError):
        wheels.locate(asked())


def test_the_environment_for_pip() -> None:
    settings = {
        "index-url": "https://example.org/simple",
        "extra-index-url": "file:///srv/simple https://example.org/more",
        "cert": "/etc/ssl/ca.pem",
    }
    environ = {"PATH": "/bin", "PIP_FIND_LINKS": "/srv", "PIP_TARGET": "/x", "HTTPS_PROXY": "p"}
    env = wheels.index_environment(settings, environ)
    assert env == {
        "PATH": "/bin",
        "HTTPS_PROXY": "p",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_INDEX_URL": "https://example.org/simple",
        "PIP_EXTRA_INDEX_URL": "https://example.org/more",
        "PIP_CERT": "/etc/ssl/ca.pem",
    }


def test_only_folders_leave_the_default_index() -> None:
    env = wheels.index_environment({"index-url": "file:///srv/simple"}, {})
    assert "PIP_INDEX_URL" not in env


def test_settings_of_files_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        ":env:.timeout='9'\nglobal.timeout='5'\ninstall.proxy='http://example.org:1'\n"
        "global.proxy='x'\nglobal.extra-index-url='\\nhttps://a\\nhttps://b'\n"
        "download.cert='y'\nglobal.find-links='/srv'\nglobal.cert=broken'\n"
    )
    done = process.Completed(args=("pip",), status=0, stdout=listed, stderr="")
    monkeypatch.setattr(wheels.process, "run", lambda *_, **__: done)
    assert wheels._configured(["pip"]) == {
        "timeout": "9",
        "proxy": "http://example.org:1",
        "extra-index-url": "https://a https://b",
    }


def test_platforms() -> None:
    tags = wheels.platforms("aarch64", "2.19")
    assert tags == [
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    ]


def test_without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(wheels.shutil, "which", lambda name: "/usr/bin/pip3")
    assert wheels.find_pip() == ["/usr/bin/pip3"]
    monkeypatch.setattr(wheels.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"pip is missing.*Install python3-pip"):
        wheels.find_pip()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("no such option: --report", "this pip is too old"),
        ("ERROR: boom", "pip cannot find tiny 1.0:\nERROR: boom"),
    ],
)
def test_what_pip_says(said: str, message: str) -> None:
    done = process.Completed(args=("pip",), status=2, stdout="", stderr=said)
    assert message in str(wheels._problem(done, asked()))


@pytest.mark.parametrize("text", ["", "[]", '{"install": []}', '{"install": [{}]}'])
def test_a_report_that_is_none(text: str) -> None:
    with pytest.raises(InternalError, match="not understood"):
        wheels._reported(text)


def _pins() -> list[tuple[Runtime, Release, WheelPin]]:
    catalog = Catalog()
    runtimes = [catalog.load("runtime", name, Runtime)[1] for name in catalog.names("runtime")]
    return [
        (runtime, release, pin)
        for runtime in runtimes
        for release in runtime.releases
        for pin in release.wheels.values()
    ]


@pytest.mark.network
@pytest.mark.parametrize("pinned", _pins(), ids=lambda pinned: pinned[2].file)
def test_every_pin_of_the_catalogue_is_what_the_index_has(
    pinned: tuple[Runtime, Release, WheelPin],
) -> None:
    runtime, release, pin = pinned
    request = asked(
        name=runtime.package,
        version=release.version,
        machine=pin.machine,
        file=pin.file,
        sha256=pin.sha256,
    )
    found = wheels.locate(request)
    assert found.file == pin.file
    assert found.url.startswith("https://")
