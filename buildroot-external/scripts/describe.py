"""Writes build/images/image.json: what the image is, and the files that belong to it."""

import hashlib
import json
import os
from pathlib import Path


def sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main():
    images = Path("build/images")
    description = {
        "product": os.environ["PRODUCT"],
        "board": os.environ["BOARD"],
        "architecture": os.environ["ARCHITECTURE"],
        "buildroot": os.environ["RELEASE"],
        "toolchain": os.environ["TOOLCHAIN"],
        "runtime": os.environ["RUNTIME"],
        "files": {
            path.name: {"size": path.stat().st_size, "sha256": sha256(path)}
            for path in sorted(images.iterdir())
            if path.name not in ("image.json", "SHA256SUMS")
        },
    }
    (images / "image.json").write_text(json.dumps(description, indent=1) + "\n")


main()
