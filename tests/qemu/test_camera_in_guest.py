"""A real V4L2 camera: the kernel's own test driver, read by the app in a guest."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from tests.qemu.conftest import Built, run_edgeimg
from tests.qemu.kit import Guest, booted

from edgeimg.resources import data_root

# The kernel with all drivers is a download of 90 MB.
pytestmark = [pytest.mark.qemu, pytest.mark.boards, pytest.mark.slow]

PROBE = """\
#!/bin/sh
cd /tmp
exec 2>&1
config=/etc/edge-infer/digits-camera.json
infer() { # NAME SECONDS SED-SCRIPT: another camera; one line of its end
	sed "$3" $config >"$1.json"
	edge-infer --config "$1.json" >"$1.out" 2>"$1.err" &
	pid=$!
	sleep "$2"
	kill $pid 2>/dev/null
	wait $pid
	echo "probe: $1 $? $(wc -l <"$1.out") $(grep camera "$1.err" | tail -n 1)"
}
infer busy 3 ''
echo "probe: user $(stat -c %U:%G "/proc/$(pidof edge-infer | tr ' ' '\\n' | head -n 1)")"
systemctl stop edge-infer@digits-camera
echo "probe: stopped $(systemctl show -P Result edge-infer@digits-camera)"
infer mjpeg 3 's/"yuyv"/"mjpeg"/'
infer size 3 's/640/642/'
infer nv12 8 's/"yuyv"/"nv12"/'
infer fast 14 's/: 25/: 1000/; s/640/1280/; s/480/720/'
edge-infer --config $config >pulled.out 2>pulled.err &
sleep 6
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
wait $!
echo "probe: pulled $? $(wc -l <pulled.out) $(tail -n 1 pulled.err)"
infer gone 3 ''
echo "probe: driver $(grep -c '^uvcvideo ' /proc/modules)"
echo 'probe: end'
"""


@pytest.fixture(scope="module")
def project(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's whole kernel with its virtual camera, systemd, and the digits model at it."""
    folder = tmp_path_factory.mktemp("camera")
    board = yaml.safe_load((data_root() / "boards/qemu-arm64.yaml").read_text())
    board["name"] = "with-camera"
    board["builders"] = {
        "debian": {
            "kernel": "linux-image-arm64",
            "modules": [
                *("nvme", "ext4", "crc32c_generic", "squashfs", "overlay"),
                *("virtio_pci", "virtio_console"),
            ],
            "late_modules": ["vivid"],
            "kernel_args": board["builders"]["debian"]["kernel_args"],
        },
        "buildroot": {"unsupported": "a test"},
        "yocto": {"unsupported": "a test"},
    }
    (folder / "boards").mkdir()
    (folder / "boards/with-camera.yaml").write_text(yaml.safe_dump(board))
    model = folder / "models/digits-camera"
    shutil.copytree(data_root() / "models/digits", model)
    text = (model / "digits.yaml").read_text().replace("name: digits\n", "name: digits-camera\n")
    text += "camera: {format: yuyv, width: 640, height: 480, rate: 25}\n"
    (model / "digits-camera.yaml").write_text(text)
    (folder / "overlay/usr/bin").mkdir(parents=True)
    (folder / "overlay/usr/bin/probe").write_text(PROBE)
    (folder / "overlay/usr/bin/probe").chmod(0o755)
    (folder / "edgeimg.yaml").write_text(
        "version: 1\nname: digits\nboard: with-camera\nmodels: [digits-camera]\n"
        "catalogs: [.]\noverlay: overlay\nfeatures: {camera: {}, systemd: {}, serial-console: {}}\n"
    )
    done = run_edgeimg(folder, "build")
    assert done.status == 0, done.stderr
    return folder / "build/digits-with-camera"


def _said(guest: Guest, name: str) -> list[str]:
    """What the probe says of one camera: exit status, lines, the last words."""
    return guest.until(rf"probe: {name} .*").split(" ", 4)[2:]


def test_a_camera_is_read(project: Path) -> None:
    camera = "edge-infer: camera /dev/video0: "
    with booted(project) as guest:
        # Without the right to open it, the service would end as the one without a camera does.
        first = guest.until(r'digits-camera: \{"frame":"video0\.\d+".*')
        answer = json.loads(first.split(" ", 1)[1])
        assert answer["frame"] == f"video0.{answer['sequence']}"
        assert answer["time"] > 0
        told = guest.until(r"camera /dev/video0: \d+\.\d frames/s, .*dropped")
        assert 10 < float(re.findall(r"[\d.]+", told)[1]) < 26
        guest.until("[~/] #", prompt=True)
        guest.type("probe")
        assert _said(guest, "busy") == ["5", "0", f"{camera}busy: another program uses it"]
        assert not guest.until("probe: user .*").startswith("probe: user root")
        assert guest.until("probe: stopped .*") == "probe: stopped success"
        status, lines, words = _said(guest, "mjpeg")
        assert (status, lines) == ("5", "0")
        assert words.startswith(f"{camera}has no mjpeg (MJPG); it has: YUYV, ")
        status, lines, words = _said(guest, "size")
        assert (status, lines) == ("5", "0")
        assert re.search(r"gives YUYV of \d+x\d+ when asked for YUYV of 642x480$", words)
        status, lines, _ = _said(guest, "nv12")
        assert status == "0" and int(lines) > 10
        # More than the CPU has time for: it answers what it can, and says what it drops.
        status, lines, words = _said(guest, "fast")
        assert status == "0" and int(lines) > 10
        assert float(re.findall(r"([\d.]+)% of \d+ dropped", words)[0]) > 10
        status, lines, words = _said(guest, "pulled")
        assert (status, words) == ("5", f"{camera}unplugged")
        assert int(lines) > 10
        assert _said(guest, "gone")[0] == "5"
        assert guest.until("probe: driver .") == "probe: driver 1"


def test_the_check_goes_on_using_the_samples(project: Path) -> None:
    words = ("verify", "--offline", "--output", "json", "--time-limit", "300")
    done = run_edgeimg(project.parent.parent, *words)
    assert done.status == 0, done.stderr
    assert done.json["passed"] is True
    assert len(done.json["samples"]) == 32
