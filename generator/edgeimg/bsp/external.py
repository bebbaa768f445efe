"""A vendor's external tree of Buildroot -> boards, read by kconfiglib from Buildroot's Kconfig."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgeimg.bsp.draft import FLASH, HEAD, Draft, board_name, one_line, quoted
from edgeimg.bsp.imports import Imported, put
from edgeimg.bsp.origin import origin
from edgeimg.builders.buildroot.kconfig import environment
from edgeimg.catalog.architectures import Architecture
from edgeimg.errors import UserError, did_you_mean
from edgeimg.events import Progress, Report, Step
from edgeimg.manifest.load import is_file, shown
from edgeimg.process import run

SUFFIX = "_defconfig"
MAX_BYTES = 1 << 20
# Symbol of the kernel's format -> the file that the kernel's make calls so.
FORMATS = {
    "BR2_LINUX_KERNEL_BZIMAGE": "bzImage",
    "BR2_LINUX_KERNEL_IMAGE": "Image",
    "BR2_LINUX_KERNEL_IMAGEGZ": "Image.gz",
    "BR2_LINUX_KERNEL_UIMAGE": "uImage",
    "BR2_LINUX_KERNEL_VMLINUX": "vmlinux",
    "BR2_LINUX_KERNEL_VMLINUX_BIN": "vmlinux.bin",
    "BR2_LINUX_KERNEL_VMLINUZ": "vmlinuz",
    "BR2_LINUX_KERNEL_ZIMAGE": "zImage",
}
# A tag of a vendor's repository may be the version of something else, such as `12.01.00.05`.
OF_LINUX = r"v?((?:2\.6|[3-9])(?:\.(?:0|[1-9][0-9]*)){1,2})(?![0-9.])"
LOADERS = {
    "BR2_TARGET_BAREBOX": "barebox",
    "BR2_TARGET_GRUB2": "GRUB",
    "BR2_TARGET_UBOOT": "U-Boot",
}


def is_external(path: Path) -> bool:
    """Whether the folder is an external tree of Buildroot."""
    return is_file(path / "external.desc")


def import_external(
    tree: Path,
    buildroot: Path,
    release: str,
    architectures: Mapping[str, Architecture],
    out: Path,
    *,
    names: tuple[str, ...],
    force: bool,
    report: Report,
) -> list[Imported]:
    """Writes a board for each defconfig of the tree.

    Args:
        buildroot: a checkout, whose Kconfig is read with the tree's.
        release: what it is of.
        names: defconfigs that are wanted, without `_defconfig`; none: all.

    Raises:
        UserError: there is none, or Buildroot does not take the tree.
    """
    tree = tree.resolve()
    files = {
        path.name.removesuffix(SUFFIX): path
        for path in sorted((tree / "configs").glob(f"*{SUFFIX}"))
    }
    for name in names:
        if name not in files:
            raise UserError(
                f"no {name[:60]}{SUFFIX} in {shown(tree)}/configs",
                place="--machine",
                hint=did_you_mean(name, sorted(files)),
            )
    wanted = tuple(dict.fromkeys(names)) or tuple(files)
    if not wanted:
        raise UserError("has no configs/*_defconfig", place=shown(tree))
    report(Step(name="Buildroot", detail=f"{release}, {len(wanted)} configurations"))
    done: list[Imported] = []
    with tempfile.TemporaryDirectory(prefix="edgeimg-bsp-") as scratch:
        output = Path(scratch)
        _link(buildroot, tree, output)
        with environment(buildroot, output):
            kconfig = _kconfig(buildroot, tree)
            for index, name in enumerate(wanted):
                report(Progress(name="configs", done=index, total=len(wanted), detail=name))
                done.append(
                    _one(kconfig, files[name], tree, release, architectures, out, done, force=force)
                )
    return done


def _link(buildroot: Path, tree: Path, output: Path) -> None:
    """Lets Buildroot's own script write what its Kconfig reads of the tree.

    Raises:
        UserError: it does not take the tree.
    """
    if re.search(r"\s", str(tree)):
        raise UserError("make needs a path without blanks", place=shown(tree), hint="Move it.")
    script = buildroot / "support/scripts/br2-external"
    done = run([script, "-d", output, tree], cwd=buildroot, check=False)
    if done.status != 0:
        said = ""  # what the script finds wrong is a line for make
        with suppress(OSError):
            text = (output / ".br2-external.mk").read_text(encoding="utf-8", errors="replace")
            said = text.partition("BR2_EXTERNAL_ERROR = ")[2]
        why = one_line(said or done.stderr) or f"its script ended with status {done.status}"
        raise UserError(f"Buildroot does not take it: {why}", place=shown(tree))


def _kconfig(buildroot: Path, tree: Path) -> Any:
    import kconfiglib

    try:
        return kconfiglib.Kconfig(str(buildroot / "Config.in"), warn=False)
    except (kconfiglib.KconfigError, OSError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(
            f"Buildroot's Kconfig cannot be read with it: {one_line(str(error))}", place=shown(tree)
        ) from None


def _one(
    kconfig: Any,
    path: Path,
    tree: Path,
    release: str,
    architectures: Mapping[str, Architecture],
    out: Path,
    before: list[Imported],
    *,
    force: bool,
) -> Imported:
    import kconfiglib

    name = path.name.removesuffix(SUFFIX)
    try:
        if path.stat().st_size > MAX_BYTES:
            return Imported(machine=name, state="failed", problem="is too large for a defconfig")
        text = path.read_text(encoding="utf-8")
        kconfig.load_config(str(path))
    except (kconfiglib.KconfigError, OSError, UnicodeDecodeError) as error:
        why = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else one_line(str(error))
        return Imported(machine=name, state="failed", problem=why)
    board = board_name(name)
    if not board or board in {one.board for one in before}:
        why = f"'{board or name}' cannot be the name of its board, or is another's"
        return Imported(machine=name, state="failed", problem=why)
    made = _draft(kconfig, name, board, tree, release, architectures, text)
    written = out / f"{board}.yaml"
    return Imported(
        machine=name,
        board=board,
        state=put(written, made, force=force),
        path=written,
        open=tuple(made.open),
        facts=made.shown,
    )


def _draft(
    kconfig: Any,
    name: str,
    board: str,
    tree: Path,
    release: str,
    architectures: Mapping[str, Architecture],
    text: str,
) -> Draft:
    def value(symbol: str) -> str:
        known = kconfig.syms.get(symbol)
        return str(known.str_value) if known is not None and known.nodes else ""

    made = Draft(name=board)
    made.say(f"# configs/{name}{SUFFIX} of {origin(tree).shown}, read with Buildroot {release}.")
    made.lines.append(HEAD.rstrip())
    for symbol in _dropped(kconfig, text):
        made.say(f"# This Buildroot has it not, or otherwise: {symbol}")
    made.say("version: 1")
    made.say(f"name: {quoted(board)}")
    made.say(f"summary: {quoted(name.replace('_', ' '))}")
    arch = next(
        (
            key
            for key, one in architectures.items()
            if one.buildroot.arch == value("BR2_ARCH")
            and all(value(symbol) == "y" for symbol in one.buildroot.symbols)
        ),
        None,
    )
    if arch:
        made.say(f"architecture: {arch} # BR2_ARCH")
    else:
        made.unknown("architecture", f"BR2_ARCH is {value('BR2_ARCH')}: none that edgeimg builds")
    cpu = value("BR2_GCC_TARGET_CPU")
    if cpu:
        made.say(f"cpu: {quoted(cpu)} # BR2_GCC_TARGET_CPU")
    else:
        made.unknown("cpu", "BR2_GCC_TARGET_CPU is not said")
    made.unknown("memory_mib", "RAM in MiB; no configuration says it")
    made.unknown("storage_mib", "size of the boot medium in MiB; no configuration says it")
    console = value("BR2_TARGET_GENERIC_GETTY_PORT")
    if re.fullmatch(r"[A-Za-z0-9]+", console) and console != "console":
        made.say(f"console: {quoted(console)} # BR2_TARGET_GENERIC_GETTY_PORT")
    else:
        made.unknown("console", f"BR2_TARGET_GENERIC_GETTY_PORT is {console or 'not said'}")
    made.unknown("offers", "such as [usb, pcie]; no configuration says them", needed=False)
    made.unknown("flash", FLASH, needed=False)
    made.say("default_builder: buildroot")
    made.say("builders:")
    made.say("debian: {unsupported: imported from Buildroot; buildroot serves this board}", 2)
    made.say("yocto: {unsupported: imported from Buildroot; buildroot serves this board}", 2)
    made.say("buildroot:", 2)
    made.say(f"external: {quoted(str(tree))}", 4)
    made.say(f"defconfig: {quoted(name)}", 4)
    _loader(made, value)
    _kernel(made, value, f"{name}{SUFFIX} of {origin(tree).shown}")
    _disk(made, value)
    made.shown |= {"architecture": arch or "", "cpu": cpu}
    made.shown["console"] = "" if "console" in made.open else console
    return made


def _dropped(kconfig: Any, text: str) -> list[str]:
    """The symbols of a defconfig that do not come to be as it says."""
    found = []
    for line in text.splitlines():
        assigned = re.fullmatch(r"(BR2_\w+)=(.*)", line.strip())
        if assigned is None:
            continue
        symbol = kconfig.syms.get(assigned[1])
        value = re.sub(r"\\(.)", r"\1", assigned[2].strip('"'))
        if symbol is None or not symbol.nodes or symbol.str_value != value:
            found.append(assigned[1])
    return found


def _loader(made: Draft, value: Any) -> None:
    found = [name for symbol, name in LOADERS.items() if value(symbol) == "y"]
    detail = value("BR2_TARGET_UBOOT_BOARD_DEFCONFIG")
    said = ", ".join(found) + (f" ({one_line(detail)})" if detail and found else "")
    made.say(f"# The bootloader: {said or 'none of Buildroot'}.", 4)
    made.shown["bootloader"] = said


def _kernel(made: Draft, value: Any, source: str) -> None:
    if value("BR2_LINUX_KERNEL") != "y":
        made.unknown("kernel", "the kernel's file; the configuration builds no kernel", 4)
        return
    files = [file for symbol, file in FORMATS.items() if value(symbol) == "y"]
    file = value("BR2_LINUX_KERNEL_IMAGE_TARGET_NAME") or next(iter(files), "")
    if file:
        made.say(f"kernel: {quoted(file)}", 4)
    else:
        made.unknown("kernel", "the kernel's file, such as Image", 4)
    version = value("BR2_LINUX_KERNEL_VERSION")
    where = value("BR2_LINUX_KERNEL_CUSTOM_TARBALL_LOCATION") or value(
        "BR2_LINUX_KERNEL_CUSTOM_REPO_URL"
    )
    if where:
        made.say(f"# The kernel is from {one_line(where, 140)}.", 4)
    number = re.match(OF_LINUX if where else r"v?([0-9]+(\.[0-9]+)+)", version)
    if number is None:
        said = f"{one_line(version) or 'not said'} is no version of Linux"
        made.unknown("provides", f"{{kernel: {{version: ...}}}}; {said}", 4, needed=False)
        made.shown["kernel"] = version
        return
    made.shown["kernel"] = number[1]
    made.say("provides:", 4)
    made.say("kernel:", 6)
    made.say(f'version: "{number[1]}"', 8)
    made.say(f"source: {quoted(f'BR2_LINUX_KERNEL_VERSION of {source}')}", 8)
    made.say("checked: read with kconfiglib, imported", 8)


def _disk(made: Draft, value: Any) -> None:
    """Who makes the image; what it is called, only the scripts know."""
    scripts = value("BR2_ROOTFS_POST_IMAGE_SCRIPT")
    if not scripts:
        made.say("# No script makes an image: the partitions are edgeimg's own.", 4)
        return
    made.say(f"# Images are made by {one_line(scripts)}.", 4)
    why = "the image that they make, such as sdcard.img; without it the partitions are edgeimg's"
    made.unknown("disk", why, 4)
