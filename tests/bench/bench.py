"""`make bench`: the figures of the README, measured here and now.

Each line says what was measured, the limit it is held to, and what came out. Timings
depend on the machine: run it on an idle one, and compare only within one run.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import deploy, flash
from tests.catalogue import yocto_boards
from tests.unit.bsp.bspkit import BOARD, KERNEL, core, layer
from tests.upstream.products import product

EDGEIMG = Path(sys.executable).parent / "edgeimg"
PRODUCT = """\
version: 1
name: digits
board: qemu-arm64
models: [./digits.yaml]
features: {read-only-root: {}}
"""


def run(folder: Path, *arguments: str, cache: Path) -> tuple[float, str]:
    """Seconds from start to exit, and standard output."""
    env = {**os.environ, "EDGEIMG_CACHE": str(cache)}
    began = time.perf_counter()
    done = subprocess.run(
        [EDGEIMG, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, done.stdout


def median(folder: Path, *arguments: str, cache: Path, times: int = 5) -> float:
    return statistics.median(run(folder, *arguments, cache=cache)[0] for _ in range(times))


def show(what: str, limit: str, found: str) -> None:
    print(f"| {what} | {limit} | {found} |", flush=True)


def changed_model(folder: Path) -> None:
    """Another model file of the same kind: a letter of its description changes case."""
    path = folder / "digits_int8.tflite"
    data = bytearray(path.read_bytes())
    data[data.index(b"andwritten") - 1] ^= 0x20
    path.write_bytes(data)
    manifest = folder / "digits.yaml"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if not line.startswith("sha256:")))


def build_with_changed_model(folder: Path, cache: Path) -> float:
    found = []
    for _ in range(3):
        changed_model(folder)
        found.append(run(folder, "build", cache=cache)[0])
    return statistics.median(found)


def slowest_generate(folder: Path, cache: Path) -> tuple[float, str]:
    """Of all boards that Yocto serves, with everything prepared: seconds, and the board."""
    found = []
    for board, one in yocto_boards().items():
        if one.architecture not in ("arm64", "x86_64"):
            continue  # no runtime there
        options = ("--board", board, "--builder", "yocto", "--set", "accept_licenses=[NXP-EULA]")
        run(folder, "generate", *options, cache=cache)
        found.append((median(folder, "generate", *options, cache=cache, times=3), board))
    return max(found)


def first_inference(folder: Path, cache: Path, boot: str) -> float:
    found = []
    for _ in range(5):
        _, out = run(folder, "verify", "--boot", boot, "--output", "json", cache=cache)
        found.append(float(json.loads(out)["first_inference_seconds"]))
    return statistics.median(found)


def main(arguments: Sequence[str]) -> None:
    from edgeimg.resources import data

    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "product", Path(name) / "cache"
        folder.mkdir()
        subprocess.run(["cp", "-r", f"{data('models') / 'digits'}/.", folder], check=True)
        (folder / "edgeimg.yaml").write_text(PRODUCT)
        print("| what | at most | measured |\n|---|---|---|", flush=True)
        cold, _ = run(folder, "build", cache=cache)
        show("build, cold, downloads included", "25 s", f"{cold:.1f} s")
        show("`edgeimg check`", "0.4 s", f"{median(folder, 'check', cache=cache):.2f} s")
        generate = median(folder, "generate", cache=cache)
        show("`edgeimg generate`, inputs prepared", "0.5 s", f"{generate:.2f} s")
        whole = median(folder, "compat", cache=cache, times=3)
        show("`edgeimg compat`, the whole matrix", "2 s", f"{whole:.2f} s")
        seconds, board = slowest_generate(folder, cache)
        show("`edgeimg generate`, Yocto, the slowest board", "0.5 s", f"{seconds:.2f} s ({board})")
        nothing = median(folder, "build", cache=cache)
        show("build, nothing changed", "1 s", f"{nothing:.2f} s")
        show("build, model changed", "4 s", f"{build_with_changed_model(folder, cache):.1f} s")
        project = folder / "build/digits-qemu-arm64/build"
        disk = (project / "images/digits.img.zst").stat().st_size / 1e6
        root = (project / "root.squashfs").stat().st_size / 1e6
        show("disk image, zstd", "20 MB", f"{disk:.1f} MB")
        show("root file system, compressed", "6 MB", f"{root:.1f} MB")
        for boot, limit in (("kernel", "1.8 s"), ("disk", "2.6 s")):
            seconds = first_inference(folder, cache, boot)
            show(f"QEMU's start to first inference, {boot} boot", limit, f"{seconds:.2f} s")
        over, rest = flash.measure()
        show("`edgeimg flash`: writing, over bmaptool", "2 %", f"{over}; {rest}")
        show(
            "`edgeimg bsp import`, a layer with 100 machines", "10 s", bsp_import(Path(name), cache)
        )
        project = folder / "build/digits-qemu-arm64"
        seconds = deploy.seconds(project, Path(name) / "deploy")
        show(
            "`edgeimg deploy` of a 4 MB model to QEMU, selftest included", "3 s", f"{seconds:.1f} s"
        )
        if os.environ.get("EDGEIMG_BUILDROOT"):
            buildroot(Path(name) / "buildroot", cache)


def bsp_import(folder: Path, cache: Path) -> str:
    """A made layer with 100 machines, on the oe-core that OE_CORE names if it does."""
    files = {f"conf/machine/acme-{number}.conf": BOARD for number in range(100)}
    if given := os.environ.get("OE_CORE"):
        tune = "conf/machine/include/arm/armv8a/tune-cortexa53.inc"
        files = {
            path: text.replace("conf/machine/include/tune-a53.inc", tune)
            for path, text in files.items()
        }
    files["recipes-kernel/linux/linux-acme_6.12.bb"] = KERNEL
    layer(folder / "meta-acme", "acme", files)
    of_core = Path(given).resolve() if given else core(folder / "openembedded-core")
    arguments = ("bsp", "import", "meta-acme", "--core", str(of_core), "--force")
    seconds = median(folder, *arguments, cache=cache, times=3)
    return f"{seconds:.1f} s ({'openembedded-core' if given else 'a stub of oe-core'})"


def buildroot(folder: Path, cache: Path) -> None:
    """The figures of the buildroot builder, on the checkout that EDGEIMG_BUILDROOT names."""
    from edgeimg.resources import data

    subprocess.run(["cp", "-r", f"{data('models') / 'digits'}/.", folder], check=True)
    (folder / "edgeimg.yaml").write_text(product("qemu-arm64", "./digits.yaml"))
    first, _ = run(folder, "build", cache=cache)
    print(f"(Buildroot, nothing built or cached before: {first:.0f} s)")
    output = folder / "build/upstream-qemu-arm64-buildroot/build/output"
    shutil.rmtree(output)
    again, _ = run(folder, "build", cache=cache)
    show("Buildroot, first build, compiler's cache full", "90 s", f"{again:.0f} s")
    changed = build_with_changed_model(folder, cache)
    show("Buildroot, model changed", "20 s", f"{changed:.0f} s")
    ours = median(folder, "build", cache=cache)
    bare = statistics.median(_make(output.parent.parent, cache) for _ in range(5))
    show(
        "`edgeimg build` over the bare make", "1 s and 2 %", f"{ours - bare:.2f} s of {bare:.1f} s"
    )
    images = output.parent / "images"
    disk = (images / "upstream.img.zst").stat().st_size / 1e6
    root = (images / "root.squashfs").stat().st_size / 1e6
    show("Buildroot, disk image, zstd", "10 MB", f"{disk:.1f} MB")
    show("Buildroot, root file system", "6 MB", f"{root:.1f} MB")
    seconds = first_inference(folder, cache, "kernel")
    show("Buildroot, QEMU's start to first inference", "1.0 s", f"{seconds:.2f} s")


def _make(project: Path, cache: Path) -> float:
    """Seconds that the project's own make takes, with what edgeimg tells it."""
    words = [f"BUILDROOT={os.environ['EDGEIMG_BUILDROOT']}"]
    words += [f"DOWNLOADS={cache / 'buildroot-downloads'}", f"CCACHE={cache / 'ccache'}"]
    began = time.perf_counter()
    subprocess.run(["make", "-C", project, *words], check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1:])
