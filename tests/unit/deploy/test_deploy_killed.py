"""`deploy` killed at each of its calls: the old or the new one runs afterwards."""

from __future__ import annotations

import shutil

import pytest
from tests.unit.deploy.box import DEPLOY, Box

# What `deploy` calls, by whose number it is killed; the rest is the shell's own.
CALLED = ("awk", "cat", "dd", "df", "grep", "ln", "minisign", "mkdir", "mv", "readlink")
CALLED += ("renice", "rm", "setsid", "sha256sum", "sleep", "stat", "sync", "tar", "timeout")
COUNTING = """\
#!/bin/sh
echo >>BOX/count
read -r fatal <BOX/fatal
[ "$(wc -c <BOX/count)" != "$fatal" ] || kill -KILL 0
exec {program} "$@"
"""


def test_killed_at_any_point_it_runs_the_old_or_the_new_one(dash_box: Box) -> None:
    box = dash_box
    for name in CALLED:
        program = shutil.which(name)
        assert program is not None
        box.program(name, COUNTING.format(program=program))
    box.write("fatal", "0\n")
    assert box.put(box.bundle("good 0")).status == 0
    old = "0"
    seen = set()
    for fatal in range(1, 200):
        count = box.write("count", "")
        box.write("fatal", f"{fatal}\n")
        new = str(fatal)
        done = box.put(box.bundle(f"good {new}"))
        box.write("fatal", "0\n")
        if done.status == 0 and count.stat().st_size < fatal:
            break
        runs = box.boot()
        assert runs in (old, new), f"killed at {fatal}"
        seen.add("new" if runs == new else "old")
        old = runs
    else:
        pytest.fail("it never came to its end")
    assert seen == {"old", "new"}
    assert fatal > 25
    assert box.held() - {"last", "slots", "state"} == {
        str(one.relative_to(box.folder / "data/deploy"))
        for one in (box.folder / "data/deploy/slots").glob("*")
    }
    assert box.slots() == 2


def test_everything_that_it_calls_is_in_busybox() -> None:
    lists = (DEPLOY.parents[5] / "scripts/applets").read_text().split()
    assert set(CALLED) - {"minisign"} <= set(lists)
