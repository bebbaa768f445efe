"""A recording of a real guest against goldens that are computed here and now.

Recorded 2026-11-21: QEMU 7.2.22 (`qemu-system-aarch64 -M virt -cpu cortex-a53 -smp 1 -m 512`,
EDK2, disk boot), Debian 13's cloud kernel, LiteRT 2.1.6 for arm64, the shipped digits.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from edgeimg.cache import Cache
from edgeimg.guest.errors import CorruptedError
from edgeimg.guest.results import read_results
from edgeimg.plan.models import plan_model
from edgeimg.plan.plan import Plan
from edgeimg.prepare.golden import make_goldens
from edgeimg.resources import data
from edgeimg.verify.judge import judge

STREAM = gzip.decompress((Path(__file__).parent / "recorded/digits-arm64.tar.gz").read_bytes())
SHARE = "/usr/share/edge-infer/digits"


def test_an_arm_guest_answers_like_this_machine(tmp_path: Path) -> None:
    model = plan_model(data("models") / "digits/digits.yaml", None)
    runtime = SimpleNamespace(
        name="litert",
        host="litert",
        kernel_modes=("reference", "default"),
        version="2.1.6",
        wheel=None,
    )
    plan = cast(Plan, SimpleNamespace(models=(model,), runtime=runtime))
    expected = {f"{SHARE}/digits_int8.tflite": model.info.sha256}
    expected |= {f"{SHARE}/samples/{sample.name}": sample.sha256 for sample in model.samples}
    goldens = make_goldens(plan, Cache(tmp_path))
    failures, samples = judge((model,), goldens, read_results(STREAM), expected)
    assert failures == ()
    assert len(samples) == 32
    assert all(sample.exact for sample in samples if sample.mode == "reference")


@pytest.mark.parametrize("bit", [1, 128])
def test_a_flipped_bit_of_a_real_answer_is_seen(bit: int) -> None:
    name = b"digits/default/raw/07.pgm.0.bin"
    damaged = bytearray(STREAM)
    damaged[damaged.index(name + b"\0") + 512] ^= bit
    with pytest.raises(CorruptedError, match=r"07\.pgm\.0\.bin was changed on its way"):
        read_results(bytes(damaged))
