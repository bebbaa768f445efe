"""The commented edgeimg.yaml that `edgeimg init` writes."""

from __future__ import annotations

import json
from collections.abc import Sequence

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
    """The file's text; JSON strings are YAML strings, whatever a path holds."""
    quoted = [
        word if word.replace("-", "").isalnum() else json.dumps(word) for word in (board, *models)
    ]
    return TEMPLATE.format(
        name=json.dumps(name) if not name.replace("-", "").isalnum() else name,
        board=quoted[0],
        models=", ".join(quoted[1:]),
    )
