"""What apt says when something is wrong, and the line that a user can act on."""

from __future__ import annotations

import re

from edgeimg import process
from edgeimg.errors import UserError

# The texts are those of apt 2.2 to 3.0 (its source: apt-pkg/acquire*.cc, apt-private/private-*.cc).
# The order is that of causes: an archive out of reach is also one that is not signed.
UPDATE_PROBLEMS = (
    (
        r"No space left on device",
        "the disk of edgeimg's cache is full",
        "Make room, or set EDGEIMG_CACHE to another folder.",
    ),
    (
        r"Could not resolve|Temporary failure resolving|Connection (?:refused|failed|timed out)"
        r"|Could not connect|Cannot initiate the connection|Unable to connect|No route to host"
        r"|Network is unreachable|Connection reset|[Cc]ertificate|TLS|[Pp]roxy|  50[0-9] ",
        "the mirror cannot be reached",
        "Check the network, the proxy, and `mirror:` in edgeimg.yaml.",
    ),
    (
        r"BADSIG|GPG error|NO_PUBKEY|EXPKEYSIG|REVKEYSIG|signatures? (?:was|were|could|couldn't)"
        r"|OpenPGP signature verification failed|NOSPLIT|NODATA|Clearsigned file",
        "the archive's signature is wrong",
        "Nothing of it is used. Update debian-archive-keyring, or use another mirror.",
    ),
    (
        r"Release file for .* (?:is expired|is not valid yet)|is expired \(invalid since",
        "the archive's Release file is not valid today",
        "Check this machine's clock, and that the mirror is up to date.",
    ),
    (
        r"Hash Sum mismatch|unexpected size|Mirror sync in progress",
        "the mirror does not agree with its own signed list",
        "It is being updated or copied badly: try again later, or name another `mirror:`.",
    ),
    (
        r"does not have a Release file|404  ?Not Found|File not found|is not signed",
        "the mirror does not have this suite, signed",
        "Check `mirror:` in edgeimg.yaml, and the suite.",
    ),
)


def update_problem(done: process.Completed) -> UserError | None:
    """The cause of a failed `apt-get update`, or None when all went well."""
    # apt before 2.1.15 knows no Error-Mode: it warns, keeps an old list and returns 0.
    told = r"(?:W|E):" if done.status == 0 else r"(?:(?:W|E):|Err:|  )"
    lines = [line for line in done.stderr.splitlines() if re.match(told, line)]
    lines += [line for line in done.stdout.splitlines() if re.match(told, line)]
    for pattern, cause, hint in UPDATE_PROBLEMS:
        for line in lines:
            if re.search(pattern, line):
                return UserError(f"{cause} ({_tidy(line)})", hint=hint)
    return None


def unknown_packages(said: str) -> list[str]:
    """The names that apt did not find, in its order."""
    patterns = (
        r"^E: Unable to locate package (\S+)",
        r"^E: Package '([^']+)' has no installation candidate",
        r"^E: Can't select candidate version from package (\S+)",
        r"^E: Can't find a source to download version '[^']*' of '([^':]+)",
    )
    found = [match for pattern in patterns for match in re.findall(pattern, said, re.MULTILINE)]
    return list(dict.fromkeys(name.split(":")[0] for name in found))


def resolve_problem(said: str, role: str) -> UserError | None:
    """Packages that exist and cannot be had together."""
    _, marker, rest = said.partition("The following packages have unmet dependencies:")
    if not marker:
        return None
    lines = [" ".join(line.split()) for line in rest.splitlines() if line.startswith(" ")]
    why = "; ".join(lines[:4])
    return UserError(f"the packages of '{role}' do not fit together: {why}")


def _tidy(line: str) -> str:
    text = re.sub(r"^(?:W|E|Err:\d+)[: ]+", "", line)
    return " ".join(text.split())[:300].rstrip(".")
