"""Boot, infer, compare, with a QEMU that plays a part: each failure has its own words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.unit.verify.kit import (
    ANSWERS,
    GOOD_CONSOLE,
    SHARE,
    FakeQemu,
    Stream,
    toy_goldens,
    toy_plan,
)

from edgeimg.errors import UserError
from edgeimg.events import Event, Log, Progress
from edgeimg.manifest.board import RefusedQemu
from edgeimg.verify.report import as_json, junit_xml, rows
from edgeimg.verify.run import verify_guest
from edgeimg.verify.verdict import Verdict


@pytest.fixture
def qemu(tmp_path: Path) -> FakeQemu:
    return FakeQemu(tmp_path)


def verify(qemu: FakeQemu, **more: Any) -> Verdict:
    plan = toy_plan(qemu.folder, qemu.board())
    return verify_guest(plan, qemu.artefacts, toy_goldens(), **more)


def only(verdict: Verdict) -> tuple[str, str]:
    """Kind and message of the only failure."""
    assert not verdict.passed
    assert len(verdict.failures) == 1, verdict.failures
    return verdict.failures[0].kind, verdict.failures[0].message


def test_good(qemu: FakeQemu) -> None:
    qemu.play(stream=Stream().data())
    events: list[Event] = []
    verdict = verify(qemu, report=events.append)
    assert verdict.passed, verdict.failures
    assert len(verdict.samples) == 4
    assert all(sample.exact for sample in verdict.samples)
    assert verdict.samples[0].top_1 == ("one", "one")
    assert verdict.userspace_seconds is not None
    assert verdict.first_inference_seconds is not None
    assert verdict.userspace_seconds <= verdict.first_inference_seconds <= verdict.seconds
    assert verdict.qemu == "7.2.22"
    assert verdict.runtimes == {"host": "rt 1.0", "guest": "rt 1.0"}
    assert Log(line="EFI stub: Booting") in events


def test_the_image_is_never_written(qemu: FakeQemu) -> None:
    qemu.play(stream=Stream().data())
    verify(qemu)
    args = qemu.args()
    drive = args[args.index("-drive") + 1]
    image = str(qemu.folder / "disk,1.img").replace(",", ",,")
    assert drive == f"if=none,id=disk,format=raw,snapshot=on,file={image}"
    assert "-no-reboot" in args
    assert not any("netdev" in word for word in args)


def test_kernel_boot_fills_the_braces_once(qemu: FakeQemu) -> None:
    qemu.play(stream=Stream().data())
    verify(qemu, how="kernel")
    args = qemu.args()
    assert args[args.index("-append") + 1] == "console=ttyAMA0 {kernel}"
    assert args[args.index("-kernel") + 1] == str(qemu.folder / "kernel")


def test_panic(qemu: FakeQemu) -> None:
    panic = "[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n"
    qemu.play(["edgeimg: init\r\n", panic, "[    1.2] ---[ end ]---\r\n"], sleep=30)
    verdict = verify(qemu)
    kind, message = only(verdict)
    assert kind == "panic"
    assert message.endswith("Kernel panic - not syncing: VFS: Unable to mount root fs")
    assert "---[ end ]---" in verdict.console[-1]
    assert verdict.seconds < 10


def test_panic_that_ends_qemu_with_status_0(qemu: FakeQemu) -> None:
    qemu.play(["Kernel panic - not syncing: Attempted to kill init!\n"])
    assert only(verify(qemu))[0] == "panic"


def test_hang(qemu: FakeQemu) -> None:
    qemu.play(["edgeimg: init\n", "no line end"], sleep=60)
    kind, message = only(verify(qemu, silence_limit=0.5))
    assert kind == "hang"
    assert message.startswith("the guest hangs: silent for")
    assert message.endswith(": edgeimg: init")
    with pytest.raises(ProcessLookupError):
        os.kill(qemu.pid(), 0)


def test_time_limit(qemu: FakeQemu) -> None:
    qemu.play([], sleep=60)
    kind, message = only(verify(qemu, time_limit=0.5))
    assert kind == "hang"
    assert message == "the guest got no further within 0.5 seconds, without a word"


def test_a_guest_that_gets_further(qemu: FakeQemu) -> None:
    # 6 s of work, half a second for each sample; one may take 4 s.
    slow = [f"edgeimg: verify toy default, {n} answered\n" for n in range(12)]
    qemu.play([*slow, GOOD_CONSOLE[-1]], stream=Stream().data(), pause=0.5)
    events: list[Event] = []
    verdict = verify(qemu, time_limit=4, report=events.append)
    assert verdict.passed, verdict.failures
    said = [event for event in events if isinstance(event, Progress)]
    assert (said[-1].done, said[-1].total) == (0, 2)
    assert said[-1].detail == "toy default, 11 answered"


def test_a_guest_that_says_the_same_again(qemu: FakeQemu) -> None:
    qemu.play(["edgeimg: verify toy default, 0 answered\n"] * 20, pause=0.2, sleep=60)
    kind, message = only(verify(qemu, time_limit=1))
    assert kind == "hang"
    assert message.startswith("the guest got no further within 1 seconds, after")


def test_qemu_dies_with_an_error(qemu: FakeQemu) -> None:
    qemu.play([], stderr="qemu: -device nvme: no such bus\n", status=1)
    assert only(verify(qemu)) == (
        "qemu",
        "QEMU ended with status 1: qemu: -device nvme: no such bus",
    )


def test_qemu_is_killed(qemu: FakeQemu) -> None:
    qemu.play(["edgeimg: init\n"], kill=True)
    assert only(verify(qemu)) == ("qemu", "QEMU ended by SIGKILL")


def test_a_guest_that_sends_nothing(qemu: FakeQemu) -> None:
    qemu.play()
    kind, message = only(verify(qemu))
    assert (kind, message) == ("truncated", "the guest sent no results")


def test_truncated(qemu: FakeQemu) -> None:
    qemu.play(GOOD_CONSOLE[:-1], stream=Stream().data()[:4000])
    kind, message = only(verify(qemu))
    assert kind == "truncated"
    assert "cut short" in message


def test_corrupted_on_the_wire(qemu: FakeQemu) -> None:
    data = bytearray(Stream().data())
    data[data.index(ANSWERS["a.pgm"])] ^= 4
    qemu.play(stream=bytes(data))
    kind, message = only(verify(qemu))
    assert kind == "corrupted"
    assert message.endswith("was changed on its way from the guest: wrong checksum")


def test_another_model(qemu: FakeQemu) -> None:
    stream = Stream()
    stream.inputs[f"{SHARE}/model.tflite"] = "0" * 64
    stream.raw["default", "a.pgm"] = bytes(3)  # its answers are not looked at
    qemu.play(stream=stream.data())
    assert only(verify(qemu)) == (
        "model",
        f"the model {SHARE}/model.tflite in the image is not the planned one: SHA-256 differs",
    )


def test_another_sample(qemu: FakeQemu) -> None:
    stream = Stream()
    stream.inputs[f"{SHARE}/samples/a.pgm"] = "0" * 64
    for mode in ("reference", "default"):
        stream.raw[mode, "a.pgm"] = bytes(3)
    qemu.play(stream=stream.data())
    verdict = verify(qemu)
    assert only(verdict) == (
        "sample",
        f"the sample {SHARE}/samples/a.pgm in the image is not the planned one: SHA-256 differs",
    )
    assert len(verdict.samples) == 2


def test_a_missing_sample(qemu: FakeQemu) -> None:
    stream = Stream()
    del stream.inputs[f"{SHARE}/samples/a.pgm"]
    qemu.play(stream=stream.data())
    assert only(verify(qemu))[1].endswith("samples/a.pgm is missing in the image")


def test_wrong_answer_in_one_bit(qemu: FakeQemu) -> None:
    stream = Stream()
    stream.raw["reference", "a.pgm"] = bytes([11, 100, 20])
    qemu.play(stream=stream.data())
    verdict = verify(qemu)
    assert only(verdict) == (
        "answer",
        "wrong answer: toy/a.pgm, reference kernels, output scores: "
        "1 of 3 values differ, value 0 by 1 (host: one, guest: one)",
    )
    assert [(row.mode, row.passed, row.exact) for row in rows(verdict)] == [
        ("reference", 1, 1),
        ("default", 2, 2),
    ]


def test_the_same_bit_is_within_the_tolerance_of_default_kernels(qemu: FakeQemu) -> None:
    stream = Stream()
    stream.raw["default", "a.pgm"] = bytes([11, 100, 20])
    qemu.play(stream=stream.data())
    verdict = verify(qemu)
    assert verdict.passed
    assert rows(verdict)[1].worst == 1


def test_a_little_more_than_that_says_what_allows_it(qemu: FakeQemu) -> None:
    stream = Stream()
    stream.raw["default", "a.pgm"] = bytes([15, 100, 20])
    qemu.play(stream=stream.data())
    verdict = verify(qemu)
    assert only(verdict)[1].endswith("off by 5 LSB, allowed are 3 (host: one, guest: one)")
    assert "`tolerance: {lsb: 5}`" in verdict.failures[0].hint
    # What the reference kernels find wrong too is wrong, and so is what is far off.
    stream.raw["reference", "a.pgm"] = bytes([15, 100, 20])
    stream.raw["default", "b with space.pgm"] = bytes([20, 10, 50])
    qemu.play(stream=stream.data())
    assert [failure.hint for failure in verify(qemu).failures] == ["", "", ""]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (139, "edge-infer was killed by SIGSEGV on toy, reference kernels\n  loading"),
        (3, "edge-infer could not use a sample (status 3) on toy"),
        (2, "edge-infer failed with status 2 on toy"),
        (250, "edge-infer was killed by signal 122 on toy"),
    ],
)
def test_the_application_dies(qemu: FakeQemu, status: int, words: str) -> None:
    stream = Stream(status=status, stderr=b"loading\x1b[31m\n")
    stream.raw.clear()
    qemu.play(stream=stream.data())
    verdict = verify(qemu)
    assert [failure.kind for failure in verdict.failures] == ["application", "application"]
    assert verdict.failures[0].message.startswith(words)
    assert "\x1b" not in verdict.failures[0].message


def test_missing_outputs(qemu: FakeQemu) -> None:
    stream = Stream()
    del stream.raw["default", "a.pgm"]
    qemu.play(stream=stream.data())
    kind, message = only(verify(qemu))
    assert kind == "missing"
    assert message == "the guest gave no output scores for toy/a.pgm, default kernels"


def test_an_app_that_leaves_no_output_at_all(qemu: FakeQemu) -> None:
    """One failure a mode, and not one a sample."""
    stream = Stream()
    stream.raw.clear()
    qemu.play(stream=stream.data())
    verdict = verify(qemu)
    assert [one.kind for one in verdict.failures] == ["missing", "missing"]
    assert "on toy, reference kernels, and left no output" in verdict.failures[0].message
    assert "--raw-output" in verdict.failures[0].hint


def test_a_mode_that_was_not_run(qemu: FakeQemu) -> None:
    plan = toy_plan(qemu.folder, qemu.board())
    extra = [*toy_goldens(), *(g for g in toy_goldens() if g.mode == "default")]
    extra[-1] = type(extra[-1])(**(vars(extra[-1]) | {"mode": "turbo"}))
    qemu.play(stream=Stream().data())
    verdict = verify_guest(plan, qemu.artefacts, extra)
    assert only(verdict)[1] == "the guest did not run toy with turbo kernels"


def test_a_guest_that_does_not_power_off_is_ended(
    qemu: FakeQemu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeimg.guest.qemu.POWER_OFF_SECONDS", 0.3)
    qemu.play(stream=Stream().data(), sleep=60)
    verdict = verify(qemu)
    assert verdict.passed
    assert verdict.seconds < 10


def test_ctrl_c_ends_qemu(qemu: FakeQemu) -> None:
    def interrupt(event: Event) -> None:
        if event == Log(line="edgeimg: init"):
            raise KeyboardInterrupt

    qemu.play(sleep=60)
    with pytest.raises(KeyboardInterrupt):
        verify(qemu, report=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(qemu.pid(), 0)


def test_a_refused_qemu(qemu: FakeQemu) -> None:
    refuse = RefusedQemu(version="7.2", argument="max", reason="SVE is wrong.", source="seen")
    board = qemu.board(args=("-cpu", "max,sve=off"), refuse=(refuse,))
    with pytest.raises(UserError, match=r"QEMU 7\.2\.22 is refused with 'max': SVE is wrong"):
        verify_guest(toy_plan(qemu.folder, board), qemu.artefacts, toy_goldens())
    qemu.play(version="QEMU emulator version 7.20.0", stream=Stream().data())
    assert verify_guest(toy_plan(qemu.folder, board), qemu.artefacts, toy_goldens()).passed


def test_no_machine_no_program_no_image(qemu: FakeQemu) -> None:
    with pytest.raises(UserError, match="the board bench has no QEMU machine"):
        verify_guest(toy_plan(qemu.folder), qemu.artefacts, toy_goldens())
    plan = toy_plan(qemu.folder, qemu.board(program="qemu-system-nowhere"))
    with pytest.raises(UserError, match="edgeimg doctor"):
        verify_guest(plan, qemu.artefacts, toy_goldens())
    qemu.artefacts.image.unlink()
    with pytest.raises(UserError, match=r"no such file. Build the image first"):
        verify(qemu)


def test_missing_firmware(qemu: FakeQemu) -> None:
    (qemu.folder / "kernel").unlink()
    with pytest.raises(UserError, match=r"firmware .*/kernel is missing. .* `edgeimg doctor`"):
        verify(qemu)


def test_reports_hold_hostile_text(qemu: FakeQemu) -> None:
    stream = Stream(status=1, stderr=b"]]> <b>\x00\x07&\n")
    qemu.play(["\x00<&\x1b]0;title\x07]]>\n", *GOOD_CONSOLE], stream=stream.data())
    verdict = verify(qemu)
    root = ElementTree.fromstring(junit_xml(verdict))
    suite = root[0]
    assert suite.get("tests") == "6"
    assert suite.get("failures") == "2"
    assert "]]> <b>" in (suite[4][0].text or "")
    assert as_json(verdict, toy_goldens())["passed"] is False


def test_junit_of_a_panic_shows_the_console(qemu: FakeQemu) -> None:
    qemu.play(["Kernel panic - not syncing: x\n"])
    text = junit_xml(verify(qemu))
    assert '<testcase classname="guest" name="panic">' in text
    assert "<system-out>" in text
