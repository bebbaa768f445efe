"""The device's side of `deploy`, run by both shells: what it refuses, and what runs after that."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.unit.deploy.box import APP, IMAGE, KEY, SHELLS, Box, until

# While what it has started ends, the service is neither up nor through.
SYSTEMCTL = """\
#!/bin/sh
[ "$1" = show ] || exit 0
echo Result=success
echo ExecMainStatus=0
if [ -e BOX/asked ]; then echo ActiveState=inactive; else echo ActiveState=deactivating; fi
touch BOX/asked
"""
SHARE = "/usr/share/edge-infer"


def test_a_new_model_runs_is_kept_and_taken_back(box: Box) -> None:
    assert box.boot() == "image"
    for name, state in (("first", 1), ("second", 2), ("third", 2)):
        done = box.put(box.bundle(f"good {name}"))
        assert (done.status, done.last.split()[0]) == (0, "deployed"), done.said
        assert box.ran()[-1] == name == box.boot()
        assert box.slots() == state
    steps = [line.split()[1] for line in done.said.splitlines() if line.startswith("step")]
    assert steps == ["receive", "check", "unpack", "selftest", "selftest", "try"]
    for name in ("second", "image"):
        assert box.call("rollback").status == 0
        assert box.boot() == name
    done = box.call("rollback")
    assert (done.status, done.last) == (10, "refused nothing is deployed: the image's own runs")
    assert box.slots() == 0


def test_a_new_app_runs_the_models_too(box: Box) -> None:
    app = APP.replace("NAME", "app-").replace("BOX", str(box.folder))
    assert box.put(box.bundle("good new", **{"app/edge-infer": app})).status == 0
    assert box.boot() == "app-new"


def test_the_same_twice_is_no_work(box: Box) -> None:
    bundle = box.bundle()
    assert box.put(bundle).status == 0
    done = box.put(bundle)
    assert (done.status, "unpack" in done.said) == (0, False)
    # Unless what lies there is not what was deployed.
    model = next((box.folder / "data/deploy/slots").glob("*/models/digits/model"))
    model.write_text("good rotten\n")
    assert "step unpack" in box.put(bundle).said
    assert box.boot() == "new"


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("crashing new", "service digits failed (exit status 1): "),
        ("refused new", "service digits failed (exit status 2): "),
    ],
)
def test_a_service_that_does_not_stay_up_is_taken_back(box: Box, model: str, why: str) -> None:
    assert box.put(box.bundle("good old")).status == 0
    done = box.put(box.bundle(model))
    assert (done.status, done.last[: len(why) + 5]) == (11, f"back {why}")
    if model.startswith("crashing") and box.shell == SHELLS["dash"]:  # busybox has a logread
        assert "it broke" in done.last
    assert box.boot() == "old"
    assert box.slots() == 1
    assert f"last back {why}" in box.call("state").said


def test_a_service_that_goes_on_is_kept_after_its_time(box: Box) -> None:
    assert box.put(box.bundle("camera one")).status == 0
    assert box.ran() == ["one"]
    assert box.put(box.bundle("camera two")).status == 0
    assert box.ran() == ["one", "two"]
    # The one before has ended, and comes back.
    assert box.put(box.bundle("crashing bad")).status == 11
    until(lambda: box.ran()[-1] == "two")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root takes back what renice gave")
def test_a_service_does_not_inherit_that_a_deploy_steps_back(box: Box) -> None:
    for name in ("one", "two"):
        assert box.put(box.bundle(f"camera {name}")).status == 0
        app = int((box.folder / "run/edgeimg/digits.app").read_text())
        assert os.getpriority(os.PRIO_PROCESS, app) == 0


def test_one_deploy_at_a_time(box: Box) -> None:
    bundle = box.bundle()
    with box.start("put", str(len(bundle)), KEY.sign(bundle, "x")) as first:
        until((box.folder / "data/deploy/incoming").exists)
        for words in (("put", "100", "x"), ("rollback",)):
            assert box.call(*words).last == "refused another deploy is under way: wait for its end"
        assert box.call("state").status == 0
        assert b"deployed" in first.communicate(bundle, timeout=60)[0]


def test_a_lock_whose_number_another_program_has_by_now(dash_box: Box) -> None:
    lock = dash_box.folder / "run/edgeimg/deploy/lock"
    lock.parent.mkdir()
    lock.symlink_to(str(os.getpid()))
    assert dash_box.put(dash_box.bundle()).status == 0


def test_nobody_hears_the_rollback(box: Box) -> None:
    assert box.put(box.bundle("camera new")).status == 0
    with box.start("rollback") as process:
        assert process.stdout is not None
        process.stdout.close()
        until(lambda: (box.folder / "data/deploy/state").read_text() == "- -\n")
        os.killpg(process.pid, signal.SIGHUP)
    until(lambda: box.ran()[-1] == "image")
    assert "last deployed -" in box.call("state").said
    assert not (box.folder / "run/edgeimg/deploy/lock").is_symlink()


def test_how_the_one_before_ended_is_nothing_of_the_new_one(box: Box) -> None:
    assert box.put(box.bundle("camera new")).status == 0
    run = box.folder / "run/edgeimg"
    os.kill(int((run / "digits.pid").read_text()), signal.SIGKILL)
    (run / "digits.pid").write_text("1\n")
    os.kill(int((run / "digits.app").read_text()), signal.SIGTERM)
    until(lambda: not box.running())
    assert not (run / "digits.status").exists()


def test_a_service_of_systemd_that_is_just_ending(box: Box) -> None:
    (box.folder / "run/systemd/system").mkdir(parents=True)
    box.program("systemctl", SYSTEMCTL)
    assert box.put(box.bundle()).last.startswith("deployed ")
    box.program("systemctl", SYSTEMCTL.replace("success", "exit-code"))
    assert "failed (exit status 0)" in box.put(box.bundle("good other")).last


@contextmanager
def _sent(box: Box, data: bytes, size: int) -> Iterator[subprocess.Popen[bytes]]:
    """A deploy whose data have come, and nothing more will."""
    with box.start("put", str(size), KEY.sign(data, "x")) as process:
        assert process.stdin is not None
        process.stdin.write(data)
        process.stdin.flush()
        if len(data) == size:
            process.stdin.close()
        yield process


def test_the_host_goes_away_while_it_sends(box: Box) -> None:
    with _sent(box, box.bundle()[:5000], 10000) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert box.held() == {"slots"}
    assert not (box.folder / "run/edgeimg/deploy/lock").is_symlink()


def test_the_host_goes_away_while_it_is_tried(box: Box) -> None:
    bundle = box.bundle("camera new")
    with _sent(box, bundle, len(bundle)) as process:
        until(lambda: box.ran() == ["new"])
        os.killpg(process.pid, signal.SIGHUP)
    until(lambda: "last deployed" in box.call("state").said)
    assert "current -" not in box.call("state").said


def test_the_power_goes_while_it_is_tried(box: Box) -> None:
    assert box.put(box.bundle("good old")).status == 0
    box.write("etc/edgeimg/deploy.conf", "TRIAL_SECONDS=600\n")
    bundle = box.bundle("camera new")
    with _sent(box, bundle, len(bundle)):
        until(lambda: box.ran()[-1] == "new")
        box.cut()
    assert box.boot() == "old"
    assert box.put(box.bundle("good next")).status == 0
    assert box.slots() == 2


def test_whoever_tries_it_dies_and_the_service_starts_again(box: Box) -> None:
    box.write("etc/edgeimg/deploy.conf", "TRIAL_SECONDS=600\n")
    bundle = box.bundle("camera new")
    with _sent(box, bundle, len(bundle)) as process:
        until(lambda: box.ran() == ["new"])
        judge = (box.folder / "run/edgeimg/deploy/trial").read_text().split()[1]
        os.kill(int(judge), signal.SIGKILL)
        process.wait(60)
    os.kill(int((box.folder / "run/edgeimg/digits.app").read_text()), signal.SIGKILL)
    until(lambda: box.ran() == ["new", "image"])


def test_another_image_ignores_what_was_deployed(box: Box) -> None:
    assert box.put(box.bundle()).status == 0
    box.write("etc/edgeimg/image", "FITS='digits arm64 litert 2.2.0 cpu'\n")
    assert box.boot() == "image"
    box.write("etc/edgeimg/image", f"FITS='{IMAGE}'\n")
    assert box.boot() == "new"


def _sent_there(box: Box, script: str, *words: str) -> dict[str, bytes]:
    """What a script that is sent to the device answers, by name."""
    done = subprocess.run(
        [*box.shell.split(), str(box.folder / "usr/lib/edgeimg" / script), *words],
        input=b"P5",
        env={"PATH": f"{box.bin}:{os.environ['PATH']}"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar if one.isfile()}  # type: ignore[union-attr]


def test_a_sample_is_given_to_what_was_deployed(box: Box) -> None:
    for name in ("image", "new"):
        answer = _sent_there(box, "infer", "digits", "default", "sample")
        assert answer["digits/default/status"] == b"0\n"
        assert box.ran()[-1] == name
        assert box.put(box.bundle("good new")).status == 0
    assert box.slots() == 1


def test_verify_checks_what_was_deployed_and_leaves_it_there(box: Box) -> None:
    share = box.write("usr/share/edge-infer/digits/model", "good image\n")
    assert "digits/default/status" in _sent_there(box, "verify", "stdout", "default")
    assert box.ran() == ["image"]
    assert box.put(box.bundle("good new")).status == 0
    answer = _sent_there(box, "verify", "stdout", "default")
    assert box.ran() == ["image", "new", "new"]
    sums = answer["INPUTS.sha256"].decode().replace(str(box.folder), "").splitlines()
    assert [line.split()[0] for line in sums if line.endswith(f"  {SHARE}/digits/model")] == [
        hashlib.sha256(content).hexdigest() for content in (share.read_bytes(), b"good new\n")
    ]
    assert not list((box.folder / "run").glob("edgeimg.*"))
    assert (box.slots(), box.boot()) == (1, "new")


@pytest.mark.parametrize("spoil", ["manifest", "config/digits.json", "state", "slot", "model"])
def test_what_is_spoilt_on_the_data_partition(box: Box, spoil: str) -> None:
    assert box.put(box.bundle()).status == 0
    home = box.folder / "data/deploy"
    slot = next(home.glob("slots/*"))
    if spoil == "slot":
        shutil.rmtree(slot)
    elif spoil == "state":
        (home / "state").write_bytes(b"\0\xff\n/../..")
    elif spoil == "model":  # the app refuses it with 2
        (slot / "models/digits/model").write_text("refused x\n")
    else:
        (slot / spoil).unlink()
    assert box.boot() == "image"
