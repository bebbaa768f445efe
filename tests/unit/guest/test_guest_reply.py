"""Who asks the console for its size gets an answer, as from a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.unit.verify.kit import FakeQemu

from edgeimg.guest.qemu import boot

# Asks as U-Boot does, once in two pieces, and says what came.
ASKS = f"""#!{sys.executable}
import os, sys, time
if "--version" in sys.argv:
    print("QEMU emulator version 7.2.22")
    sys.exit()
for pieces in ((b"\\x1b7\\x1b[r\\x1b[999;999H\\x1b[6n\\x1b8",), (b"text\\x1b[", b"6n")):
    for piece in pieces:
        os.write(1, piece)
        time.sleep(0.05)
    answer = b""
    while not answer.endswith(b"R"):
        answer += os.read(0, 1)
    os.write(1, b"\\nanswer " + repr(answer).encode() + b"\\nedgeimg: verify end\\n")
"""


def test_the_size_is_answered(tmp_path: Path) -> None:
    qemu = FakeQemu(tmp_path)
    qemu.program.write_text(ASKS)
    run = boot(qemu.board(), qemu.artefacts, time_limit=30)
    said = [line.text for line in run.lines if line.text.startswith("answer")]
    assert said == [r"answer b'\x1b[24;80R'"] * 2
