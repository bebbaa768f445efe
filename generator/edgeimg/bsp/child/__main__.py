"""Reads layers with BitBake's own parser: a program of its own, `python -m edgeimg.bsp.child`.

BitBake is GPL-2.0-only: what imports it is this process, and nothing of edgeimg but this folder is
in it. It finds BitBake in the folder that the request names, and speaks JSON: one object on
standard input, one object a line on standard output. Python that stands in the layers'
configuration is run, as any build runs it.

Request: `bitbake` (folder that holds `bb`), `build` (folder with conf/bblayers.conf, or an empty
one), `layers` (folders; null: those of bblayers.conf), `local` (read conf/local.conf too), `apart`
(read each layer by itself, and nothing else), `machines` (names; null: those of `own`), `own`
(layers; null: all but oe-core), `recipes` (names to look at for each machine), `words` (variables
to expand), `preferred` (tell each machine's PREFERRED_...), `seconds`, `memory_mib`.

Answers, in this order: `{"layers": ...}`, one `{"layer": ...}` each (after `{"begin": folder}` when
they are read apart), `{"stack": ...}`, then for each machine `{"begin": name}` and
`{"machine": ...}`, several side by side and in the order in which they are done, at last
`{"end": true}`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

from edgeimg.bsp.child.bitbake import BitBake
from edgeimg.bsp.child.layers import Layers


def main() -> None:
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the configuration prints is no answer
    memory = request["memory_mib"] << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def say(**answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    bitbake = BitBake(request["bitbake"], request["seconds"])
    os.chdir(request["build"])
    Layers(bitbake, request, say).read()
    say(end=True)


if __name__ == "__main__":
    main()
