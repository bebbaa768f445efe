"""Small layers, with what was met in the vendors' own; BitBake reads them for real."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.repositories import git

# As far as a machine needs it.
BITBAKE_CONF = """
OVERRIDES = "${MACHINEOVERRIDES}:forcevariable"
MACHINEOVERRIDES = "${MACHINE}"
PN = "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[0]}"
PV = "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[1] or '1.0'}"
DISTRO ??= "nodistro"
DISTRO_FEATURES ??= "systemd"
DISTRO_FEATURES:append = "${@' systemd' if d.getVar('INIT_MANAGER') == 'systemd' else ''}"
include conf/local.conf
include conf/machine/${MACHINE}.conf
include conf/distro/${DISTRO}.conf
"""
TUNE = """
DEFAULTTUNE ?= "cortexa53"
TUNE_ARCH = "aarch64"
TUNE_FEATURES = "aarch64 crc cortexa53"
TUNE_CCARGS = " -mcpu=cortex-a53+crc"
"""
TUNE_ARM = """
DEFAULTTUNE ?= "armv7athf"
TUNE_ARCH = "arm"
TUNE_FEATURES = "arm vfp callconvention-hard"
TUNE_CCARGS = " -march=armv7-a"
"""
KERNEL = 'LINUX_VERSION ?= "6.12.30"\nPV = "${LINUX_VERSION}+git"\ninherit kernel\n'
BOARD = """#@NAME: Acme One
require conf/machine/include/tune-a53.inc
MACHINEOVERRIDES =. "acme:"
MACHINE_FEATURES = "usbhost pci"
SERIAL_CONSOLES ?= "115200;ttyACM0 115200;ttyS1"
IMAGE_FSTYPES = "wic.gz wic.bmap"
PREFERRED_PROVIDER_virtual/kernel ?= "linux-acme"
PREFERRED_VERSION_linux-acme ?= "6.12%"
UBOOT_MACHINE = "acme_defconfig"
"""


def layer(
    folder: Path,
    name: str,
    files: Mapping[str, str | bytes] = {},
    *,
    depends: str = "core",
    series: str = "wrynose",
    priority: int = 6,
    more: str = "",
) -> Path:
    """Writes a layer; `files` by their path in it."""
    conf = f"""
BBPATH .= ":${{LAYERDIR}}"
BBFILES += "${{LAYERDIR}}/recipes-*/*/*.bb ${{LAYERDIR}}/recipes-*/*/*.bbappend"
BBFILE_COLLECTIONS += "{name}"
BBFILE_PATTERN_{name} = "^${{LAYERDIR}}/"
BBFILE_PRIORITY_{name} = "{priority}"
{f'LAYERSERIES_COMPAT_{name} = "{series}"' if series else ""}
LAYERDEPENDS_{name} = "{depends}"
{more}
"""
    for path, content in {"conf/layer.conf": conf, **files}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def core(folder: Path, series: str = "wrynose") -> Path:
    """A layer that stands for oe-core's; the folder that holds it."""
    files = {
        "conf/bitbake.conf": BITBAKE_CONF,
        "conf/machine/qemuarm64.conf": "require conf/machine/include/tune-a53.inc\n",
        "conf/machine/include/tune-a53.inc": TUNE,
        "conf/machine/include/tune-arm.inc": TUNE_ARM,
        "recipes-core/busybox/busybox_1.36.bb": "",
    }
    more = f'LAYERSERIES_CORENAMES = "{series}"'
    layer(folder / "meta", "core", files, depends="", series=series, priority=5, more=more)
    return folder


def meta_oe(folder: Path) -> Path:
    """A layer with the name of that which every product needs."""
    return layer(folder, "openembedded-layer")


def acme(folder: Path, **more: str | bytes) -> Path:
    """A vendor's layer with one machine."""
    files: dict[str, str | bytes] = {
        "conf/machine/acme-one.conf": BOARD,
        "recipes-kernel/linux/linux-acme_6.12.bb": KERNEL,
        "recipes-kernel/linux/linux-acme_6.6.bb": KERNEL.replace("6.12.30", "6.6.9"),
    }
    return layer(folder, "acme", {**files, **more})


def publish(folder: Path, url: str) -> str:
    """Makes the folder a checkout of a branch `wrynose` that its remote has; the commit."""
    git(folder, "init", "-q", "-b", "wrynose")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")
    git(folder, "remote", "add", "origin", url)
    git(folder, "update-ref", "refs/remotes/origin/wrynose", "HEAD")
    return git(folder, "rev-parse", "HEAD")
