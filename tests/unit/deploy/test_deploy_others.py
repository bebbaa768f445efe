"""What runs beside what is deployed, or instead of it; and whoever is killed with the lock."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from tests.unit.deploy.box import APP, KEY, Box, until


def _service(box: Box, model: str, kind: str) -> None:
    """Another model of the image's, started, with an end that is known."""
    box.write(f"{model}-model", f"{kind} {model}\n")
    box.write(f"etc/edge-infer/{model}.json", f'{{"model": "{box.folder}/{model}-model"}}\n')
    subprocess.run(
        ["setsid", "--fork", str(box.folder / "usr/lib/edgeimg/service"), model],
        env={"PATH": f"{box.bin}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    until((box.folder / f"run/edgeimg/{model}.status").exists)


def test_what_failed_before_takes_nothing_back(box: Box) -> None:
    _service(box, "faces", "crashing")
    done = box.put(box.bundle())
    assert (done.status, done.last.split()[0]) == (0, "deployed"), done.said
    assert "step not counted: faces (failed before)" in done.said
    assert "new" in box.ran()


def test_what_ran_before_and_fails_now_takes_it_back(box: Box) -> None:
    _service(box, "faces", "good")
    box.write("faces-model", "crashing faces\n")
    done = box.put(box.bundle())
    assert done.status == 11
    assert done.last.startswith("back service faces failed (exit status 1)")


def test_what_is_deployed_must_run_whatever_was_before(box: Box) -> None:
    _service(box, "digits", "crashing")
    assert box.put(box.bundle("crashing new")).status == 11
    assert box.put(box.bundle("good new")).status == 0


# What was deployed is refused while there is no camera; the image's own needs none.
NEEDS_CAMERA = """\
#!/bin/sh
case "$*" in *--selftest*) ;; */slots/*) [ -e BOX/camera ] || exit 2 ;; esac
"""


def test_the_same_again_is_said_to_run_when_it_does(box: Box) -> None:
    box.program("edge-infer", NEEDS_CAMERA + APP.replace("NAME", "").partition("\n")[2])
    camera = box.write("camera", "")
    bundle = box.bundle()
    assert box.put(bundle).status == 0
    assert "step try" not in box.put(bundle).said
    camera.unlink()
    assert box.boot() == "image"
    done = box.put(bundle)
    assert (done.status, done.last.split(":")[0]) == (
        11,
        "back service digits failed (exit status 2)",
    )
    assert "step unpack" not in done.said
    box.write("camera", "")
    done = box.put(bundle)
    assert (done.status, done.last.split()[0], box.ran()[-1]) == (0, "deployed", "new")
    assert f"current {done.last.split()[1]}\n" in box.call("state").said


SYSTEMCTL = """\
#!/bin/sh
case "$*" in
*InvocationID*) echo 17 ;;
show*) printf 'Result=success\\nExecMainStatus=0\\nActiveState=inactive\\n' ;;
esac
"""
JOURNALCTL = """\
#!/bin/sh
case "$*" in *=17) cat BOX/journal ;; esac
"""


def test_the_same_again_under_systemd(box: Box) -> None:
    (box.folder / "run/systemd/system").mkdir(parents=True)
    box.program("systemctl", SYSTEMCTL)
    box.program("journalctl", JOURNALCTL)
    journal = box.write("journal", "digits: a line\n")
    bundle = box.bundle()
    assert box.put(bundle).status == 0
    assert "step try" not in box.put(bundle).said
    journal.write_text(
        "edgeimg: service digits: what was deployed is refused; the image's own runs\n"
    )
    assert "step try" in box.put(bundle).said


# Takes the stale lock away, and dies before it has one of its own.
DEADLY_MV = """\
#!/bin/sh
/bin/mv "$@"
case "$*" in */lock*stale*) rm BOX/bin/mv; kill -KILL $PPID ;; esac
"""


def test_whoever_is_killed_while_it_takes_a_stale_lock_locks_nobody_out(
    tmp_path: Path,
) -> None:
    box = Box(tmp_path / "device", "dash")  # busybox's shell has a mv of its own
    bundle = box.bundle()
    with box.start("put", str(len(bundle)), KEY.sign(bundle, "x")) as process:
        until((box.folder / "data/deploy/incoming").exists)
        os.killpg(process.pid, signal.SIGKILL)
    (box.folder / "run/edgeimg/deploy/stale").mkdir()  # of an older image's script
    box.program("mv", DEADLY_MV)
    assert box.put(bundle).status == -signal.SIGKILL
    assert box.put(bundle).status == 0
