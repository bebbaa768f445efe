"""`edgeimg model bench --where guest`: the image that the other tests build, as it is."""

from __future__ import annotations

import pytest
from tests.qemu.conftest import Built, run_edgeimg

pytestmark = pytest.mark.qemu


def test_the_guest_measures_each_setting(built: Built) -> None:
    words = ("--where", "guest", "--kernels", "default,reference", "--iterations", "20")
    done = run_edgeimg(built.folder, "model", "bench", *words, "--output", "json")
    assert done.status == 0, done.stderr
    results = done.json["results"]
    assert [(one["kernels"], one["threads"]) for one in results] == [
        ("default", 1),
        ("reference", 1),
    ]
    for one in results:
        assert (one["model"], one["iterations"]) == ("digits", 20)
        assert 0 < one["p50_ms"] <= one["p90_ms"] <= one["p99_ms"]
        assert one["memory_kib"] > 1000
