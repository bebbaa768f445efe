"""kas-container as it is, with a stand-in for the engine that runs the container."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from tests.unit.builders.test_yocto_drive import DEPLOYED, Trial

from edgeimg.builders.yocto import container, drive
from edgeimg.errors import InternalError, UserError


@pytest.fixture
def trial(tmp_path: Path, session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    engine = tmp_path / "bin/podman"
    engine.parent.mkdir()
    fake = Path(__file__).with_name("fake_engine.py")
    engine.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(fake)])} "$@"\n')
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:/usr/bin:/bin")
    monkeypatch.setenv("KAS_CONTAINER_ENGINE", "podman")
    monkeypatch.setenv("KAS_ALLOW_ROOT", "yes")  # who runs the tests may be root
    monkeypatch.setattr(container, "TAKEN", (*container.TAKEN, "KAS_ALLOW_ROOT"))
    monkeypatch.setattr(drive, "check_machine", lambda *_, **__: None)
    return Trial(folder=tmp_path, cache=session_cache, container=True)


def words(trial: Trial) -> list[str]:
    """What the engine was told."""
    return list(json.loads((trial.project / "build/engine.json").read_text()))


def test_a_build_in_a_container(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BB_PRESSURE_MAX_IO", "7000")
    layer = trial.folder / "meta-ours"
    (layer / "conf").mkdir(parents=True)
    (layer / "conf/layer.conf").touch()
    trial.yocto = {"layers": {"meta-ours": {"path": "meta-ours"}}}
    image = trial.build()
    assert image.disk.name == f"{Path(DEPLOYED).name}.tegraflash-tar.zst"
    assert trial.progress
    said = words(trial)
    assert said[0] == "run"
    assert f"{trial.project}:/work:rw" in said
    assert f"{layer}:{layer}:ro" in said
    assert any(one.endswith(":/sstate:rw") for one in said)
    assert {"BB_PRESSURE_MAX_IO", "BB_PRESSURE_MAX_MEMORY"} <= set(said)
    assert said[-2:] == ["--write-log", "/work/build/events.log"]


def test_the_log_of_a_failed_task_is_where_it_lies_here(trial: Trial) -> None:
    log = "/work/build/tmp/work/x/log.do_compile.1"
    assert container.outside(Path(log), trial.project) == trial.project / log[6:]
    assert container.outside(Path("/home/x/log"), trial.project) == Path("/home/x/log")
    with pytest.raises(InternalError, match="try-fail, do_compile"):
        trial.build(recording="wrynose-failure", status=1)


def test_a_failure_of_the_engine_is_one_line(trial: Trial) -> None:
    with pytest.raises(InternalError, match="the build failed: no such image"):
        trial.build(recording="", status=125, says="Error: no such image")
    says = "docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
    with pytest.raises(UserError, match="the container engine cannot be reached"):
        trial.build(recording="", status=125, says=says)


@pytest.mark.parametrize("named", ["podman", ""])
def test_no_engine(trial: Trial, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("PATH", str(trial.folder))
    monkeypatch.setenv("KAS_CONTAINER_ENGINE", named)
    with pytest.raises(UserError, match=f"no {named or 'docker or podman'} is here"):
        trial.build()


def test_what_kas_container_refuses_is_one_line(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAS_CONTAINER_ENGINE", "sh")  # is here, and runs no containers
    with pytest.raises(InternalError, match="the build failed: unknown container engine 'sh'"):
        trial.build()


def test_the_engines_own_configuration_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of podman and docker: another runtime, another folder of images, another daemon."""
    names = {"CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "DOCKER_CONFIG", "DOCKER_CONTEXT"}
    for name in names:
        monkeypatch.setenv(name, "/somewhere")
    assert names <= set(container.taken())
