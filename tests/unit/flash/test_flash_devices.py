"""Which devices may be written: as `lsblk` and the kernel describe them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeimg.flash.devices import Device, devices, parse
from edgeimg.flash.uses import Mount, of_mounts, parse_mounts


def node(name: str, number: str, kind: str = "disk", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"/dev/{name}",
        "type": kind,
        "size": 32 * 10**9,
        "rm": False,
        "ro": False,
        "vendor": None,
        "model": None,
        "serial": None,
        "tran": None,
        "maj:min": number,
        "fstype": None,
        **more,
    }


def read(
    *nodes: dict[str, Any],
    used: dict[str, tuple[str, ...]] | None = None,
    backing: dict[str, str] | None = None,
    sys: Path = Path("/nowhere"),
) -> dict[str, Device]:
    text = json.dumps({"blockdevices": nodes})
    return {one.path: one for one in parse(text, used or {}, backing or {}, sys)}


def test_a_card_in_a_reader_may_be_written() -> None:
    stick = node("sdb", "8:16", rm=True, vendor="SanDisk ", model="Ultra  Fit\x1b[2J", tran="usb")
    found = read(stick)["/dev/sdb"]
    assert (found.refused, found.removable) == ("", True)
    assert found.title == "/dev/sdb SanDisk Ultra Fit [2J, 32.0 GB"


def test_a_card_in_a_slot_of_the_machine_counts_as_removable(tmp_path: Path) -> None:
    for name, kind in (("mmcblk0", "MMC"), ("mmcblk1", "SD")):
        folder = tmp_path / "block" / name / "device"
        folder.mkdir(parents=True)
        (folder / "type").write_text(f"{kind}\n")
    found = read(node("mmcblk0", "179:0"), node("mmcblk1", "179:8"), sys=tmp_path)
    assert not found["/dev/mmcblk0"].removable
    assert found["/dev/mmcblk1"].removable


def test_the_root_is_found_below_encryption_and_lvm() -> None:
    root = node("vg-root", "253:1", "lvm")
    crypt = node("luks", "253:0", "crypt", children=[root])
    parts = [node("sda1", "8:1", "part"), node("sda2", "8:2", "part", children=[crypt])]
    disk = node("sda", "8:0", children=parts)
    found = read(disk, used={"253:1": ("/", "the home folder"), "8:1": ("/boot/efi",)})
    assert found["/dev/sda"].refused == "is in use by this system: /boot/efi, /, the home folder"
    assert found["/dev/sda1"].refused == "is a partition, on /dev/sda, and no disk"
    assert found["/dev/vg-root"].refused == "is of the kind lvm, on /dev/sda, and no disk"


@pytest.mark.parametrize(
    ("disk", "used", "reason"),
    [
        ({"rm": True}, {"8:17": ("mounted at /media/x",)}, "is mounted at /media/x"),
        ({"rm": True}, {"8:17": ("swap",)}, "is in use by this system: swap"),
        ({"rm": True, "ro": True}, {}, "is read-only"),
        ({"rm": True, "size": 0}, {}, "has no medium in it"),
        ({"type": "rom"}, {}, "is of the kind rom and no disk"),
    ],
)
def test_why_a_disk_is_refused(
    disk: dict[str, Any], used: dict[str, tuple[str, ...]], reason: str
) -> None:
    part = node("sdb1", "8:17", "part")
    assert (
        read(node("sdb", "8:16", children=[part], **disk), used=used)["/dev/sdb"].refused == reason
    )


def test_a_disk_of_an_array_is_held() -> None:
    array = node("md0", "9:0", "raid1")
    found = read(
        node("sdb", "8:16", children=[array]),
        node("sdc", "8:32", children=[node("sdc1", "8:33", "part", children=[array])]),
    )
    for path in ("/dev/sdb", "/dev/sdc"):
        assert found[path].refused == "is in use: /dev/md0 (raid1) is on it"


def test_a_loop_over_a_disk_holds_it() -> None:
    found = read(node("sdb", "8:16", rm=True), backing={"/dev/loop3": "/dev/sdb"})
    assert found["/dev/sdb"].refused == "is in use: /dev/loop3 is on it"


MOUNTS = """\
22 1 0:21 / / rw,relatime - btrfs /dev/sda2 rw,subvol=/@
23 22 0:21 / /home rw,relatime - btrfs /dev/sda2 rw,subvol=/@home
24 22 8:1 / /boot/efi rw,relatime shared:3 - vfat /dev/sda1 rw
25 22 8:17 / /media/my\\040card rw - ext4 /dev/sdb1 rw
26 22 0:40 / /proc rw - proc proc rw
"""


def test_mounts_are_read_with_spaces_and_of_all_disks_of_a_btrfs() -> None:
    mounts = parse_mounts(MOUNTS)
    assert mounts[3].folder == "/media/my card"
    btrfs = [frozenset({"8:2", "8:33", "0:21"})]
    swaps = "Filename Type Size Used Priority\n/swap.img file 1 0 -2\n"
    used = of_mounts(mounts, btrfs, ["/home/me"], swaps)
    assert used["8:33"] == used["8:2"] == ("/", "/home", "the home folder", "swap")
    assert used["8:1"] == ("/boot/efi",)
    assert used["8:17"] == ("mounted at /media/my card",)


@pytest.mark.parametrize(
    # The second is how Linux 6.8 shows layers that were added one by one.
    "layers",
    ["lowerdir={}:/nowhere,upperdir={}", "lowerdir+=/nowhere,lowerdir+={}", "datadir+={}"],
)
def test_below_an_overlay_lies_the_disk(tmp_path: Path, layers: str) -> None:
    device = tmp_path.stat().st_dev
    number = f"{device >> 8 & 0xFFF}:{device & 0xFF}"
    options = f"rw,{layers.replace('{}', str(tmp_path))}"
    mount = Mount(number="0:50", folder="/", source="overlay", options=options)
    assert of_mounts([mount], [], [], "")[number] == ("/",)


def test_this_machines_own_disk_is_refused() -> None:
    """Whatever disk this runs on: what holds / may never be written."""
    holding = [one for one in devices() if "/" in one.system and one.kind in ("disk", "loop")]
    assert all(one.refused for one in holding)
