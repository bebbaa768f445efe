"""The emitted Yocto project driven against a stand-in for kas, which replays real runs."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from tests.locks import fake_lock

from edgeimg.builders import yocto
from edgeimg.builders.image import Image
from edgeimg.builders.yocto import drive
from edgeimg.builders.yocto.artefacts import collect
from edgeimg.cli.verify import Way, artefacts_of, check_bootable
from edgeimg.errors import InternalError, UserError
from edgeimg.events import Event, Progress, Step
from edgeimg.guest.machine import arguments
from edgeimg.manifest.select import select
from edgeimg.plan.plan import Plan
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.write import write

CLONE = 'Command "/p$ git clone -q --bare -- ssh://git@git.example/x.git /ref/.tmp" failed:'
LICENSES = "tmp/deploy/licenses/jetson_orin_nano_devkit"
DEPLOYED = "tmp/deploy/images/jetson-orin-nano-devkit/digits-image-jetson-orin-nano-devkit.rootfs"


@dataclass(kw_only=True)
class Trial:
    """A product that is built again and again."""

    folder: Path
    cache: Path
    board: str = "jetson-orin"
    yocto: dict[str, object] = field(default_factory=dict)
    deployed: list[str] = field(
        default_factory=lambda: [f"{DEPLOYED}.tegraflash-tar.zst", f"{DEPLOYED}.manifest"]
    )
    container: bool = False
    events: list[Event] = field(default_factory=list)

    @property
    def progress(self) -> list[Progress]:
        return [one for one in self.events if isinstance(one, Progress)]

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def plan(self) -> Plan:
        file = self.folder / "edgeimg.yaml"
        product = {
            "version": 1,
            "name": "digits",
            "board": self.board,
            "builder": "yocto",
            "models": ["digits"],
            "yocto": self.yocto,
        }
        file.write_text(yaml.safe_dump(product))
        chosen = select(file=file)
        return resolve(chosen.product, chosen.source, self.cache)

    def build(self, **trouble: object) -> Image:
        plan = self.plan()
        self.events.clear()
        write(yocto.render(plan, Inputs(lock=fake_lock(plan))), self.project)
        build = self.project / "build"
        build.mkdir(exist_ok=True)
        (build / "deploys").write_text(json.dumps(self.deployed))
        (build / "trouble").write_text(json.dumps(trouble))
        return yocto.build(
            plan,
            self.project,
            offline=False,
            report=self.events.append,
            container=self.container,
        )


@pytest.fixture
def trial(tmp_path: Path, session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    fake = Path(__file__).with_name("fake_kas.py")
    monkeypatch.setattr(drive, "KAS", (sys.executable, str(fake)))
    monkeypatch.setattr(drive, "check_machine", lambda *_, **__: None)
    return Trial(folder=tmp_path, cache=session_cache)


def test_a_build_hands_out_its_artefacts(trial: Trial) -> None:
    image = trial.build()
    assert [one.name for one in trial.events if isinstance(one, Step)] == [
        "layers",
        "parse",
        "build",
        "images",
    ]
    last = trial.progress[-1]
    assert last.done == last.total > 50
    images = trial.project / "build/images"
    name = f"{Path(DEPLOYED).name}.tegraflash-tar.zst"
    assert image.disk == images / name
    about = json.loads((images / "image.json").read_text())
    assert about["machine"] == "jetson-orin-nano-devkit"
    digest = hashlib.sha256(image.disk.read_bytes()).hexdigest()
    said = {"what": "artefact", "size": image.disk.stat().st_size, "sha256": digest}
    assert about["files"][name] == said
    assert f"{digest}  {name}\n" in (images / "SHA256SUMS").read_text()
    assert "a line of kas" in (trial.project / "build/edgeimg.log").read_text()


def test_a_source_mirror_of_the_environment(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_MIRROR_URL", "https://mirror.example/s")
    trial.build()
    log = trial.project / "build/edgeimg.log"
    assert 'SOURCE_MIRROR_URL = "https://mirror.example/s"\nINHERIT +=' in log.read_text()
    trial.yocto["source_mirror"] = "https://own.example/s"
    trial.build()
    assert "mirror.example" not in log.read_text()
    del trial.yocto["source_mirror"]
    monkeypatch.setenv("SOURCE_MIRROR_URL", 'https://x" + os.system("y")')
    with pytest.raises(UserError, match=r"is not an address .*Correct the variable, or unset it\."):
        trial.build()


def test_what_did_not_change_is_not_read_again(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, plan = trial.build().disk, trial.plan()
    said = (disk.parent / "SHA256SUMS").read_text()
    read: list[str] = []
    digest = hashlib.file_digest
    monkeypatch.setattr(
        hashlib, "file_digest", lambda file, name: read.append(file.name) or digest(file, name)
    )
    assert collect(plan, trial.project).disk == disk
    assert (disk.parent / "SHA256SUMS").read_text() == said and read == []
    # In place, so that it is the same file still.
    content = disk.read_bytes()
    disk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    collect(plan, trial.project)
    changed = hashlib.sha256(disk.read_bytes()).hexdigest()
    assert f"{changed}  {disk.name}\n" in (disk.parent / "SHA256SUMS").read_text() != said
    assert [Path(one).name for one in read] == [disk.name]


def test_what_describes_the_image_is_handed_out_too(trial: Trial) -> None:
    stem = Path(DEPLOYED).name
    trial.deployed += [
        f"{DEPLOYED}.spdx.json",
        f"{LICENSES}/{stem}/license.manifest",
        f"{LICENSES}/{stem}/image_license.manifest",
        f"{LICENSES}/another-image-jetson-orin-nano-devkit.rootfs/license.manifest",
    ]
    images = trial.build().disk.parent
    files = json.loads((images / "image.json").read_text())["files"]
    assert {name: one["what"] for name, one in files.items()} == {
        f"{stem}.tegraflash-tar.zst": "artefact",
        f"{stem}.manifest": "list of packages",
        f"{stem}.spdx.json": "SBOM",
        "license.manifest": "licences",
        "image_license.manifest": "licences",
    }
    assert all((images / name).is_file() for name in files)


def test_licences_of_the_newest_image_without_a_link(trial: Trial) -> None:
    """As a container leaves them: the link's target is a path of its own."""
    trial.build()
    folder = trial.project / "build" / LICENSES
    for stamp in ("20260101000000", "20261101000000"):
        stamped = folder / f"{Path(DEPLOYED).name}-{stamp}"
        stamped.mkdir(parents=True)
        (stamped / "license.manifest").write_text(stamp)
    (folder / Path(DEPLOYED).name).symlink_to("/work/build/gone")
    images = trial.build().disk.parent
    assert (images / "license.manifest").read_text() == "20261101000000"


def test_an_image_for_qemu_is_booted_by_its_kernel(trial: Trial) -> None:
    trial.board = "qemu-arm64"
    deployed = "tmp/deploy/images/qemuarm64"
    name = "digits-image-qemuarm64.rootfs.ext4"
    trial.deployed = [f"{deployed}/{name}", f"{deployed}/Image"]
    image = trial.build()
    plan = trial.plan()
    assert plan.board.qemu is not None
    artefacts = artefacts_of(image)
    words = arguments(
        plan.board.qemu, artefacts, artefacts.boots, scratch=trial.folder, serial=[], stream=None
    )
    images = trial.project / "build/images"
    assert words[words.index("-kernel") + 1] == str(images / "Image")
    assert words[words.index("-append") + 1].split()[:2] == ["console=ttyAMA0", "root=/dev/vda"]
    assert "virtio-blk-pci,drive=disk" in words
    assert any(word.endswith(f"file={images / name}") for word in words)
    with pytest.raises(UserError, match="without a boot chain"):
        check_bootable(plan, Way.disk)


def test_a_layer_with_changes_is_noted(trial: Trial) -> None:
    layer = trial.folder / "meta-ours"
    (layer / "conf").mkdir(parents=True)
    (layer / "conf/layer.conf").touch()
    trial.yocto = {"layers": {"meta-ours": {"path": "meta-ours"}}}
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t.example", "-C", str(layer)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)

    def notes() -> list[str]:
        trial.build()
        return [one.detail for one in trial.events if isinstance(one, Step) and one.name == "note"]

    assert notes() == []
    (layer / "conf/layer.conf").write_text("BBPATH = ''\n")
    (note,) = notes()
    assert note.startswith("meta-ours: 1 files in ")
    assert str(layer) in (trial.project / "kas/product.yml").read_text()


def test_what_an_earlier_build_made_is_not_mixed_in(trial: Trial) -> None:
    trial.build()
    stale = trial.project / "build/images/digits-image-other.wic"
    stale.touch()
    trial.build()
    assert not stale.exists()


def test_a_failed_task_is_named_with_its_log(trial: Trial) -> None:
    with pytest.raises(InternalError) as caught:
        trial.build(recording="wrynose-failure", status=1)
    assert str(caught.value).startswith("the build failed: try-fail, do_compile")
    assert "log.do_compile." in caught.value.hint


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        ("wrynose-bad-rdep", "nothing RPROVIDES 'no-such-package'"),
        ("wrynose-bad-machine", "MACHINE=no-such-machine is invalid"),
        ("wrynose-bad-parse", "Could not inherit file classes/no-such-class.bbclass"),
    ],
)
def test_an_error_of_bitbake_is_one_line(trial: Trial, recording: str, words: str) -> None:
    with pytest.raises(InternalError) as caught:
        trial.build(recording=recording, status=1)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (
            "fatal: unable to access 'https://git.example/x/': Could not resolve host: git.example",
            "git.example cannot be reached",
        ),
        ("fatal: reference is not a tree: " + 40 * "a", "the pinned commit aaaa"),
        ("fatal: remote error: upload-pack: not our ref " + 40 * "b", "the pinned commit bbbb"),
        (
            f'Command "git rev-parse --verify --end-of-options {40 * "c"}^{{commit}}" failed:\n'
            "fatal: Needed a single revision",
            "the pinned commit cccc",
        ),
        ('ERROR    - Branch "b" cannot be found in repository "r"', "r has no branch b"),
        (
            'ERROR    - Branch "b" in repository "r" does not contain commit "dd"',
            "branch b of r has no commit dd",
        ),
        (
            f"{CLONE}\nssh: Could not resolve hostname git.example: Name or service not known\n"
            "fatal: Could not read from remote repository.",
            "git.example cannot be reached",
        ),
        (
            f"{CLONE}\nssh: connect to host git.example port 22: Connection refused\n"
            "fatal: Could not read from remote repository.",
            "git.example cannot be reached",
        ),
        (
            f"{CLONE}\nfatal: '/none' does not appear to be a git repository\n"
            "fatal: Could not read from remote repository.",
            "ssh://git@git.example/x.git cannot be cloned",
        ),
        (
            "INFO - ERROR: Unable to parse /p/bb/parse/parse_py/ConfHandler.py\n"
            "INFO - bb.parse.ParseError: ParseError at /p/conf/local.conf:9: unparsed line: 'A'",
            "does not read the settings: unparsed line: 'A'",
        ),
        ("error: write error: No space left on device", "the disk is full"),
    ],
)
def test_what_is_the_users_to_change_is_told_to_its_user(
    trial: Trial, says: str, words: str
) -> None:
    with pytest.raises(UserError) as caught:
        trial.build(recording="", status=1, says=says)
    assert words in str(caught.value)


def test_what_else_kas_says_is_one_line(trial: Trial) -> None:
    with pytest.raises(InternalError) as caught:
        trial.build(recording="", status=1, says="2026-11-21 - ERROR    - something else")
    assert "something else" in str(caught.value)


def test_an_artefact_that_is_missing_is_an_error(trial: Trial) -> None:
    trial.build()
    (trial.project / "build" / f"{DEPLOYED}.tegraflash-tar.zst").unlink()
    trial.deployed = [f"{DEPLOYED}.manifest"]
    with pytest.raises(InternalError, match=r"made no digits-image\*\.tegraflash-tar\.zst"):
        trial.build()
    # What was handed out before is still there.
    assert (trial.project / "build/images/image.json").exists()


def test_an_interrupt_reaches_bitbake_twice(trial: Trial) -> None:
    """kas alone would end only what talks to BitBake's server, which would build on."""
    build = trial.project / "build"

    def interrupt() -> None:
        end = time.monotonic() + 30
        while not (build / "waits").exists() and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        trial.build(recording="", status=0, wait=True)
    thread.join()
    assert (build / "interrupted").exists()
    trial.build()  # and the next run goes on


@pytest.mark.parametrize("name", ["a+b", "a@b", "a%b", "a:b", "é"])
def test_a_path_that_bitbake_refuses_is_refused_before_it_starts(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(drive, "has_locale", lambda _: True)
    drive.check_machine(tmp_path)
    with pytest.raises(UserError, match="BitBake needs a path of ASCII"):
        drive.check_machine(tmp_path / name)
    drive.check_machine(tmp_path / name, container=True)  # it has a path of its own in there


def test_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(UserError, match="does not run as root"):
        drive.check_machine(tmp_path)


def test_a_missing_locale_and_a_small_disk_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(drive, "YOCTO_LOCALE", "xx_XX.UTF-8")
    with pytest.raises(UserError, match="needs the locale xx_XX"):
        drive.check_machine(tmp_path)
    monkeypatch.setattr(drive, "YOCTO_LOCALE", "C.UTF-8")
    drive.check_machine(tmp_path / "not-there-yet")
    monkeypatch.setattr(drive, "YOCTO_GIB", 1e9)
    with pytest.raises(UserError, match="needs some"):
        drive.check_machine(tmp_path, disk=True)
    (tmp_path / "build/tmp").mkdir(parents=True)
    drive.check_machine(tmp_path, disk=True)  # one that goes on
