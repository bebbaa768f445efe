"""The process that runs a quantizer: `python child.py REQUEST ANSWER`.

It may be another Python than ours: only the standard library and NumPy are imported here.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

CPU_SECONDS = 3600


def main(request: Path, answer: Path) -> None:
    """Quantize as the request says; what goes wrong with the model is an answer too."""
    with suppress(ValueError):  # a lower limit of the user's stays
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    os.environ["TQDM_DISABLE"] = "1"
    words = json.loads(request.read_text())
    problem = ""
    try:
        module = importlib.import_module(words["module"])
        module.quantize(words, Frames(Path(words["frames"]), words["inputs"]))
    except Exception as error:
        problem = " ".join(str(error).split())[:500] or type(error).__name__
    answer.write_text(json.dumps({"error": problem}))


class Frames:
    """The calibration frames, each a list of the inputs' arrays; read again at each walk."""

    def __init__(self, path: Path, inputs: Sequence[Mapping[str, Any]]) -> None:
        import numpy as np

        self._inputs = inputs
        self._sizes = [
            int(np.prod(one["shape"], dtype=np.int64)) * np.dtype(one["type"]).itemsize
            for one in inputs
        ]
        data = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)
        self._data = data.reshape(-1, sum(self._sizes))

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[list[Any]]:
        import numpy as np

        for frame in self._data:
            arrays, position = [], 0
            for tensor, size in zip(self._inputs, self._sizes, strict=True):
                part = np.array(frame[position : position + size])  # a copy, and so aligned
                arrays.append(part.view(tensor["type"]).reshape(tensor["shape"]))
                position += size
            yield arrays


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
