"""The device's side of `deploy`, run by both shells: what it refuses, and what runs after that."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.unit.deploy.box import APP, DEPLOY, IMAGE, KEY, SHELLS, Box, pack

from edgeimg.deploy.keys import SecretKey

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
OTHER = SecretKey(number=b"stranger", seed=bytes(32))


@pytest.fixture(params=sorted(SHELLS))
def box(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Box]:
    box = Box(tmp_path / "device", request.param)
    yield box
    box.cut()


@pytest.fixture
def dash_box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path / "device", "dash")
    yield box
    box.cut()


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


def _link(box: Box) -> bytes:
    path = box.folder / "link.tar"
    (box.folder / "manifest").write_text(f"edgeimg-deploy 1\nfits {IMAGE}\nid ab\nmodel digits\n")
    (box.folder / "out").symlink_to("/etc")
    with tarfile.open(path, "w") as tar:
        tar.add(box.folder / "manifest", "manifest")
        tar.add(box.folder / "out", "models")
    return path.read_bytes()


def _hard_link(box: Box) -> bytes:
    stream = io.BytesIO(box.bundle())
    with tarfile.open(fileobj=stream, mode="a") as tar:
        entry = tarfile.TarInfo("models/digits/labels.txt")
        entry.type, entry.linkname = tarfile.LNKTYPE, "/etc/hostname"
        tar.addfile(entry)
    return stream.getvalue()


def _manifest(*words: str) -> Callable[[Box], bytes]:
    text = f"edgeimg-deploy 1\nfits {IMAGE}\nid ID\nmodel digits\n"
    for old, new in zip(words[::2], words[1::2], strict=True):
        text = text.replace(old, new)
    return lambda box: box.bundle(manifest=text)


REFUSED: dict[str, tuple[Callable[[Box], bytes], str]] = {
    "no tar": (lambda box: b"rubbish" * 100, "it is no bundle: it has no manifest"),
    "no manifest": (lambda box: pack({"config/x": "x"}), "it is no bundle: it has no manifest"),
    "newer": (_manifest("deploy 1", "deploy 2"), "the bundle has format '2', this image knows 1"),
    "unknown key": (
        _manifest("model digits", "rubbish 1"),
        "its manifest says 'rubbish', which this image does not know",
    ),
    "product": (
        _manifest("fits digits", "fits door"),
        "the bundle is for the product 'door', the image has 'digits'",
    ),
    "architecture": (
        _manifest("arm64", "x86_64"),
        "the bundle is for the architecture 'x86_64', the image has 'arm64'",
    ),
    "runtime": (
        _manifest("litert", "onnxruntime"),
        "the bundle is for the runtime 'onnxruntime', the image has 'litert'",
    ),
    "version": (
        _manifest("2.1.6", "2.1.7"),
        "the bundle is for the runtime's version '2.1.7', the image has '2.1.6'",
    ),
    "accelerator": (
        _manifest("cpu", "npu-1"),
        "the bundle is for the accelerator 'npu-1', the image has 'cpu'",
    ),
    "id": (_manifest("id ID", "id ../x"), "its manifest has no id"),
    "model": (_manifest("model digits", "model faces"), "the image has no model 'faces'"),
    "name": (_manifest("model digits", "model ../x"), "'../x' is no name of a model"),
    "link": (_link, "it holds a link, or a name that leaves its folder"),
    "hard link": (_hard_link, "it holds a link, or a name that leaves its folder"),
    "above": (
        lambda box: box.bundle(**{"models/../../../x": "x"}),
        "it holds a link, or a name that leaves its folder",
    ),
    "root": (
        lambda box: box.bundle(**{"/etc/x": "x"}),
        "it holds a link, or a name that leaves its folder",
    ),
    "sums": (
        lambda box: box.bundle(SHA256SUMS=f"{'0' * 64}  manifest\n"),
        "a file is not what SHA256SUMS says",
    ),
    "selftest": (
        lambda box: box.bundle("wrong new"),
        'the selftest of digits default failed: {"frame":"01.pgm","selftest":"01.pgm.0.bin: value '
        '3 is 1, expected 2"} (exit status 4)',
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(box: Box, case: str) -> None:
    assert box.put(box.bundle("good old")).status == 0
    before, ran = box.held(), len(box.ran())
    make, why = REFUSED[case]
    done = box.put(make(box))
    assert done.status == 10
    # busybox's tar takes such a path as one inside the folder.
    inside = case in ("above", "root") and box.shell != SHELLS["dash"]
    assert done.last == f"refused {REFUSED['sums'][1] if inside else why}"
    assert (box.held(), len(box.ran())) == (before, ran)
    assert box.boot() == "old"


def test_only_whoever_has_the_key_deploys(box: Box) -> None:
    bundle = box.bundle()
    refused = "refused the signature is by none of the image's keys, or the bundle was changed"
    spoilt = bytearray(bundle)
    spoilt[-2000] ^= 1
    for data, signature in (
        (bundle, OTHER.sign(bundle, "x")),
        (bundle, KEY.sign(bundle + b"\0", "x")),
        (bytes(spoilt), KEY.sign(bundle, "x")),
        (bundle, KEY.sign(bundle, "x").replace("comment: x", "comment: y")),
        (bundle, ""),
        (bundle, "-h"),
    ):
        done = box.put(data, signature)
        assert (done.status, done.last) == (10, refused)
    assert box.held() == {"slots"}
    assert box.boot() == "image"


def test_nothing_is_read_before_the_signature_is_checked(dash_box: Box) -> None:
    dash_box.program("tar", "#!/bin/sh\ntouch BOX/tar-ran\nexit 1\n")
    dash_box.put(b"rubbish", "none")
    assert not (dash_box.folder / "tar-ran").exists()


def test_a_transfer_that_is_cut_short(box: Box) -> None:
    bundle = box.bundle()
    done = box.put(bundle[:5000], KEY.sign(bundle, "x"), len(bundle))
    assert done.last == f"refused the transfer was cut short: 5000 of {len(bundle)} bytes"
    assert box.held() == {"slots"}


@pytest.mark.parametrize("size", ["", "-1", "1e9", "9" * 20])
def test_a_size_that_is_none(box: Box, size: str) -> None:
    assert box.call("put", size, "x").last == f"refused '{size}' is no number of bytes"


def test_a_device_that_keeps_nothing(box: Box) -> None:
    box.write("proc/mounts", "overlay / overlay rw 0 0\n")
    assert box.put(box.bundle()).last == (
        "refused the device has no data partition, so nothing would be kept"
    )
    box.write("proc/mounts", "/dev/root / ext4 rw 0 0\n")  # upstream's disk of a board
    assert box.put(box.bundle()).status == 0


@pytest.fixture
def small_data(dash_box: Box) -> Iterator[Box]:
    """Its data partition has 1 MiB."""
    data = dash_box.folder / "data"
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(data)]
    if os.geteuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield dash_box
    subprocess.run(["umount", str(data)], check=True)


def test_a_full_disk(small_data: Box) -> None:
    box = small_data
    assert box.put(box.bundle("good old")).status == 0
    before = box.held()
    large = box.bundle("good large", **{"models/digits/weights": os.urandom(300_000)})
    assert "refused no space: " in box.put(large).last
    # It fills while it is received, or while it is unpacked: what was asked before was wrong.
    box.program("df", "#!/bin/sh\necho x x x 999999 x\n")
    for weights in (1_200_000, 600_000):
        large = box.bundle("good large", **{"models/digits/weights": os.urandom(weights)})
        assert box.put(large).last == "refused no space: /data is full"
        assert box.held() == before
    assert box.boot() == "old"


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
    _until(lambda: box.ran()[-1] == "two")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root takes back what renice gave")
def test_a_service_does_not_inherit_that_a_deploy_steps_back(box: Box) -> None:
    for name in ("one", "two"):
        assert box.put(box.bundle(f"camera {name}")).status == 0
        app = int((box.folder / "run/edgeimg/digits.app").read_text())
        assert os.getpriority(os.PRIO_PROCESS, app) == 0


def test_one_deploy_at_a_time(box: Box) -> None:
    bundle = box.bundle()
    with box.start("put", str(len(bundle)), KEY.sign(bundle, "x")) as first:
        _until((box.folder / "data/deploy/incoming").exists)
        for words in (("put", "100", "x"), ("rollback",)):
            assert box.call(*words).last == "refused another deploy is under way"
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
        _until(lambda: (box.folder / "data/deploy/state").read_text() == "- -\n")
        os.killpg(process.pid, signal.SIGHUP)
    _until(lambda: box.ran()[-1] == "image")
    assert "last deployed -" in box.call("state").said
    assert not (box.folder / "run/edgeimg/deploy/lock").is_symlink()


def test_how_the_one_before_ended_is_nothing_of_the_new_one(box: Box) -> None:
    assert box.put(box.bundle("camera new")).status == 0
    run = box.folder / "run/edgeimg"
    os.kill(int((run / "digits.pid").read_text()), signal.SIGKILL)
    (run / "digits.pid").write_text("1\n")
    os.kill(int((run / "digits.app").read_text()), signal.SIGTERM)
    _until(lambda: not box.running())
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
        _until(lambda: box.ran() == ["new"])
        os.killpg(process.pid, signal.SIGHUP)
    _until(lambda: "last deployed" in box.call("state").said)
    assert "current -" not in box.call("state").said


def test_the_power_goes_while_it_is_tried(box: Box) -> None:
    assert box.put(box.bundle("good old")).status == 0
    box.write("etc/edgeimg/deploy.conf", "TRIAL_SECONDS=600\n")
    bundle = box.bundle("camera new")
    with _sent(box, bundle, len(bundle)):
        _until(lambda: box.ran()[-1] == "new")
        box.cut()
    assert box.boot() == "old"
    assert box.put(box.bundle("good next")).status == 0
    assert box.slots() == 2


def test_whoever_tries_it_dies_and_the_service_starts_again(box: Box) -> None:
    box.write("etc/edgeimg/deploy.conf", "TRIAL_SECONDS=600\n")
    bundle = box.bundle("camera new")
    with _sent(box, bundle, len(bundle)) as process:
        _until(lambda: box.ran() == ["new"])
        judge = (box.folder / "run/edgeimg/deploy/trial").read_text().split()[1]
        os.kill(int(judge), signal.SIGKILL)
        process.wait(60)
    os.kill(int((box.folder / "run/edgeimg/digits.app").read_text()), signal.SIGKILL)
    _until(lambda: box.ran() == ["new", "image"])


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


# What `deploy` calls, by whose number it is killed; the rest is the shell's own.
CALLED = ("awk", "cat", "dd", "df", "grep", "head", "ln", "minisign", "mkdir", "mv", "readlink")
CALLED += ("renice", "rm", "setsid", "sha256sum", "sleep", "sync", "tar", "timeout", "wc")
COUNTING = """\
#!/bin/sh
echo >>BOX/count
read -r fatal <BOX/fatal
[ "$(stat -c %s BOX/count)" != "$fatal" ] || kill -KILL 0
exec {program} "$@"
"""


def test_killed_at_any_point_it_runs_the_old_or_the_new_one(dash_box: Box) -> None:
    box = dash_box
    for name in CALLED:
        program = shutil.which(name)
        assert program is not None
        box.program(name, COUNTING.format(program=program))
    box.write("fatal", "0\n")
    assert box.put(box.bundle("good 0")).status == 0
    old = "0"
    seen = set()
    for fatal in range(1, 200):
        count = box.write("count", "")
        box.write("fatal", f"{fatal}\n")
        new = str(fatal)
        done = box.put(box.bundle(f"good {new}"))
        box.write("fatal", "0\n")
        if done.status == 0 and count.stat().st_size < fatal:
            break
        runs = box.boot()
        assert runs in (old, new), f"killed at {fatal}"
        seen.add("new" if runs == new else "old")
        old = runs
    else:
        pytest.fail("it never came to its end")
    assert seen == {"old", "new"}
    assert fatal > 25
    assert box.held() - {"last", "slots", "state"} == {
        str(one.relative_to(box.folder / "data/deploy"))
        for one in (box.folder / "data/deploy/slots").glob("*")
    }
    assert box.slots() == 2


def test_everything_that_it_calls_is_in_busybox() -> None:
    lists = (DEPLOY.parents[5] / "scripts/applets").read_text().split()
    assert set(CALLED) - {"minisign"} <= set(lists)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while True:
        with suppress(OSError, IndexError):
            if condition():
                return
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
