"""uki.py STUB OUTPUT .NAME=FILE...: append sections to an EFI stub.

objcopy can do this for x86-64 and arm64 only; the PE header is simple enough.
"""

import struct
import sys
from pathlib import Path


def align(value, step):
    return -(-value // step) * step


def append_sections(stub, sections):
    """Return the PE file `stub` with (name, bytes) sections behind its own."""
    image = bytearray(stub)
    pe = struct.unpack_from("<I", image, 0x3C)[0]
    if image[pe : pe + 4] != b"PE\0\0":
        raise ValueError("the stub is not a PE file")
    count = struct.unpack_from("<H", image, pe + 6)[0]
    optional = pe + 24
    table = optional + struct.unpack_from("<H", image, pe + 20)[0]
    section_alignment, file_alignment = struct.unpack_from("<II", image, optional + 32)
    header_end = struct.unpack_from("<I", image, optional + 60)[0]
    if table + 40 * (count + len(sections)) > header_end:
        raise ValueError("the stub's header has no room for more sections")

    address = 0
    for i in range(count):
        size, start = struct.unpack_from("<II", image, table + 40 * i + 8)
        address = max(address, start + size)

    added = 0
    for name, data in sections:
        address = align(address, section_alignment)
        image += bytes(align(len(image), file_alignment) - len(image))
        raw_size = align(len(data), file_alignment)
        # initialised data, readable
        struct.pack_into(
            "<8sIIIIIIHHI", image, table + 40 * count,
            name.encode(), len(data), address, raw_size, len(image), 0, 0, 0, 0, 0x40000040,
        )  # fmt: skip
        image += data + bytes(raw_size - len(data))
        address += len(data)
        added += raw_size
        count += 1

    struct.pack_into("<H", image, pe + 6, count)
    initialised = struct.unpack_from("<I", image, optional + 8)[0]
    struct.pack_into("<I", image, optional + 8, initialised + added)
    struct.pack_into("<I", image, optional + 56, align(address, section_alignment))
    struct.pack_into("<I", image, optional + 64, 0)  # the old checksum is wrong now
    return bytes(image)


def main(stub, output, *sections):
    parts = [section.split("=", 1) for section in sections]
    data = [(name, Path(file).read_bytes()) for name, file in parts]
    Path(output).write_bytes(append_sections(Path(stub).read_bytes(), data))


main(*sys.argv[1:])
