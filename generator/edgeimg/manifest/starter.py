"""The commented edgeimg.yaml that `edgeimg init` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

NOT_TEXT = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")

TEMPLATE = """\
# What is built. `edgeimg check` says whether it fits; docs/manifest.md lists all keys.
version: 1
name: {name}
board: {board}
models: [{models}]

# What executes the models; without it, the first that can.
# runtime: litert
# threads: 1

features:
  read-only-root: {{}}
  # serial-console: {{shell_for: root}}
  # network: {{mode: dhcp}}
  # ssh: {{authorized_keys: [~/.ssh/id_ed25519.pub]}}

# Ways out of every default.
# packages: [strace]
# overlay: overlay            # a folder laid over the root file system
# kernel: {{args: [loglevel=7]}}
# app: {{source: my-app}}       # your own CMake project in place of edge-infer

# budgets: {{image_mib: 20, root_mib: 6, first_inference_seconds: 5}}
"""


def starter(*, name: str, board: str, models: Sequence[str]) -> str:
    """The file's text."""
    return TEMPLATE.format(
        name=_quoted(name),
        board=_quoted(board),
        models=", ".join(_quoted(model) for model in models),
    )


def _quoted(word: str) -> str:
    # YAML reads 12, 1e5, 0x1f, yes and null as something else than text.
    plain = re.fullmatch(r"[a-z][a-z0-9-]*", word) and word not in NOT_TEXT
    # JSON's escapes are not all YAML's: beyond 16 bits they are two halves of a character.
    return word if plain else json.dumps(word, ensure_ascii=False)


def name_of(text: str) -> str:
    """A name made of any text: `My Door_2` -> `my-door-2`; empty when nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64].rstrip("-")
