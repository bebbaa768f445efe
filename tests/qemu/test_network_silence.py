"""An image sends nothing anywhere that nobody asked for."""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Answer
from tests.qemu.conftest import Built
from tests.qemu.test_features import booted, build

pytestmark = pytest.mark.qemu

GUEST = bytes.fromhex("525400123456")  # QEMU's default for the first network card
GATEWAY = "10.0.2.2"

# Hosts, and parts of their names, that vendors' libraries are known to report to.
# Tried on ONNX Runtime 1.30.0, which is refused: both patterns find it.
COLLECTORS = re.compile(
    rb"OneCollector|events\.data\.microsoft|vortex\.data|pipe\.aria|applicationinsights"
    rb"|clearcut|app-measurement|google-analytics|firebaselogging|play\.googleapis"
    rb"|sentry\.io|segment\.io|mixpanel|/telemetry/v",
    re.IGNORECASE,
)
# What a library imports to reach a network, or loads later to do so.
NETWORKING = re.compile(
    rb"(?<=\x00)(?:socket|connect|send(?:to|msg)|getaddrinfo|gethostbyname(?:_r)?|res_n?query)\x00"
    rb"|lib(?:curl|ssl|resolv|nss3)[.0-9a-z-]*\.so"
)

# The network is up: answer for some seconds, end, and at last send what must be seen.
ANSWER = f"""\
#!/bin/sh
echo "test: $(ip -4 -o address show eth0 | awk '{{ print $4 }}')"
for round in 1 2 3; do
	edge-infer --config /etc/edge-infer/digits-onnx.json >/run/answers
	edge-infer --config /etc/edge-infer/digits-onnx.json --benchmark --iterations 200 >/dev/null
done
echo "test: $(wc -l </run/answers) answers"
sleep 2
ping -c 1 {GATEWAY} >/dev/null
echo "test: end"
"""


@pytest.fixture(scope="module")
def onnx_image(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX Runtime with a network that leads to name servers and beyond."""
    return build(
        built,
        tmp_path_factory.mktemp("onnx") / "product",
        "  network:\n    mode: static\n    address: 10.0.2.77/24\n"
        f"    gateway: {GATEWAY}\n    dns: [10.0.2.3]\n",
        models="digits-onnx",
        overlay={"etc/edgeimg/init.d/99-answer": ANSWER},
    )


def test_the_runtimes_know_no_collector_and_no_network(built: Built, onnx_image: Path) -> None:
    libraries = (
        built.project / "build/base/usr/lib/libLiteRt.so",
        onnx_image / "build/base/usr/lib/libonnxruntime.so.1",
    )
    for library in libraries:
        data = library.read_bytes()
        # As text of one and of two bytes a character.
        assert COLLECTORS.findall(data) == [], library.name
        assert COLLECTORS.findall(data.replace(b"\0", b"")) == [], library.name
        assert NETWORKING.findall(data) == [], library.name
        # Its imports are readable as they are: not packed, not stripped of names.
        assert b"\0malloc\0" in data or b"\0memcpy\0" in data


def test_nothing_is_sent_while_models_run(onnx_image: Path, tmp_path: Path) -> None:
    capture = tmp_path / "guest.pcap"
    dump = ["-object", f"filter-dump,id=dump,netdev=edgeimg-net,file={capture}"]
    with booted(onnx_image, more=dump) as guest:
        assert guest.until(r"test: \S+/\d+") == "test: 10.0.2.77/24"
        assert guest.until(r"test: \d+ answers") == "test: 16 answers"
        guest.until("test: end")
    sent = [_destination(frame) for frame in _frames(capture) if frame[6:12] == GUEST]
    assert sent, "the guest's card is silent altogether"
    unasked = [where for where in sent if where is not None]
    # One ping of our own shows that a packet is seen.
    assert unasked == [f"{GATEWAY} protocol 1"]


def test_the_release_with_telemetry_is_refused(
    tmp_path: Path, edgeimg: Callable[..., Answer]
) -> None:
    product = tmp_path / "edgeimg.yaml"
    product.write_text(
        "version: 1\nname: digits\nboard: qemu-arm64\nmodels: [digits-onnx]\n"
        'runtime: onnxruntime\nruntime_version: "1.30.0"\n'
    )
    answer = edgeimg("check", "--file", product)
    assert answer.status == 2
    assert "its library carries telemetry to its vendor" in answer.stderr


def _frames(capture: Path) -> Iterator[bytes]:
    """The Ethernet frames of a pcap file, as QEMU writes it."""
    data = capture.read_bytes()
    assert struct.unpack_from("=I", data)[0] == 0xA1B2C3D4
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        yield data[at + 16 : at + 16 + length]
        at += 16 + length


def _destination(frame: bytes) -> str | None:
    """Where a frame goes, or None when it stays on the wire: ARP, neighbour discovery,
    multicast."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0806:
        return None
    if kind == 0x0800:
        protocol = frame[23]
        address = str(ipaddress.IPv4Address(frame[30:34]))
        stays = ipaddress.IPv4Address(address).is_multicast
        return None if stays else f"{address} protocol {protocol}"
    if kind == 0x86DD:
        target = ipaddress.IPv6Address(frame[38:54])
        neighbour = frame[20] == 58 and 133 <= frame[54] <= 137
        stays = target.is_multicast or (neighbour and target.is_link_local)
        return None if stays else f"{target} next header {frame[20]}"
    return f"Ethernet type {kind:#06x}"
