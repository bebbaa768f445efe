"""What `edgeimg build` costs over `kas build` of the same project.

`python -m tests.bench.yocto FOLDER` as an ordinary user, on a Debian with what `make test-upstream`
installs for Yocto. The layers come as for any build, into FOLDER, where a second run finds them;
KAS_PREMIRRORS and KAS_CLONE_DEPTH are heeded. Recipes of oe-core are the stubs of
tests/upstream/yocto, and so is the image: app, runtime and model are really built and packaged,
and an image of the usual size is handed out.

Both commands run in turn, each first as often as the other, on one project with one environment.
Beside their difference stands what `edgeimg build` takes before and after kas, and CPU time: of
edgeimg itself, and the difference of all that ran, BitBake's server and its tasks among it. A busy
machine makes less noise in these.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.upstream.yocto.kit import HERE, sysroot

from edgeimg.builders.yocto import drive

BUILT, NOTHING_TO_DO = 2, 4  # times each
IMAGE_MIB = 128
STUBS = ("stub-native", "stub-sysroot")
LAYER = """\
BBPATH .= ":${LAYERDIR}"
BBFILES += "${LAYERDIR}/*.bb"
BBFILE_COLLECTIONS += "bench"
BBFILE_PATTERN_bench = "^${LAYERDIR}/"
LAYERSERIES_COMPAT_bench = "scarthgap wrynose"
"""
IMAGE = f"""\
SUMMARY = "Stands for the image"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${{COMMON_LICENSE_DIR}}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"
INHIBIT_DEFAULT_DEPS = "1"
inherit deploy nopackages
do_deploy() {{
    head -c {IMAGE_MIB}M /dev/zero >${{DEPLOYDIR}}/bench-image-${{MACHINE}}.rootfs.ext4
    head -c 16M /dev/zero >${{DEPLOYDIR}}/Image
}}
do_deploy[depends] += "packagegroup-edgeimg:do_build"
addtask deploy before do_build after do_compile
"""
MASKED = (
    "/openembedded-core/meta/recipes-",
    "/meta-openembedded/meta-oe/",
    "/meta-edgeimg/recipes-core/images/",
)


@dataclass(frozen=True, kw_only=True)
class Once:
    """Seconds of one run: all of it, before and after kas; of CPU, edgeimg's and everybody's."""

    whole: float
    outside: float = 0.0
    cpu: float = 0.0
    all_cpu: float = 0.0


def product(folder: Path) -> Path:
    """Writes the product and its layer; the project's folder."""
    layer = folder / "meta-bench"
    (layer / "conf").mkdir(parents=True, exist_ok=True)
    (layer / "conf/layer.conf").write_text(LAYER)
    (layer / "bench-image.bb").write_text(IMAGE)
    lines = [f'STUB_SYSROOT = "{sysroot()}"', "require conf/stub.conf"]
    lines += [f'BBMASK += "{mask}"' for mask in MASKED]
    lines += [f'BBFILE_PATTERN_IGNORE_EMPTY_{one} = "1"' for one in ("core", "openembedded-layer")]
    whole = {
        "version": 1,
        "name": "bench",
        "board": "qemu-arm64",
        "builder": "yocto",
        "models": ["digits"],
        "yocto": {
            "layers": {"stub": {"path": str(HERE / "meta-stub")}, "bench": {"path": str(layer)}},
            "local_conf": lines,
        },
    }
    (folder / "edgeimg.yaml").write_text(json.dumps(whole))
    return folder / "project"


PR_SET_CHILD_SUBREAPER = 36  # of <linux/prctl.h>


def settle(project: Path) -> None:
    """Waits until BitBake's server, which outlives the part that was started, has ended."""
    with (project / "build/bitbake.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def all_cpu() -> float:
    """Seconds of CPU of all that has run, once it has ended.

    BitBake's server leaves its parents; `main` lets it become a child of this process.
    """
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime


def forget(project: Path) -> None:
    """Nothing is parsed, and of what is built only the stubs are there."""
    for path in (project / "build/tmp", project / "build/cache"):
        shutil.rmtree(path, ignore_errors=True)
    for path in Path(os.environ["SSTATE_DIR"]).rglob("sstate:*"):
        if path.name.split(":")[1] not in STUBS:
            path.unlink()
    # With an empty one this is no first build, which wants 90 GiB.
    (project / "build/tmp").mkdir(parents=True)


def cpu(process: int) -> float:
    """Seconds of CPU that a process has taken, without those that it started; see proc(5)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def ours(project: Path) -> Once:
    """`edgeimg build`."""
    words = [sys.executable, "-m", "edgeimg", "build", "--project", project, "--output", "ndjson"]
    log = project.parent / "ours.log"
    before = all_cpu()
    began = time.perf_counter()
    at: dict[str, float] = {}
    own = 0.0
    with (
        log.open("w") as errors,
        subprocess.Popen(
            words, cwd=project.parent, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event.get("event") == "step":
                at[event["name"]] = time.perf_counter()
            if event.get("event") != "log":
                own = cpu(process.pid)  # of its last line, what it answers
    whole = time.perf_counter() - began
    if process.returncode:
        sys.exit(log.read_text())
    settle(project)
    outside = whole - (at["images"] - at["layers"])
    return Once(whole=whole, outside=outside, cpu=own, all_cpu=all_cpu() - before)


def plain(project: Path) -> Once:
    """`kas build`, with the environment that edgeimg gives it."""
    words, environment = drive.shell(project)
    words[words.index("shell")] = "build"
    log = project.parent / "plain.log"
    before = all_cpu()
    began = time.perf_counter()
    with log.open("w") as file:
        done = subprocess.run(
            words, cwd=project, env=environment, stdout=file, stderr=file, check=False
        )
    whole = time.perf_counter() - began
    if done.returncode:
        sys.exit(log.read_text())
    settle(project)
    return Once(whole=whole, all_cpu=all_cpu() - before)


def measure(project: Path, times: int, before: Callable[[Path], None]) -> str:
    """The overhead as the figure's text."""
    found: dict[Callable[[Path], Once], list[Once]] = {ours: [], plain: []}
    for turn in range(2 * times):
        run = ours if turn % 4 in (0, 3) else plain  # what comes second may find a warmer machine
        before(project)
        found[run].append(run(project))
    mine, base = (statistics.median(one.whole for one in found[run]) for run in (ours, plain))
    outside, own = (
        statistics.median(getattr(one, part) for one in found[ours]) for part in ("outside", "cpu")
    )
    with_us, without = (
        statistics.median(one.all_cpu for one in found[run]) for run in (ours, plain)
    )
    return (
        f"{mine - base:+.2f} s ({100 * (mine / base - 1):+.1f} %) of {base:.1f} s; "
        f"before and after kas {outside:.2f} s; {own:.2f} s of CPU, of all that ran "
        f"{with_us - without:+.2f} s of {without:.1f} s"
    )


def main(folder: Path) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    project = product(folder)
    # What was built elsewhere would be taken from there.
    os.environ["SSTATE_DIR"] = str(folder / "sstate")
    words = [sys.executable, "-m", "edgeimg", "generate", "--project", project]
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    forget(project)
    ours(project)  # clones, downloads and stubs
    for what, times, before in (("built", BUILT, forget), ("nothing to do", NOTHING_TO_DO, settle)):
        print(f"| {what} | 1 s and 2 % | {measure(project, times, before)} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
