"""The process that runs rknn-toolkit2, in the Python of its environment.

`rknn_child.py MODEL OUTPUT [NAME=VALUE ...]`: the rest are arguments of the toolkit's `config`.
What it says of each operator is in its log, on standard output. It raises, or says no by a
number; either becomes one line here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any


def main(model: str, output: str, options: list[str]) -> None:
    """Compile the model.

    Raises:
        SystemExit: with one line, when the toolkit does not take it.
    """
    from rknn.api import RKNN

    pairs = [option.partition("=") for option in options]
    settings = {name: int(value) if value.isdigit() else value for name, _, value in pairs}
    toolkit = RKNN(verbose=True)
    _ask("config", lambda: toolkit.config(**settings))
    _ask("load_onnx", lambda: toolkit.load_onnx(model=model))
    # Float becomes float16; a model that is quantized already keeps its integers.
    _ask("build", lambda: toolkit.build(do_quantization=False))
    _ask("export_rknn", lambda: toolkit.export_rknn(output))


def _ask(step: str, call: Callable[[], Any]) -> None:
    try:
        status = call()
    except Exception as error:
        sys.exit(f"{step}: {_reason(str(error)) or type(error).__name__}")
    if status != 0:
        sys.exit(f"{step} fails with {status} and gives no reason")


def _reason(text: str) -> str:
    """What an error says in one line: the toolkit puts a coloured traceback before it."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    named = list(re.finditer(r"^[A-Za-z_][\w.]*: ", text, re.MULTILINE))
    return " ".join(text[named[-1].end() if named else 0 :].split())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
