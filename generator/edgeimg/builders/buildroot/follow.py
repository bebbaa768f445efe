"""Follows a build by its lines: how far it is, and why it failed."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from edgeimg.errors import EdgeimgError, InternalError, UserError
from edgeimg.events import Log, Progress, Report, Step

SHOWN_LINES = 30
STYLE = re.compile(r"\x1b\[[0-9;]*m|\x1b\(B")
# Ours: "edgeimg: step config", "edgeimg: check: ...", "edgeimg: dropped BR2_X=y".
STEP = re.compile(r"edgeimg: step (\S+) ?(.*)")
NOTE = re.compile(r"edgeimg: note (.*)")
DROPPED = re.compile(r"edgeimg: dropped (BR2_\w+)=(.*)")
ERROR = re.compile(r"(?:\S+: \*\*\* )?edgeimg: ([a-z-]+): (.*)")
# Buildroot's own: ">>> busybox 1.37.0 Building", ">>>   Finalizing target directory".
BUILDROOT = re.compile(r">>> (\S*) (\S*) (\S.*)")
# make's: "make[1]: *** [...: /out/build/edge-infer-0.1.0/.stamp_built] Error 2".
BROKEN = re.compile(r"make.*\*\*\* \[(?:.*: )?.*/build/([^/]+)/\.stamp_(\w+)\] Error")

# What a failure is for its user: pattern of a line, message, hint.
KNOWN = (
    (
        re.compile(r"No space left on device"),
        "the disk is full",
        "Make room; the next run goes on from here.",
    ),
    (
        re.compile(r"ERROR: (\S+) has wrong (\S+) hash"),
        "{0} has another {1} than the project's",
        "What was downloaded was removed; when it happens again, its server has another file.",
    ),
    (
        re.compile(r"ERROR: No hash found for (\S+)"),
        "there is no hash for {0}",
        "Add it to the package's .hash, or below BR2_GLOBAL_PATCH_DIR.",
    ),
    (
        re.compile(r"You must install '([^']+)' on your build machine"),
        "the program {0} is missing",
        "Install it, or run `edgeimg doctor`.",
    ),
    (
        re.compile(r"You have (\S+) '([^']+)' installed\.\s+(.*) is required"),
        "{0} {1} is too old: {2} is required",
        "Install a newer one.",
    ),
    (
        re.compile(r"Unable to find the ncurses|requires the ncurses|ncurses.h: No such file"),
        "the menu needs the headers of ncurses",
        "Install libncurses-dev.",
    ),
)


@dataclass(kw_only=True)
class Follower:
    """Takes lines as they come.

    Attributes:
        report: where events go.
        project: the folder of the project.
        output: Buildroot's output folder.
        place: what is being built now, as (package, step).
        dropped: the symbols that Buildroot does not have, with the values asked for.
    """

    report: Report
    project: Path
    output: Path
    place: tuple[str, str] = ("", "")
    dropped: list[tuple[str, str]] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _tail: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN_LINES))
    _said: str = ""
    _user: bool = False
    _known: tuple[str, str] | None = None

    def line(self, text: str) -> None:
        """One line of the output."""
        text = STYLE.sub("", text)
        self._tail.append(text)
        if found := STEP.match(text):
            if found[1] == "build":
                self._count()
            self.report(Step(name=found[1], detail=found[2]))
        elif found := NOTE.match(text):
            self.report(Step(name="note", detail=found[1]))
        elif found := DROPPED.match(text):
            self.dropped.append((found[1], found[2]))
        elif found := ERROR.match(text):
            self._said = self._said or found[2].removesuffix("  Stop.")
            self._user = found[1] in ("check", "config")
        elif found := BUILDROOT.match(text):
            self._begin(found[1], found[3])
        else:
            self._look(text)
            self.report(Log(line=text))

    def failure(self, log: str) -> EdgeimgError:
        """Why it failed; the last lines are the error's note.

        Args:
            log: where the log is, as it is shown.
        """
        package, step = self.place
        where = f"{package}, {step.lower()}: " if package else ""
        message, hint = self._known or (self._said, "")
        if not message and step == "download":
            message = "no server has its source"
            hint = "Check the network, or name a `buildroot.primary_site` that has it."
        if self._user and not self._known:
            return UserError(message, hint=f"Log: {log}.")
        error = InternalError(
            f"the build failed: {where}{message or self._last()}",
            hint=f"{hint} Log: {log}.".strip(),
        )
        error.add_note("\n".join(self._tail))
        return error

    def _begin(self, package: str, step: str) -> None:
        self.place = (package, step)
        self._known = None  # it did not end there
        if package in self._names.values():
            self._done.add(package)
        done = len(self._done)
        detail = f"{package}: {step}" if package else step
        self.report(Progress(name="build", done=done, total=len(self._names), detail=detail))

    def _look(self, text: str) -> None:
        if broken := BROKEN.match(text):
            if not self._known or not self._known[0].startswith("the disk"):
                self.place = (
                    self._names.get(broken[1], broken[1]),
                    STAMPS.get(broken[2], broken[2]),
                )
            return
        for pattern, message, hint in KNOWN:
            if found := pattern.search(text):
                self._known = self._known or (message.format(*found.groups()), hint)

    def _count(self) -> None:
        """How many packages there are, and which of them an earlier run has finished."""
        try:
            packages = json.loads((self.project / "build/show-info.json").read_text("utf-8"))
        except (OSError, ValueError):
            return
        for name, about in packages.items():
            if folder := about.get("stamp_dir"):  # a file system has none
                self._names[Path(folder).name] = name
                if (self.output / folder / ".stamp_installed").exists():
                    self._done.add(name)

    def _last(self) -> str:
        return next((line.strip() for line in reversed(self._tail) if line.strip()), "")


STAMPS = {
    "downloaded": "download",
    "extracted": "extract",
    "patched": "patch",
    "configured": "configure",
    "built": "build",
    "staging_installed": "install to staging",
    "images_installed": "install images",
    "target_installed": "install to target",
    "host_installed": "install",
}
