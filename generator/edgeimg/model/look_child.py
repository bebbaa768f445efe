"""The process that looks at a compiled model: `python -m edgeimg.model.look_child ...`.

It limits itself before it imports anything that parses, and prints one JSON object:
`{"look": {...}}`, or `{"message": ..., "hint": ...}` for what is wrong with the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from edgeimg.model.child import MAX_ANSWER, keep_stdout, limit
from edgeimg.model.errors import BROKEN_FILE, BROKEN_HINT, ModelError


def main(path: Path, kind: str, memory_mib: int, seconds: int) -> None:
    """Look at the file, print the answer."""
    limit(memory_mib, seconds)
    with keep_stdout() as answers:
        answers.write(json.dumps(_answer(path, kind, memory_mib)))


def _answer(path: Path, kind: str, memory_mib: int) -> dict[str, Any]:
    from edgeimg.model.formats import FORMATS

    try:
        with path.open("rb") as stream:
            look = FORMATS[kind](stream)
        if len(json.dumps(look)) > MAX_ANSWER:
            raise ModelError("the model has too many operators", hint=BROKEN_HINT)
    except ModelError as error:
        return {"message": error.message, "hint": error.hint}
    except BROKEN_FILE as error:
        return {"message": f"the file is damaged ({error})"[:300], "hint": BROKEN_HINT}
    except MemoryError:
        return {
            "message": f"reading it takes more than {memory_mib} MiB of memory",
            "hint": "It is damaged, or larger than this limit allows.",
        }
    return {"look": look}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
