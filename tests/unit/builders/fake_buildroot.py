"""Stands in for Buildroot: its targets, and what a real run said, with nothing compiled.

    python3 fake_buildroot.py OUTPUT TARGET [NAME=VALUE...]

`trouble` beside it makes it fail or wait at a package: `fail edge-infer`, `wait busybox`.
`recorded/fail-host-util-linux.log` is of another run, without a network, whose folder of
host-util-linux stands in `show-info.json`.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
RECORDED = HERE / "recorded"
STEP = re.compile(r">>> (\S+) ")


def show_info() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((RECORDED / "show-info.json").read_text())
    return found


def groups() -> list[tuple[str, list[str]]]:
    """The lines of the recorded run by package, in their order; at last those of no package."""
    by_package: dict[str, list[str]] = {}
    for line in (RECORDED / "build.log").read_text().splitlines():
        if line.startswith(">>>"):
            found = STEP.match(line)
            by_package.setdefault(found[1] if found else "", []).append(line)
    return sorted(by_package.items(), key=lambda one: one[0] == "")


def build(output: Path) -> None:
    info = show_info()
    trouble = (HERE / "trouble").read_text().split() if (HERE / "trouble").exists() else ["", ""]
    for package, lines in groups():
        if not package:
            print("\n".join(lines))
            continue
        stamp = output / info[package]["stamp_dir"] / ".stamp_installed"
        if stamp.exists():
            continue
        print("\n".join(lines), flush=True)
        if trouble == ["wait", package]:
            time.sleep(60)
        if trouble == ["fail", package]:
            print((RECORDED / f"fail-{package}.log").read_text().replace("OUTPUT", str(output)))
            sys.exit(2)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
    images = output / "images"
    images.mkdir(parents=True, exist_ok=True)
    for name in ("Image", "rootfs.squashfs", "digits.img"):
        (images / name).write_text(name)
    (output / "host").mkdir(exist_ok=True)


def configure(output: Path, defconfig: Path) -> None:
    """Takes all lines, but no symbol that holds DROPPED."""
    lines = [line for line in defconfig.read_text().splitlines() if "DROPPED" not in line]
    (output / ".config").write_text("\n".join(lines) + "\n")


def menu(output: Path) -> None:
    config = output / ".config"
    text = config.read_text().replace("# BR2_SYSTEM_DHCP is not set\n", "")
    text = re.sub(r'(?m)^(BR2_ROOTFS_OVERLAY=".*)"$', r'\1 /mine/too"', text)
    text = text.replace('BR2_ROOTFS_POST_BUILD_SCRIPT="', 'BR2_ROOTFS_POST_BUILD_SCRIPT="/first ')
    config.write_text(text + 'BR2_PACKAGE_STRACE=y\nBR2_TARGET_GENERIC_ISSUE="5 $$ a day"\n')


def main() -> None:
    output, target = Path(sys.argv[1]), sys.argv[2]
    given = dict(word.split("=", 1) for word in sys.argv[3:])
    output.mkdir(parents=True, exist_ok=True)
    if target == "all":
        build(output)
    elif target == "defconfig":
        configure(output, Path(given["BR2_DEFCONFIG"]))
    elif target == "savedefconfig":
        shutil.copy(output / ".config", given["DEFCONFIG"])
    elif target == "menuconfig":
        menu(output)
    elif target == "show-info":
        print(json.dumps(show_info()))
    elif target == "clean":
        shutil.rmtree(output / "build", ignore_errors=True)
    elif target.endswith("-dirclean"):
        package = target.removesuffix("-dirclean")
        shutil.rmtree(output / show_info()[package]["stamp_dir"], ignore_errors=True)
    else:
        sys.exit(f"no target {target}")


main()
