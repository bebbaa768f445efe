"""A product, and the fake Buildroot that builds it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from tests.locks import fake_lock

from edgeimg.builders import buildroot
from edgeimg.builders.image import Image
from edgeimg.events import Event, Progress, Step
from edgeimg.manifest.select import select
from edgeimg.plan.plan import Plan
from edgeimg.plan.resolve import resolve
from edgeimg.prepare.inputs import Inputs
from edgeimg.render.write import write

HERE = Path(__file__).parent
RELEASE = "2026.02.3"
# The arguments that the real one takes too.
MAKEFILE = """\
export BR2_VERSION := {release}
O := output
run = @python3 fake_buildroot.py $(O) $@ $(foreach one,BR2_DEFCONFIG DEFCONFIG,$(one)=$($(one)))
all:
\t$(run)
defconfig savedefconfig menuconfig show-info clean:
\t$(run)
%-dirclean:
\t$(run)
print-version:
\t@mkdir -p $(O)
\t@echo $(BR2_VERSION)
.PHONY: all defconfig savedefconfig menuconfig show-info clean
"""
GENERATE = """\
import subprocess
import sys
from pathlib import Path
CYCLONEDX_VERSION = "1.6"
subprocess.run(["make", "print-version"], check=True, capture_output=True)
Path(sys.argv[sys.argv.index("-o") + 1]).write_text('{"bomFormat": "CycloneDX"}')
"""


def make_checkout(folder: Path, release: str = RELEASE) -> Path:
    """A folder that looks like a checkout of Buildroot."""
    (folder / "utils").mkdir(parents=True)
    (folder / "Makefile").write_text(MAKEFILE.format(release=release))
    (folder / "Config.in.legacy").write_text('config BR2_PACKAGE_GONE\n\tbool "gone"\n')
    shutil.copy(HERE / "fake_buildroot.py", folder)
    shutil.copytree(HERE / "recorded", folder / "recorded")
    tool = folder / "utils/generate-cyclonedx"
    tool.write_text(f"#!/usr/bin/env python3\n{GENERATE}")
    tool.chmod(0o755)
    return folder


@dataclass(kw_only=True)
class Trial:
    """A product that is built again and again."""

    folder: Path
    checkout: Path
    cache: Path
    product: dict[str, object]
    events: list[Event] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def plan(self) -> Plan:
        file = self.folder / "edgeimg.yaml"
        file.write_text(yaml.safe_dump(self.product))
        chosen = select(file=file)
        return resolve(chosen.product, chosen.source, self.cache)

    def build(self, *, offline: bool = False) -> Image:
        plan = self.plan()
        self.events.clear()
        write(buildroot.render(plan, Inputs(lock=fake_lock(plan))), self.project)
        return buildroot.build(plan, self.project, offline=offline, report=self.events.append)

    def trouble(self, text: str) -> None:
        (self.checkout / "trouble").write_text(text)

    @property
    def steps(self) -> list[str]:
        return [one.name for one in self.events if isinstance(one, Step)]

    @property
    def progress(self) -> list[Progress]:
        return [one for one in self.events if isinstance(one, Progress) and one.name == "build"]

    @property
    def packages(self) -> list[str]:
        """What was built, in order."""
        named = [one.detail.split(":")[0] for one in self.progress if ": " in one.detail]
        return list(dict.fromkeys(named))


@pytest.fixture
def trial(tmp_path: Path, session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    checkout = make_checkout(tmp_path / "buildroot")
    monkeypatch.setenv("EDGEIMG_BUILDROOT", str(checkout))
    product: dict[str, object] = {
        "version": 1,
        "name": "digits",
        "board": "qemu-arm64",
        "builder": "buildroot",
        "models": ["digits"],
    }
    return Trial(folder=tmp_path, checkout=checkout, cache=session_cache, product=product)
