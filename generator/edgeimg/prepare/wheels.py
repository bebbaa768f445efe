"""Wheels for the lock: pip finds them on the user's index, nothing is installed.

The catalogue pins a wheel's version, file name and SHA-256; only the user's pip
knows the index. Its own report says where the file lies.
Source: https://pip.pypa.io/en/stable/reference/installation-report/
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, StringConstraints

from edgeimg import process
from edgeimg.errors import InternalError, UserError
from edgeimg.manifest.base import Manifest, Sha256

# Settings that say how to reach an index. What else is configured (links to folders,
# constraints, a target, a cache) could only change which file is found.
_KEPT = (
    "index-url",
    "extra-index-url",
    "no-index",
    "cert",
    "client-cert",
    "proxy",
    "trusted-host",
    "timeout",
    "default-timeout",
    "retries",
    "keyring-provider",
    "use-feature",
)
_SECTIONS = ("global", "install", ":env:")
_SECONDS = 300


def _http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("is not a web address; a lock holds none that only this machine knows")
    if "@" in parts.netloc:
        raise ValueError("has a login in it; keep it in pip's configuration or in .netrc")
    return url


WheelFile = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+!\-]+\.whl$", max_length=255)]
WheelUrl = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._~:/?#@!&*+,;=%\[\]\-]+$", max_length=2000),
    AfterValidator(_http),
]
Project = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$", max_length=128)
]
Release = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.+!_\-]+$", max_length=64)]


class WheelRequest(Manifest):
    """A wheel as the catalogue pins it, and the machine that it must run on.

    `machine` is the kernel's name (aarch64, x86_64, armv7l, riscv64); `glibc` is the
    target's version, the highest manylinux tag that will do.
    """

    name: Project
    version: Release
    machine: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
    file: WheelFile
    sha256: Sha256
    python: Annotated[str, StringConstraints(pattern=r"^3\.\d+$")] = "3.11"
    glibc: Annotated[str, StringConstraints(pattern=r"^2\.\d+$")] = "2.41"


class LockedWheel(Manifest):
    """A wheel and where it lies; a size of 0 is not known (pip's report has none)."""

    name: Project
    version: Release
    file: WheelFile
    url: WheelUrl
    size: Annotated[int, Field(ge=0)] = 0
    sha256: Sha256


def locate(request: WheelRequest) -> LockedWheel:
    """Ask pip where the pinned wheel lies.

    Raises:
        UserError: no pip; the index has no such wheel, another one, or one that lies
            on this machine only; the index cannot be reached.
        InternalError: pip's report is not understood.
    """
    pip = find_pip()
    wanted = f"{request.name}=={request.version}"
    with tempfile.TemporaryDirectory(prefix="edgeimg-") as target:
        done = process.run(
            [*pip, "install", *_options(request), "--target", target, wanted],
            env=index_environment(_configured(pip), os.environ),
            check=False,
            timeout=_SECONDS,
            error=UserError,
        )
    if done.status != 0:
        raise _problem(done, request)
    url, sha256 = _reported(done.stdout)
    file = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
    if sha256 != request.sha256 or file != request.file:
        raise UserError(
            f"the index has {file} (sha256 {sha256}) for {wanted} on {request.machine}, "
            f"and the catalogue pins {request.file} (sha256 {request.sha256})",
            hint="Use the index that the pin was made from, or change the pin.",
        )
    if urlsplit(url).scheme not in ("http", "https"):
        hint = "Give pip an index-url with an http address."
        raise UserError(f"pip found {file} on this machine only ({url})", hint=hint)
    return LockedWheel(
        name=request.name, version=request.version, file=file, url=url, sha256=sha256
    )


def find_pip() -> list[str]:
    """The command that starts pip: this Python's own, else `pip3`.

    Raises:
        UserError: there is none.
    """
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    program = shutil.which("pip3")
    if program is None:
        hint = "Install python3-pip, version 22.2 or later."
        raise UserError("pip is missing, and it finds the wheels", hint=hint)
    return [program]


def platforms(machine: str, glibc: str) -> list[str]:
    """The manylinux tags that run on a glibc (PEP 600), the newest first.

    manylinux2014 is the old name of 2.17, the lowest floor of any wheel used here.
    """
    major, minor = (int(part) for part in glibc.split("."))
    tags = [f"manylinux_{major}_{number}_{machine}" for number in range(minor, 16, -1)]
    return [*tags, f"manylinux2014_{machine}"]


def index_environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for pip: how the user reaches an index, and nothing else.

    Folders (`find-links`, `file:` indexes) are left out: what is found there has no
    address that another machine could use.
    """
    env = {name: value for name, value in environ.items() if not name.startswith("PIP_")}
    env["PIP_CONFIG_FILE"] = os.devnull
    env["PIP_DISABLE_PIP_VERSION_CHECK"] = env["PIP_NO_INPUT"] = "1"
    for key, value in settings.items():
        if key in ("index-url", "extra-index-url"):
            value = " ".join(url for url in value.split() if re.match(r"https?://", url))
        if value:
            env[f"PIP_{key.upper().replace('-', '_')}"] = value
    return env


def _configured(pip: Sequence[str]) -> dict[str, str]:
    """The user's settings that say how to reach an index, from files and environment."""
    listed = process.run([*pip, "config", "list"], check=False, timeout=_SECONDS)
    sections: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    setting = re.compile(r"^(:env:|\w+)\.([\w-]+)=(.*)$", re.MULTILINE)
    for section, key, text in setting.findall(listed.stdout):
        if section in sections and key in _KEPT:
            try:
                sections[section][key] = " ".join(str(ast.literal_eval(text)).split())
            except (ValueError, SyntaxError):
                continue
    return {key: value for section in _SECTIONS for key, value in sections[section].items()}


def _options(request: WheelRequest) -> Iterator[str]:
    yield from ("--dry-run", "--quiet", "--report", "-", "--no-deps", "--ignore-installed")
    yield from ("--only-binary", ":all:", "--implementation", "cp")
    yield from ("--python-version", request.python, "--abi", "cp" + request.python.replace(".", ""))
    for platform in platforms(request.machine, request.glibc):
        yield from ("--platform", platform)


def _reported(text: str) -> tuple[str, str]:
    """URL without login, and SHA-256, of the one file in pip's report."""
    try:
        report: Any = json.loads(text)
        (install,) = report["install"]
        info = install["download_info"]
        sha256 = str(info["archive_info"]["hashes"]["sha256"])
        parts = urlsplit(str(info["url"]))
    except (KeyError, TypeError, ValueError) as problem:
        raise InternalError(f"pip's report is not understood: {text[:200]!r}") from problem
    netloc = parts.netloc.rsplit("@", 1)[-1]
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, "")), sha256


def _problem(done: process.Completed, request: WheelRequest) -> UserError:
    wanted = f"{request.name} {request.version}"
    said = done.stderr
    if "no such option" in said:
        hint = "Install pip 22.2 or later."
        return UserError("this pip is too old: it cannot write a report", hint=hint)
    broken = re.search(
        r"ConnectTimeout|NewConnectionError|ConnectionError|connection broken|Could not fetch URL"
        r"|ProxyError|SSLError|HTTP error|ReadTimeout|\b5\d\d Server Error",
        said,
    )
    if broken:
        hint = "Check the network and pip's configuration."
        return UserError(f"pip cannot reach its index for {wanted} ({broken.group()})", hint=hint)
    if "No matching distribution" in said or "Could not find a version" in said:
        return UserError(
            f"pip's index has no wheel {request.file}",
            hint=f"It must offer {wanted} for {request.machine} and Python {request.python}.",
        )
    return UserError(f"pip cannot find {wanted}:\n{process.last_lines(said)}")
