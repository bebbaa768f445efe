"""A small archive, a server for it, and a cache."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from small_archive import Archive

from edgeimg.cache import Cache


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    for program in ("apt-get", "apt-cache", "gpg"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing")
    made = Archive(tmp_path / "archive")
    yield made
    made.close()


class _Quiet(SimpleHTTPRequestHandler):
    def send_head(self) -> Any:
        # Times of files are too coarse for a test: always send the whole file.
        del self.headers["If-Modified-Since"]
        return super().send_head()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a server for `tmp_path`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")
