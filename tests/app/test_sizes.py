"""The app compiles where a size has 32 bits. The other tests build it for machines with 64."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgeimg.resources import data

# The headers of libraries are this machine's; the C library's, which come first, are the target's.
COMPILER = (
    *("arm-linux-gnueabihf-g++", "-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"),
    *("-Wno-psabi", '-DEDGE_INFER_VERSION="0"'),
    *(
        word
        for folder in (Path("/usr/include"), *sorted(Path("/usr/include").glob("*-linux-gnu")))
        for word in ("-idirafter", str(folder))
    ),
)


def _said(source: Path) -> str:
    done = subprocess.run(
        [*COMPILER, f"-I{source.parent}", str(source)], capture_output=True, text=True, check=False
    )
    return done.stderr if done.returncode else ""


def test_it_compiles_where_a_size_has_32_bits() -> None:
    sources = sorted((data("app") / "src").glob("*.cc"))
    assert sources
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert "".join(pool.map(_said, sources)) == ""
