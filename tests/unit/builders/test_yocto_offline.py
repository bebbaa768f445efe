"""A build without the network: what it needs is here, or one line says what is not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from tests.repositories import git
from tests.unit.builders.test_yocto_drive import Trial

from edgeimg.builders import yocto
from edgeimg.builders.yocto import drive
from edgeimg.builders.yocto.at_hand import needs_network, without_network
from edgeimg.builders.yocto.events import Failed
from edgeimg.errors import InternalError, UserError
from edgeimg.events import silent
from edgeimg.manifest.select import select
from edgeimg.plan.plan import Plan, YoctoPlan
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.inputs import Inputs, lock_request
from edgeimg.prepare.lock import Lock
from edgeimg.render.write import write

# As kas names what it keeps of https://git.openembedded.org/bitbake and its like.
HOST = "git.openembedded.org"


@dataclass(kw_only=True)
class Offline:
    """An emitted project, and servers of its layers that only this test knows."""

    folder: Path
    plan: Plan

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def references(self) -> Path:
        return self.folder / "references"

    @property
    def yocto(self) -> YoctoPlan:
        assert self.plan.yocto is not None
        return self.plan.yocto

    def environment(self) -> dict[str, str]:
        given = {"PATH": "/usr/bin:/bin", "KAS_REPO_REF_DIR": str(self.references)}
        return without_network(self.yocto, self.project, given)

    def upstream(self, name: str) -> Path:
        return self.folder / "upstream" / name

    def refer(self) -> None:
        """What a build with the network leaves in the cache."""
        for name in self.yocto.repositories:
            git(
                self.folder,
                "clone",
                "-q",
                "--bare",
                self.upstream(name),
                self.references / f"{HOST}.{name}",
            )

    def kas(self, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """The real one brings the layers to their commits, which no server on earth has."""
        return subprocess.run(
            [sys.executable, "-m", "kas", "for-all-repos", "kas.yml", "true"],
            cwd=self.project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def trial(tmp_path: Path, session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    fake = Path(__file__).with_name("fake_kas.py")
    monkeypatch.setattr(drive, "KAS", (sys.executable, str(fake)))
    monkeypatch.setattr(drive, "check_machine", lambda *_, **__: None)
    return Trial(folder=tmp_path, cache=session_cache)


@pytest.fixture
def offline(tmp_path: Path, session_cache: Path) -> Offline:
    file = tmp_path / "edgeimg.yaml"
    product = {
        "version": 1,
        "name": "digits",
        "board": "qemu-arm",
        "builder": "yocto",
        "models": ["digits"],
        "runtime": "tflite",
        "yocto": {},
    }
    file.write_text(yaml.safe_dump(product))
    chosen = select(file=file)
    plan = resolve(chosen.product, chosen.source, session_cache)
    assert plan.yocto is not None
    # Those of one server; another names its repositories in the same way.
    kept = {name: one for name, one in plan.yocto.repositories.items() if HOST in (one.url or "")}
    assert len(kept) == 3
    plan = replace(plan, yocto=replace(plan.yocto, repositories=kept, own=(), needed=()))
    made = Offline(folder=tmp_path, plan=plan)
    layers = []
    for name, one in kept.items():
        upstream = made.upstream(name)
        git(tmp_path, "init", "-q", "-b", str(one.branch), upstream)
        if name == "openembedded-core":
            (upstream / "oe-init-build-env").write_text("# kas sources it\n")
            git(upstream, "add", ".")
        git(upstream, "commit", "-q", "--allow-empty", "-m", name)
        layers.append({"name": name, "commit": git(upstream, "rev-parse", "HEAD")})
    lock = Lock.model_validate(
        {
            "version": 1,
            "request": lock_request(plan).digest(),
            "wheels": (),
            "layers": tuple(layers),
        }
    )
    write(yocto.render(plan, Inputs(lock=lock)), made.project)
    return made


def test_what_is_kept_serves_another_project(offline: Offline) -> None:
    offline.refer()
    environment = offline.environment()
    done = offline.kas(environment)
    assert done.returncode == 0, done.stderr
    assert offline.environment() == environment
    done = offline.kas(environment)
    assert done.returncode == 0, done.stderr


def test_clones_of_the_projects_own_suffice(offline: Offline) -> None:
    """As `kas build` makes them in it, with nothing kept for others."""
    for name in offline.yocto.repositories:
        git(
            offline.folder,
            "clone",
            "-q",
            offline.upstream(name),
            offline.project / "sources" / name,
        )
    environment = offline.environment()
    done = offline.kas(environment)
    assert done.returncode == 0, done.stderr


def test_a_clone_that_a_container_made_is_whole(offline: Offline) -> None:
    offline.refer()
    assert offline.kas(offline.environment()).returncode == 0
    for clone in (offline.project / "sources").iterdir():
        alternates = clone / ".git/objects/info/alternates"
        alternates.write_text(alternates.read_text().replace(str(offline.references), "/repo-ref"))
    assert "KAS_REPO_REF_DIR" in offline.environment()


def test_what_is_missing_is_named_before_kas_starts(
    offline: Offline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "check_machine", lambda *_, **__: None)
    monkeypatch.setattr(drive, "KAS", ("/nowhere/kas",))
    monkeypatch.setenv("KAS_REPO_REF_DIR", str(offline.references))
    offline.refer()
    git(offline.upstream("bitbake"), "commit", "-q", "--allow-empty", "-m", "newer")
    newer = git(offline.upstream("bitbake"), "rev-parse", "HEAD")
    lock = offline.project / "kas.lock.yml"
    content = yaml.safe_load(lock.read_text())
    content["overrides"]["repos"]["bitbake"]["commit"] = newer
    lock.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as raised:
        yocto.build(offline.plan, offline.project, offline=True, report=silent)
    assert str(raised.value) == (
        f"--offline: not on this machine: bitbake {newer[:12]}. "
        "Build once without --offline; `--dry-run` suffices for the layers."
    )


def test_a_mirror_on_this_machine_is_no_network(offline: Offline) -> None:
    mirrors = f"^https://{HOST}/(.*)$ file://{offline.folder}/upstream/\\1"
    given = {"PATH": "/usr/bin:/bin", "KAS_REPO_REF_DIR": str(offline.references)}
    given["KAS_PREMIRRORS"] = mirrors
    environment = without_network(offline.yocto, offline.project, given)
    done = offline.kas(environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        (("libtensorflow-lite", "do_configure"), "libtensorflow-lite downloads while it is conf"),
        (("zlib", "do_fetch"), "the sources of zlib are not on this machine"),
        (("edge-infer", "do_configure"), None),
    ],
)
def test_a_task_that_had_no_network(
    offline: Offline, failed: tuple[str, str], told: str | None
) -> None:
    problem = needs_network(offline.plan, [Failed(recipe=failed[0], task=failed[1], log=None)])
    assert (problem is None) == (told is None)
    assert (told or "") in str(problem)


def test_sources_that_are_not_here(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded run of BitBake that could not fetch."""
    with pytest.raises(InternalError, match="do_fetch"):
        trial.build(recording="scarthgap-bad-fetch", status=1)
    monkeypatch.setenv("BB_NO_NETWORK", "1")
    with pytest.raises(UserError, match="no network, and the sources of"):
        trial.build(recording="scarthgap-bad-fetch", status=1)
