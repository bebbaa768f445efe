"""Writes image.json and SHA256SUMS in build/images/: what the image is, and its files."""

import hashlib
import json
import os
from pathlib import Path

IMAGES = Path("build/images")
KEYS = ("PRODUCT", "BOARD", "ARCHITECTURE", "TOOLCHAIN", "RUNTIME")


def sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace(path, text):
    """Nobody sees half of it."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def main():
    files = {
        path.name: {"size": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(IMAGES.iterdir())
        if path.name not in ("image.json", "SHA256SUMS") and path.suffix != ".new"
    }
    description = {key.lower(): os.environ[key] for key in KEYS}
    description["buildroot"] = os.environ["RELEASE"]
    description["files"] = files
    replace(IMAGES / "image.json", json.dumps(description, indent=1, ensure_ascii=False) + "\n")
    sums = {name: one["sha256"] for name, one in files.items()}
    sums["image.json"] = sha256(IMAGES / "image.json")
    replace(IMAGES / "SHA256SUMS", "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


main()
