"""What all tests share: a cache of their own, and the command line in-process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

# Machines are shared and noisy: no test fails for having been slow.
settings.register_profile("edgeimg", deadline=None)
settings.load_profile("edgeimg")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write golden files anew.")


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fast tests keep away from the user's cache; real builds ask for it by name."""
    monkeypatch.setenv("EDGEIMG_CACHE", str(session_cache))
    monkeypatch.delenv("EDGEIMG_PATH", raising=False)
    monkeypatch.delenv("EDGEIMG_DEBUG", raising=False)


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture
def edgeimg(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Runs the command line in this process: `edgeimg("check", "--board", "x")`."""

    def call(*arguments: str | Path) -> Answer:
        from edgeimg.cli.main import main

        monkeypatch.setattr("sys.argv", ["edgeimg", *map(str, arguments)])
        status = 0
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        except KeyboardInterrupt:  # as `edgeimg.__main__` has it
            status = 130
        said = capsys.readouterr()
        return Answer(status, said.out, said.err)

    return call
