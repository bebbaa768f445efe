"""U-Boot's environment in a flash, so that it boots at once instead of counting down."""

from __future__ import annotations

import zlib
from pathlib import Path

from edgeimg.manifest.board import QemuFlash


def write_flash(flash: QemuFlash, path: Path) -> None:
    """Write the flash as a sparse file with the environment at its beginning."""
    with path.open("wb") as file:
        file.write(environment(flash))
        file.truncate(flash.size_mib << 20)


def environment(flash: QemuFlash) -> bytes:
    """U-Boot's binary form: CRC-32 of what follows (little-endian), `name=value` strings
    that end in a zero each, an empty one as the end, zeros up to the full size."""
    strings = [f"{name}={value}".encode() for name, value in sorted(flash.environment.items())]
    data = b"".join(one + b"\0" for one in (*strings, b""))
    data = data.ljust((flash.environment_kib << 10) - 4, b"\0")
    return zlib.crc32(data).to_bytes(4, "little") + data
