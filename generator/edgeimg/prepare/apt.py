"""Debian packages for the lock: apt resolves them, nothing is installed.

apt runs with a configuration of its own (lists, status, sources, architecture)
in the cache, so it needs no root and never sees the host's packages. Of the
host's configuration it keeps what reaches the network: proxies, time limits,
logins. Archive signatures are always verified.
Source: apt.conf(5), apt-get(8), sources.list(5).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from edgeimg import process
from edgeimg.cache import Cache, canonical_json, write_atomic
from edgeimg.errors import InternalError, UserError, UserErrors
from edgeimg.events import Log, Report, Step, silent
from edgeimg.manifest.base import Manifest, Name, PackageName, Sha256, Word
from edgeimg.prepare import apt_says

# Where the packages `debian-archive-keyring` of Debian and Ubuntu put their keys.
KEYRINGS = (Path("/usr/share/keyrings/debian-archive-keyring.gpg"),)
NO_MIRROR = "Name one: `mirror:` in edgeimg.yaml, and `make MIRROR=...` in an emitted project."
_UPDATE_SECONDS = 600
_RESOLVE_SECONDS = 120


def _inside_repository(path: str) -> str:
    if path.startswith("/") or ".." in unquote(path).split("/"):
        raise ValueError("leaves the repository; write a path below its base, without '..'")
    return path


# As apt prints it: percent-encoded, so that `<base>/<path>` is a URL as it stands.
RepositoryPath = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._~+%/@=,\-]+\.deb$", max_length=500),
    AfterValidator(_inside_repository),
]
PackageVersion = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.+:~\-]+$", max_length=128)]


class Repository(Manifest):
    """An archive below the mirror: `<mirror>/<name>/dists/<suite>`."""

    name: Name
    suite: Word
    components: tuple[Name, ...] = ("main",)


class PackageRole(Manifest):
    """Packages by what they are for; with `closure`, all that they depend on too."""

    role: Name
    names: tuple[PackageName, ...]
    closure: bool = False


class DebianRequest(Manifest):
    """What is asked of Debian's archive, before apt has answered."""

    suite: Word
    architecture: Name
    repositories: tuple[Repository, ...]
    packages: tuple[PackageRole, ...]


class LockedPackage(Manifest):
    """A package as apt resolved it; `path` is relative to `<mirror>/<repository>/`."""

    role: Name
    name: PackageName
    version: PackageVersion
    repository: Name
    path: RepositoryPath
    size: Annotated[int, Field(ge=0)]
    sha256: Sha256


def resolve(
    request: DebianRequest,
    cache: Cache,
    *,
    mirror: str | None = None,
    keyrings: Sequence[Path] = KEYRINGS,
    places: Mapping[str, str] | None = None,
    report: Report = silent,
) -> tuple[LockedPackage, ...]:
    """Ask apt for every package of the request: name, path, size and SHA-256.

    Args:
        mirror: the URL above the repositories; None asks the host's apt.
        keyrings: the archive's public keys.
        places: where a package's name was written, for the message when it is unknown.

    Raises:
        UserError: no apt, no mirror, no keyring; an archive that cannot be reached or
            whose signature is wrong; packages that are unknown or do not fit together.
        InternalError: apt failed in a way that is not known here.
    """
    bases = find_bases([repository.name for repository in request.repositories], mirror)
    for keyring in keyrings:
        if not keyring.is_file():
            hint = "Install the package debian-archive-keyring."
            raise UserError(f"the archive's keyring {keyring} is missing", hint=hint)
    asked = request.model_dump(mode="json", exclude={"packages"})
    identity = canonical_json([bases, asked, [str(keyring) for keyring in keyrings]])
    key = hashlib.sha256(identity).hexdigest()[:32]
    with cache.lock("apt", key):
        apt = _Apt(cache.folder("apt", key), request, bases, keyrings, places or {})
        report(Step(name="package lists", detail=f"{request.suite} {request.architecture}"))
        apt.update(lambda line: report(Log(line=line)))
        os.utime(cache.folder("apt", key))
        report(Step(name="packages", detail=f"{request.suite} {request.architecture}"))
        found = [package for role in request.packages for package in apt.resolve(role)]
    unique = {(package.role, package.name): package for package in found}
    return tuple(package for _, package in sorted(unique.items()))


def find_bases(names: Iterable[str], mirror: str | None) -> dict[str, str]:
    """The URL of each repository, without a slash at its end.

    Without `mirror` it is what the host's own apt uses: the address whose last part
    is the repository's name, else a sibling of one that is known.

    Raises:
        UserError: the mirror is not a URL, or apt knows none.
    """
    if mirror is not None:
        parts = urlsplit(mirror)
        usable = parts.netloc or (parts.scheme == "file" and parts.path.startswith("/"))
        if not (parts.scheme and usable) or not re.fullmatch(r"[!-~]+", mirror):
            raise UserError(f"the mirror '{mirror}' is not a URL", hint="Write https://host/path.")
        return {name: f"{mirror.rstrip('/')}/{name}" for name in names}
    known: dict[str, str] = {}
    for uri in _host_addresses():
        known.setdefault(uri.rsplit("/", 1)[-1], uri)
    parents = [known[name].rsplit("/", 1)[0] for name in ("debian", *names) if name in known]
    if not parents:
        raise UserError("this machine's apt knows no mirror of Debian", hint=NO_MIRROR)
    return {name: known.get(name, f"{parents[0]}/{name}") for name in names}


def _host_addresses() -> list[str]:
    """The archives of the host's own apt, in its order."""
    if shutil.which("apt-get") is None:
        return []
    listed = process.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        env=_environment(),
        check=False,
        timeout=_RESOLVE_SECONDS,
    )
    uris = [line.strip().rstrip("/") for line in listed.stdout.splitlines()]
    return [uri for uri in uris if uri and not uri.startswith(("cdrom:", "mirror"))]


class _Apt:
    """apt with a configuration of its own, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        request: DebianRequest,
        bases: Mapping[str, str],
        keyrings: Sequence[Path],
        places: Mapping[str, str],
    ) -> None:
        self._bases = bases
        self._places = places
        self._conf = folder / "apt.conf"
        for unsafe in (folder, *keyrings):
            if re.search(r'[\s"]', str(unsafe)):
                raise UserError(
                    f"apt cannot use the path '{unsafe}': it has a space or a quote",
                    hint="Set EDGEIMG_CACHE to another folder." if unsafe is folder else "",
                )
        (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (folder / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        write_atomic(folder / "status", b"")
        write_atomic(folder / "sources.list", _sources(request, bases, keyrings).encode())
        write_atomic(self._conf, _configuration(folder, request.architecture).encode())

    def update(self, on_line: Callable[[str], None]) -> None:
        """Fetch the package lists, as far as they have changed."""
        done = self._run("apt-get", "update", timeout=_UPDATE_SECONDS, on_line=on_line)
        problem = apt_says.update_problem(done)
        if problem is not None:
            raise problem
        if done.status != 0:
            raise InternalError(f"apt-get update failed:\n{process.last_lines(done.stderr)}")

    def resolve(self, role: PackageRole) -> list[LockedPackage]:
        """The packages of a role."""
        if not role.names:
            return []
        names = list(role.names)
        if not role.closure:
            names = self._follow_kernels(names)
        options = ["--no-install-recommends", "install"] if role.closure else ["download"]
        done = self._run("apt-get", "--yes", "--print-uris", *options, *names)
        self._check(done, role)
        lines = [line for line in done.stdout.splitlines() if line.startswith("'")]
        found = [self._parse(line, role.role) for line in lines]
        # apt takes `name-` for "remove name" when it knows no package of that name.
        known = {package.name for package in found}
        unknown = [name for name in names if name.endswith(("-", "+")) and name not in known]
        if unknown or not found:
            raise self._unknown(unknown or names, role)
        return found

    def _follow_kernels(self, names: Sequence[str]) -> list[str]:
        """The names, with the versioned image in place of a kernel's meta package."""
        kernels = [name for name in names if re.match(r"linux-image-(?!\d)", name)]
        if not kernels:
            return list(names)
        shown = self._run("apt-cache", "show", "--no-all-versions", *kernels).stdout
        images: dict[str, str] = {}
        for paragraph in shown.split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
            image = re.search(r"(?<![^ ,|])linux-image-\d[^ ,|]*", fields.get("Depends", ""))
            if image:
                images[fields.get("Package", "")] = image.group()
        return [images.get(name, name) for name in names]

    def _check(self, done: process.Completed, role: PackageRole) -> None:
        if done.status == 0:
            return
        unknown = apt_says.unknown_packages(done.stderr)
        if unknown:
            raise self._unknown(unknown, role)
        problem = apt_says.resolve_problem(done.stdout + done.stderr, role.role)
        if problem is not None:
            raise problem
        raise InternalError(f"apt-get failed:\n{process.last_lines(done.stderr)}")

    def _unknown(self, names: Sequence[str], role: PackageRole) -> UserError:
        archives = " and ".join(self._bases)
        errors = [
            UserError(
                f"the package '{name}' ({role.role}) is not in {archives}",
                place=self._places.get(name, ""),
                hint="Check its name, and the suite.",
            )
            for name in dict.fromkeys(names)
        ]
        return errors[0] if len(errors) == 1 else UserErrors(errors)

    def _parse(self, line: str, role: str) -> LockedPackage:
        """A line of --print-uris: `'URL' name_version_architecture.deb size SHA256:hash`."""
        match = re.fullmatch(r"'([^']+)' (\S+)\.deb (\d+) SHA256:([0-9a-f]{64})\s*", line)
        parts = match.group(2).split("_") if match else []
        if match is None or len(parts) != 3:
            raise InternalError(f"apt printed a line that is not understood: {line}")
        url = match.group(1)
        for repository, base in self._bases.items():
            path = _below(url, base)
            if path:
                return LockedPackage(
                    role=role,
                    name=unquote(parts[0]),
                    version=unquote(parts[1]),
                    repository=repository,
                    path=path,
                    size=int(match.group(3)),
                    sha256=match.group(4),
                )
        raise InternalError(f"apt named a package outside of the mirror: {url}")

    def _run(
        self,
        program: str,
        *args: str,
        timeout: float = _RESOLVE_SECONDS,
        on_line: Callable[[str], None] | None = None,
    ) -> process.Completed:
        if shutil.which(program) is None:
            hint = "Install the package apt, or use another builder."
            raise UserError(f"the program '{program}' is missing", hint=hint)
        return process.run(
            [program, "-c", self._conf, *args],
            env=_environment(),
            check=False,
            timeout=timeout,
            on_line=on_line,
            error=UserError,
        )


def _below(url: str, base: str) -> str:
    """The part of a URL after its base; a `file:` URL has one to three slashes."""
    plain, start = (re.sub(r"^file:/+", "file:/", text) for text in (url, base + "/"))
    return plain.removeprefix(start) if plain.startswith(start) else ""


def _environment() -> dict[str, str]:
    """Ours, with apt's messages in English."""
    kept = {name: value for name, value in os.environ.items() if name != "LANGUAGE"}
    return kept | {"LC_ALL": "C.UTF-8"}


def _sources(request: DebianRequest, bases: Mapping[str, str], keyrings: Sequence[Path]) -> str:
    keys = ",".join(str(keyring) for keyring in keyrings)
    # target=Packages: neither translations nor what the host's tools add (AppStream).
    options = f"[arch={request.architecture} signed-by={keys} target=Packages]"
    lines = [
        f"deb {options} {bases[repository.name]} {repository.suite} "
        + " ".join(repository.components)
        for repository in request.repositories
    ]
    return "\n".join(lines) + "\n"


def _configuration(folder: Path, architecture: str) -> str:
    """An apt.conf, read after the host's: hooks and packages out, networking kept."""
    return f"""\
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear APT::NeverAutoRemove;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Default-Release "";
APT::Get::AllowUnauthenticated "false";
APT::Get::Assume-Yes "true";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::ForceHash "SHA256";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives/";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
Dir::State "{folder}";
Dir::State::extended_states "{folder}/extended_states";
Dir::State::lists "{folder}/lists/";
Dir::State::status "{folder}/status";
"""
