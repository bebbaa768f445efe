"""Lines of a build: what they are taken for, and which error a failure becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeimg.builders.buildroot.follow import Follower
from edgeimg.errors import InternalError, UserError
from edgeimg.events import Event, Log, Progress


def _follow(*lines: str) -> tuple[Follower, list[Event]]:
    events: list[Event] = []
    follower = Follower(report=events.append, project=Path(), output=Path())
    for line in lines:
        follower.line(line)
    return follower, events


def test_a_bold_step_line_is_a_step() -> None:
    _, events = _follow(
        "\x1b[7m>>> host-m4 1.4.21 Building\x1b[27m", "\x1b[1mcc -c a.c\x1b(B\x1b[m"
    )
    assert events == [
        Progress(name="build", done=0, total=0, detail="host-m4: Building"),
        Log(line="cc -c a.c"),
    ]


def test_a_step_of_no_package_is_one_too() -> None:
    _, events = _follow(">>>   Finalizing target directory")
    assert events == [Progress(name="build", done=0, total=0, detail="Finalizing target directory")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cc1plus: fatal error: a.o: No space left on device", "the disk is full"),
        (
            "ERROR: busybox-1.37.0.tar.bz2 has wrong sha256 hash:",
            "busybox-1.37.0.tar.bz2 has another sha256 than the project's",
        ),
        (
            "ERROR: No hash found for linux-6.18.7.tar.xz",
            "there is no hash for linux-6.18.7.tar.xz",
        ),
        ("You must install 'rsync' on your build machine", "the program rsync is missing"),
        (
            "You have gcc '4.7' installed.  gcc >= 4.8 is required",
            "gcc 4.7 is too old: gcc >= 4.8 is required",
        ),
        (
            "make: *** [package/pkg-generic.mk:1: /o/build/x-1/.stamp_downloaded] Error 1",
            "no server",
        ),
    ],
)
def test_a_known_cause_is_said(line: str, said: str) -> None:
    error = _follow(line, "make: *** [Makefile:83: _all] Error 2")[0].failure("the.log")
    assert isinstance(error, InternalError)
    assert said in error.message
    assert error.hint.endswith("Log: the.log.")


def test_a_full_disk_is_said_whatever_follows() -> None:
    lines = ("write error: No space left on device", "ERROR: a.tar has wrong sha256 hash:")
    assert "the disk is full" in str(_follow(*lines)[0].failure("the.log"))


def test_with_jobs_side_by_side_the_broken_package_is_named() -> None:
    follower, _ = _follow(
        ">>> edge-infer 0.1.0 Building",
        ">>> zlib  Building",
        "make[1]: *** [package/pkg-generic.mk:273: /o/build/edge-infer/.stamp_built] Error 2",
    )
    assert "edge-infer, build: " in str(follower.failure("the.log"))


def test_our_own_word_is_the_message_and_the_users_to_mend() -> None:
    line = "Makefile:16: *** edgeimg: check: a path with a blank. Move it.  Stop."
    error = _follow(line, "make: *** [Makefile:44: check] Error 1")[0].failure("the.log")
    assert isinstance(error, UserError)
    assert error.message == "a path with a blank. Move it."
