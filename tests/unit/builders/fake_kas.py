"""Stands in for kas: writes the event log of a real run, and what it deployed.

    python3 fake_kas.py build kas.yml -- [-g] [--postread FILE] --write-log LOG

`trouble` in the project says which recording, with what exit status, what is printed before
it, and whether it then waits: `{"recording": "wrynose-failure", "status": 1, "wait": true}`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

RECORDED = Path(__file__).parent / "recorded" / "yocto"
# What builds: a child in a group of its own, which TERM does not end, and two INT do.
BUILDS = """
import signal, sys, time
interrupts = []
def stop(*_):
    interrupts.append(1)
    if len(interrupts) == 2:
        open("build/interrupted", "w").close()
        sys.exit(1)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, stop)
open("build/waits", "w").close()
time.sleep(60)
"""


def main() -> None:
    trouble = {"recording": "wrynose-success", "status": 0}
    if (file := Path("build/trouble")).exists():
        trouble |= json.loads(file.read_text())
    if "--postread" in sys.argv:
        conf = Path("build") / sys.argv[sys.argv.index("--postread") + 1]
        print(conf.read_text(), flush=True)
    print(trouble.get("says", "INFO - a line of kas"), flush=True)
    if trouble["recording"]:
        log = Path(sys.argv[sys.argv.index("--write-log") + 1])
        # As BitBake does: and a reader may come in the middle of a line.
        whole = (RECORDED / f"{trouble['recording']}.log").read_text()
        half = len(whole) // 2
        with log.open("a") as stream:
            stream.write(whole[:half])
            stream.flush()
            time.sleep(0.3)
            stream.write(whole[half:])
    if trouble.get("wait"):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
        sys.exit(subprocess.Popen([sys.executable, "-c", BUILDS], process_group=0).wait())
    if trouble["status"] == 0:
        for name in json.loads(Path("build/deploys").read_text()):
            path = Path("build") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f"stamped-{path.name}").write_text(path.name)
            path.unlink(missing_ok=True)
            path.symlink_to(f"stamped-{path.name}")
    sys.exit(trouble["status"])


main()
