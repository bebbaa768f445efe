"""`edgeimg verify` on a real image: the good case, and each way to fail with its own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.qemu.conftest import Built, run_edgeimg

from edgeimg.resources import data_root

pytestmark = pytest.mark.qemu

Variant = Callable[..., Path]
SHARE = "usr/share/edge-infer/digits"
DIGITS = data_root() / "models/digits"


@pytest.mark.parametrize("boot", ["disk", "kernel"])
def test_the_image_answers_like_the_host(built: Built, boot: str) -> None:
    done = run_edgeimg(built.folder, "verify", "--boot", boot, "--output", "json")
    assert done.status == 0, done.stderr
    assert done.json["passed"] is True
    assert done.json["boot"] == boot
    assert done.json["first_inference_seconds"] > 0
    compared = {(one["mode"], one["sample"]) for one in done.json["samples"]}
    names = {path.name for path in (DIGITS / "samples").glob("*.pgm")}
    assert compared == {(mode, name) for mode in ("reference", "default") for name in names}
    assert all(one["exact"] for one in done.json["samples"] if one["mode"] == "reference")


def test_it_leaves_a_report_for_ci(built: Built, tmp_path: Path) -> None:
    report = tmp_path / "reports" / "verify.xml"
    done = run_edgeimg(built.folder, "verify", "--junit", report)
    assert done.status == 0, done.stderr
    suite = ElementTree.parse(report).getroot()
    cases = list(suite.iter("testcase"))
    assert len(cases) == 32
    assert not list(suite.iter("failure"))
    assert json.loads((built.project / "build/verify.json").read_text())["passed"] is True
    assert "passed" in done.stdout
    assert "\033" not in done.stdout + done.stderr


def _failed(folder: Path, *arguments: str) -> str:
    done = run_edgeimg(folder, "verify", *arguments)
    assert done.status == 1, done.stderr
    assert "FAILED" in done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def _flipped(path: Path, at: int) -> bytes:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    return bytes(data)


def test_a_kernel_panic(variant: Variant) -> None:
    init = "#!/bin/sh\necho 'edgeimg: init'\necho c >/proc/sysrq-trigger\n"
    assert "kernel panic" in _failed(variant(**{"usr/lib/edgeimg/init": init})).lower()


def test_a_hang(variant: Variant) -> None:
    init = "#!/bin/sh\necho 'edgeimg: init'\necho 'the last words'\nexec sleep 1000\n"
    folder = variant(**{"usr/lib/edgeimg/init": init})
    said = _failed(folder, "--boot", "kernel", "--time-limit", "20")
    assert "20 seconds" in said
    assert "the last words" in said


def test_an_app_that_crashes(variant: Variant) -> None:
    said = _failed(
        variant(**{"usr/bin/edge-infer": "#!/bin/sh\necho oh dear >&2\nkill -SEGV $$\n"})
    )
    assert "SIGSEGV" in said
    assert "oh dear" in said


def test_a_transfer_that_ends_too_early(variant: Variant) -> None:
    script = (
        "#!/bin/sh\nfor name in /sys/class/virtio-ports/*/name; do read -r value <$name\n"
        "[ $value = edgeimg.verify ] && port=/dev/$(basename ${name%/name}); done\n"
        "echo cut >/tmp/INPUTS.sha256; tar -c -C /tmp -f - INPUTS.sha256 | head -c 700 >$port\n"
        "echo 'edgeimg: verify end' >/dev/console; poweroff -f\n"
    )
    assert "cut short" in _failed(variant(**{"usr/lib/edgeimg/verify": script}))


def _verify_script(built: Built, before: str, after: str) -> str:
    text = (built.project / "root/usr/lib/edgeimg/verify").read_text()
    assert before in text
    return text.replace(before, after)


def test_a_result_that_changes_on_its_way(variant: Variant, built: Built) -> None:
    spoil = "printf x >>digits/default/raw/03.pgm.0.bin\necho 0 >END"
    script = _verify_script(built, "echo 0 >END", spoil)
    said = _failed(variant(**{"usr/lib/edgeimg/verify": script}))
    assert "digits/default/raw/03.pgm.0.bin" in said
    assert "checksum" in said.lower()


def test_one_bit_of_the_model(variant: Variant) -> None:
    model = _flipped(DIGITS / "digits_int8.tflite", 5000)
    said = _failed(variant(**{f"{SHARE}/model.tflite": model}))
    assert f"the model /{SHARE}/model.tflite in the image is not the planned one" in said


def test_one_bit_of_a_sample(variant: Variant) -> None:
    sample = _flipped(DIGITS / "samples/05.pgm", 40)
    said = _failed(variant(**{f"{SHARE}/samples/05.pgm": sample}))
    assert f"the sample /{SHARE}/samples/05.pgm in the image is not the planned one" in said


def test_a_wrong_answer(variant: Variant, built: Built) -> None:
    # Ten bytes of another digit's answer, before the guest takes its checksums.
    sums = 'sha256sum "$@" >SHA256SUMS'
    swap = "cp digits/default/raw/01.pgm.0.bin digits/default/raw/07.pgm.0.bin"
    script = _verify_script(built, sums, f"{swap}\n{sums}")
    said = _failed(variant(**{"usr/lib/edgeimg/verify": script}))
    assert "wrong answer: digits/07.pgm" in said
    assert "host: 7, guest: 1" in said
    assert "of the console" not in said, "it would hide the one line that matters"
