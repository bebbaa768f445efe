"""Packages resolved by the real apt, from an archive of plain files."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_archive import Archive

from edgeimg import process
from edgeimg.cache import Cache
from edgeimg.errors import InternalError, UserError, UserErrors
from edgeimg.prepare import apt, apt_says
from edgeimg.prepare.apt import DebianRequest, LockedPackage, PackageRole, Repository


def asked(*roles: PackageRole, repository: str = "debian") -> DebianRequest:
    return DebianRequest(
        suite="test",
        architecture="arm64",
        repositories=(Repository(name=repository, suite="test"),),
        packages=roles,
    )


def role(*names: str, closure: bool = False) -> PackageRole:
    return PackageRole(role="root" if closure else "kernel", names=names, closure=closure)


def resolve(
    archive: Archive, cache: Cache, request: DebianRequest, **options: object
) -> tuple[LockedPackage, ...]:
    options.setdefault("mirror", f"file://{archive.root}")
    return apt.resolve(request, cache, keyrings=[archive.keyring], **options)  # type: ignore[arg-type]


def test_a_closure_has_what_it_depends_on(archive: Archive, cache: Cache) -> None:
    hello, greet = resolve(archive, cache, asked(role("hello", closure=True)))
    assert (hello.name, hello.version, hello.size) == ("hello", "1:2.0+x-1", 1234)
    assert (greet.name, greet.version) == ("libgreet", "1.5~rc1-1")
    assert hello.repository == "debian"
    assert hello.path == "pool/main/h/hello/hello_2.0%2bx-1_arm64.deb"


def test_a_single_package_comes_alone(archive: Archive, cache: Cache) -> None:
    (hello,) = resolve(archive, cache, asked(role("hello")))
    assert hello.name == "hello"


def test_a_kernels_meta_package_leads_to_the_image(archive: Archive, cache: Cache) -> None:
    found = resolve(archive, cache, asked(role("linux-image-tiny", "unrelated")))
    assert [package.name for package in found] == ["linux-image-6.1.0-1-tiny", "unrelated"]


def test_over_http_and_again_when_the_archive_changes(
    archive: Archive, cache: Cache, served: str
) -> None:
    mirror = f"{served}/archive"
    (old,) = resolve(archive, cache, asked(role("unrelated")), mirror=mirror)
    archive.write((("unrelated", "4-1", ""),))
    (new,) = resolve(archive, cache, asked(role("unrelated")), mirror=mirror)
    assert (old.version, new.version) == ("3-1", "4-1")


def test_unknown_packages_are_named_with_their_places(archive: Archive, cache: Cache) -> None:
    request = asked(role("hello", "helo", "nope", closure=True))
    with pytest.raises(UserErrors) as caught:
        resolve(archive, cache, request, places={"helo": "edgeimg.yaml:3:5"})
    first, second = caught.value.errors
    assert str(first) == (
        "edgeimg.yaml:3:5: the package 'helo' (root) is not in debian. "
        "Check its name, and the suite."
    )
    assert "'nope'" in str(second)


@pytest.mark.parametrize("closure", [True, False])
@pytest.mark.parametrize("name", ["nope", "nope-", "nope+", "hello-", "n.pe"])
def test_an_unknown_name_is_never_taken_for_another(
    archive: Archive, cache: Cache, name: str, closure: bool
) -> None:
    with pytest.raises(UserError, match=r"the package '.*' \(\w+\) is not in debian"):
        resolve(archive, cache, asked(role(name, closure=closure)))


def test_packages_that_do_not_fit_together(archive: Archive, cache: Cache) -> None:
    with pytest.raises(UserError, match=r"'root' do not fit together: broken : Depends: never-"):
        resolve(archive, cache, asked(role("broken", closure=True)))


def test_a_tampered_list_is_refused(archive: Archive, cache: Cache) -> None:
    packages = archive.suite / "main" / "binary-arm64" / "Packages"
    text = packages.read_text()
    packages.write_text(text.replace("Size: 1234", "Size: 1235"))
    with pytest.raises(UserError, match="does not agree with its own signed list"):
        resolve(archive, cache, asked(role("hello")))


@pytest.mark.parametrize("before", [False, True], ids=["at first", "later"])
def test_a_tampered_signature_is_refused(archive: Archive, cache: Cache, before: bool) -> None:
    if before:  # apt must not fall back on the good list that it has
        resolve(archive, cache, asked(role("hello")))
    release = archive.suite / "InRelease"
    release.write_text(release.read_text().replace("Origin: Test", "Origin: Evil"))
    with pytest.raises(UserError, match="the archive's signature is wrong"):
        resolve(archive, cache, asked(role("hello")))


def test_a_foreign_key_is_refused(archive: Archive, cache: Cache, tmp_path: Path) -> None:
    other = Archive(tmp_path / "other")
    try:
        archive.keyring.write_bytes(other.keyring.read_bytes())
    finally:
        other.close()
    with pytest.raises(UserError, match="the archive's signature is wrong"):
        resolve(archive, cache, asked(role("hello")))


def test_an_unsigned_archive_is_refused(archive: Archive, cache: Cache) -> None:
    (archive.suite / "InRelease").unlink()
    with pytest.raises(UserError, match="does not have this suite, signed"):
        resolve(archive, cache, asked(role("hello")))


def test_a_missing_suite_and_a_missing_repository(
    archive: Archive, cache: Cache, served: str
) -> None:
    for request in (
        asked(role("hello"), repository="debian-security"),
        asked(role("hello")).model_copy(
            update={"repositories": (Repository(name="debian", suite="nope"),)}
        ),
    ):
        with pytest.raises(UserError, match="does not have this suite, signed"):
            resolve(archive, cache, request, mirror=f"{served}/archive")


def test_a_missing_keyring(archive: Archive, cache: Cache) -> None:
    archive.keyring.unlink()
    with pytest.raises(UserError, match=r"keyring .* is missing\. Install"):
        resolve(archive, cache, asked(role("hello")))


def test_a_mirror_out_of_reach(
    archive: Archive, cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "apt.conf").write_text('Acquire::Retries "0";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(UserError, match="the mirror cannot be reached"):
        resolve(archive, cache, asked(role("hello")), mirror=f"http://127.0.0.1:{port}")


def test_the_hosts_hooks_and_packages_stay_out(archive: Archive, cache: Cache) -> None:
    resolve(archive, cache, asked(role("hello")))
    (conf,) = cache.root.glob("apt/*/apt.conf")
    dump = process.run(["apt-config", "-c", conf, "dump"]).stdout
    hooks = [line for line in dump.splitlines() if "Invoke" in line or "Pre-Install" in line]
    assert all(line.endswith(' "";') for line in hooks)
    assert 'APT::Architecture "arm64"' in dump
    status = next(line for line in dump.splitlines() if line.startswith("Dir::State::status"))
    assert str(cache.root) in status


class TestBases:
    @pytest.fixture
    def host(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        addresses: list[str] = []
        monkeypatch.setattr(apt.shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(
            apt.process, "run", lambda *_, **__: SimpleNamespace(stdout="\n".join(addresses))
        )
        return addresses

    def test_named(self) -> None:
        assert apt.find_bases(["debian"], "https://example.org/m/") == {
            "debian": "https://example.org/m/debian"
        }

    def test_of_the_host(self, host: list[str]) -> None:
        host += ["cdrom:x/debian/", "http://a.example.org/debian/", "http://b.example.org/debian"]
        host += ["http://s.example.org/debian-security/"]
        assert apt.find_bases(["debian", "debian-security"], None) == {
            "debian": "http://a.example.org/debian",
            "debian-security": "http://s.example.org/debian-security",
        }

    def test_a_sibling(self, host: list[str]) -> None:
        host += ["http://a.example.org/x/debian/"]
        bases = apt.find_bases(["debian", "debian-security"], None)
        assert bases["debian-security"] == "http://a.example.org/x/debian-security"

    def test_a_host_of_another_distribution(self, host: list[str]) -> None:
        host += ["http://a.example.org/ubuntu/"]
        with pytest.raises(UserError, match=r"knows no mirror of Debian. Name one: `mirror:`"):
            apt.find_bases(["debian"], None)

    def test_a_host_without_apt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(apt.shutil, "which", lambda name: None)
        with pytest.raises(UserError, match="knows no mirror of Debian"):
            apt.find_bases(["debian"], None)

    @pytest.mark.parametrize("mirror", ["", "/srv/debian", "http://", "file:x", "http://a b/c"])
    def test_no_url(self, mirror: str) -> None:
        with pytest.raises(UserError, match="is not a URL"):
            apt.find_bases(["debian"], mirror)


def test_apts_warnings_alone_are_enough() -> None:
    said = "W: Failed to fetch http://example.org/debian/x  Could not resolve 'example.org'\n"
    done = process.Completed(args=("apt-get",), status=0, stdout="", stderr=said)
    assert "cannot be reached" in str(apt_says.update_problem(done))


def test_a_full_disk_is_the_users() -> None:
    said = (
        "E: Failed to fetch http://a/x  Error writing to file - write (28: No space left on device)"
    )
    done = process.Completed(args=("apt-get",), status=100, stdout="", stderr=said)
    assert "Make room, or set EDGEIMG_CACHE" in str(apt_says.update_problem(done))


def test_a_retry_that_worked_is_no_problem() -> None:
    said = "Ign:1 http://example.org test InRelease\n  Could not connect to example.org\nHit:1\n"
    done = process.Completed(args=("apt-get",), status=0, stdout=said, stderr="")
    assert apt_says.update_problem(done) is None


def test_an_unknown_failure_is_ours(
    archive: Archive, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(archive, cache, asked(role("hello")))
    done = process.Completed(args=("apt-get",), status=100, stdout="", stderr="E: boom\n")
    monkeypatch.setattr(apt.process, "run", lambda *_, **__: done)
    with pytest.raises(InternalError, match="boom"):
        resolve(archive, cache, asked(role("hello")))


@pytest.mark.network
@pytest.mark.parametrize(
    ("architecture", "kernel", "security"),
    [
        ("amd64", "linux-image-cloud-amd64", True),
        ("arm64", "linux-image-cloud-arm64", True),
        # Mirrors of a few architectures often lack the security archive of these two.
        ("armhf", "linux-image-armmp", False),
        ("riscv64", "linux-image-riscv64", False),
    ],
)
def test_the_real_archive(cache: Cache, architecture: str, kernel: str, security: bool) -> None:
    repositories = [Repository(name="debian", suite="trixie")]
    if security:
        repositories.append(Repository(name="debian-security", suite="trixie-security"))
    request = DebianRequest(
        suite="trixie",
        architecture=architecture,
        repositories=tuple(repositories),
        packages=(role("busybox", "libstdc++6", closure=True), role(kernel)),
    )
    found = apt.resolve(request, cache)
    names = {package.name for package in found}
    assert {"busybox", "libc6", "libgcc-s1", "libstdc++6"} <= names
    (image,) = (package for package in found if package.role == "kernel")
    assert image.name.startswith("linux-image-6.12.")
