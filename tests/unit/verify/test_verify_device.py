"""verify on a device: the real script, in real shells, with an app that plays a part."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from tests.unit.guest.device_kit import SHELLS, Sandbox
from tests.unit.verify.kit import SAMPLES, toy_goldens, toy_plan

from edgeimg.errors import UserError
from edgeimg.events import Event, Progress
from edgeimg.guest.device import open_device
from edgeimg.plan.plan import Plan
from edgeimg.verify.report import as_json, junit_xml
from edgeimg.verify.run import verify_device
from edgeimg.verify.verdict import Failure, Verdict


def verify(folder: Path, **more: Any) -> Verdict:
    plan = cast(Plan, SimpleNamespace(**vars(toy_plan(folder)), accelerator=None))
    return verify_device(plan, open_device("ssh://root@pi:2222"), toy_goldens(), **more)


@pytest.mark.parametrize("shell", SHELLS)
def test_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch, shell)
    events: list[Event] = []
    verdict = verify(tmp_path, report=events.append)
    assert verdict.passed, verdict.failures
    assert len(verdict.samples) == 2 * len(SAMPLES)
    assert as_json(verdict)["target"] == "ssh://root@pi:2222"
    assert (verdict.boot, verdict.qemu, verdict.first_inference_seconds) == ("", "", None)
    suite = ElementTree.fromstring(junit_xml(verdict))[0]
    assert suite.get("hostname") == "ssh://root@pi:2222"
    steps = [event.detail for event in events if isinstance(event, Progress)]
    assert steps == ["toy reference", "toy default"]
    assert [path.name for path in (sandbox.folder / "run").iterdir()] == ["edgeimg"]


def only(verdict: Verdict) -> tuple[str, str]:
    assert not verdict.passed
    assert len(verdict.failures) == 1, verdict.failures
    return verdict.failures[0].kind, verdict.failures[0].message


def test_another_model_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    sandbox.write({"usr/share/edge-infer/toy/model.tflite": "other"})
    kind, message = only(verify(tmp_path))
    assert kind == "model"
    assert "is not the planned one" in message


def test_a_wrong_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    (sandbox.folder / "answers/a.pgm.0.bin").write_bytes(bytes([100, 10, 20]))
    verdict = verify(tmp_path)
    assert [failure.kind for failure in verdict.failures] == ["answer", "answer"]


def test_an_app_that_refuses_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    sandbox.write({"app.says": "edge-infer: no such \x1b[31mkernels\n"})
    verdict = verify(tmp_path)
    kinds = {failure.kind for failure in verdict.failures}
    assert kinds == {"application"}
    assert "failed with status 2" in verdict.failures[0].message
    assert "\x1b" not in verdict.failures[0].message


def test_an_accelerator_that_the_service_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    sandbox.write({"app.says": "edge-infer: the delegate does not load\n"})
    unit = SimpleNamespace(title="Some NPU")
    plan = cast(Plan, SimpleNamespace(**vars(toy_plan(tmp_path)), accelerator=unit))
    verdict = verify_device(plan, open_device("ssh://pi"), toy_goldens())
    assert "may use the Some NPU: the model's service runs" in verdict.failures[0].hint


def test_a_connection_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    sandbox.connect("| head -c 3000", "echo 'client_loop: send disconnect' >&2; exit 255")
    kind, message = only(verify(tmp_path))
    assert kind == "truncated"
    assert "broke after 3,000 bytes: client_loop: send disconnect" in message


def test_a_stream_that_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    sandbox.connect("| head -c 3000")
    assert only(verify(tmp_path))[0] == "truncated"


def test_a_device_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    sandbox.program("edge-infer", "#!/bin/sh\nexec sleep 60\n")
    kind, message = only(verify(tmp_path, time_limit=1))
    assert kind == "hang"
    assert "did not answer within 1 seconds" in message


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("bin/edge-infer", "there is no edge-infer"),
        ("etc/edge-infer/toy.json", "there is no .*/etc/edge-infer"),
    ],
)
def test_no_image_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, said: str
) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    (sandbox.folder / broken).unlink()
    with pytest.raises(UserError, match=f"cannot be verified: {said}"):
        verify(tmp_path)


def test_a_device_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(tmp_path, monkeypatch)
    # The end of the results lies on a full disk.
    sandbox.program("sha256sum", "#!/bin/sh\nrm -f END; ln -s /dev/full END\n")
    with pytest.raises(UserError, match=f"no space is left in {sandbox.folder}/run"):
        verify(tmp_path)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Host key verification failed.", "compare the fingerprint"),
        ("root@pi: Permission denied (publickey).", "authorized_keys"),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "ssh-keygen -R",
        ),
        ("ssh: connect to host pi port 22: \x1b]0;x\x07Connection refused", "try `ssh` by hand"),
    ],
)
def test_ssh_does_not_get_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, hint: str
) -> None:
    Sandbox(tmp_path, monkeypatch).refuse(f"{said}\n")
    with pytest.raises(UserError, match="ssh does not get to pi") as caught:
        verify(tmp_path)
    assert hint in caught.value.hint
    assert "\x1b" not in str(caught.value)


def test_kernel_modes_come_from_the_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Sandbox(tmp_path, monkeypatch)
    goldens = [golden for golden in toy_goldens() if golden.mode == "default"]
    plan = cast(Plan, SimpleNamespace(**vars(toy_plan(tmp_path)), accelerator=None))
    verdict = verify_device(plan, open_device("ssh://pi"), [replace(goldens[0])])
    assert verdict.passed
    assert {sample.mode for sample in verdict.samples} == {"default"}


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeimg: Callable[..., Any]) -> Any:
    """`edgeimg verify` on a device that has another product, so that the verdict is a failure."""
    Sandbox(tmp_path, monkeypatch)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    words = ("verify", "--board", "qemu-arm64", "--target", "ssh://root@pi")
    return lambda *more: edgeimg(*words, *more)


def test_reports_of_a_project_here_lie_beside_it(there: Callable[..., Any], tmp_path: Path) -> None:
    answer = there("--project", ".")
    assert "the sample /usr/share/edge-infer/digits/samples/15.pgm is missing" in answer.stderr
    assert answer.status == 1
    assert (tmp_path / "work-device/verify.json").is_file()


def test_a_report_into_a_pipe_or_a_device_leaves_it_one(
    there: Callable[..., Any], tmp_path: Path
) -> None:
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target.xml"
    os.mkfifo(pipe)
    link.symlink_to(target)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert there("--junit", pipe).status == 1
        assert reader.communicate()[0].startswith(b"<testsuites>")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert there("--junit", link).status == 1
    assert link.is_symlink() and target.read_text().startswith("<testsuites>")


def test_a_report_that_cannot_be_written_is_named(
    there: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "work/build").write_text("in the way")
    answer = there("--junit", tmp_path / "good.xml")
    assert f"{tmp_path}/work/build/digits-qemu-arm64-device: cannot be written" in answer.stderr
    assert answer.status == 2


def test_what_failed_has_no_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    from edgeimg.cli.verify import _print_failure

    _print_failure(Failure(kind="answer", message="output \x1b]0;title\x07x is wrong\n  so"))
    assert capsys.readouterr().err == "FAIL: output x is wrong\n  so.\n"
