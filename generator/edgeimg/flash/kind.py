"""Whether a file is the copy of a medium: a partition table, or a file system over all of it."""

from __future__ import annotations

from edgeimg.errors import UserError
from edgeimg.flash.image import ImageFile, content
from edgeimg.manifest.load import shown

# What a medium holds, where: the numbers that blkid knows them by too.
MEDIUM = (
    (510, b"\x55\xaa"),  # a boot sector: MBR, GPT's protecting one, FAT
    (512, b"EFI PART"),
    (4096, b"EFI PART"),
    (0x438, b"\x53\xef"),  # ext2, 3, 4
    (0, b"hsqs"),  # squashfs
    (1024, b"\xe2\xe1\xf5\xe0"),  # erofs
    (1024, b"\x10\x20\xf5\xf2"),  # f2fs
    (0, b"XFSB"),
    (0x10040, b"_BHRfS_M"),  # btrfs
    (0x8001, b"CD001"),  # ISO 9660
    (0, b"LUKS\xba\xbe"),
)
# An image of the same in a form that no board reads, and what unpacks it.
FORMS = (
    (b"\x3a\xff\x26\xed", "a sparse image of Android", "simg2img IMAGE RAW"),
    (b"QFI\xfb", "an image of QEMU (qcow2)", "qemu-img convert -O raw IMAGE RAW"),
    (b"KDMV", "an image of VMware (vmdk)", "qemu-img convert -O raw IMAGE RAW"),
    (b"vhdxfile", "an image of Hyper-V (vhdx)", "qemu-img convert -O raw IMAGE RAW"),
)
HEAD = 0x10048


def check_kind(image: ImageFile) -> None:
    """Of an image that comes without a block map, which is made of images only.

    Raises:
        UserError: nothing that boots or mounts is in it, or only in another form.
    """
    with content(image) as stream:
        head = stream.read(HEAD)
    for magic, name, command in FORMS:
        if head.startswith(magic):
            raise UserError(
                f"is {name} and not the bytes of a medium",
                place=shown(image.path),
                hint=f"Make that of it: {command}.",
            )
    if not any(head[at : at + len(magic)] == magic for at, magic in MEDIUM):
        name = shown(image.path).removesuffix(image.packed)
        raise UserError(
            "has no partition table and no file system that is known here: it is no disk image",
            place=shown(image.path),
            hint="Where it is one all the same, make its map, and it is written: "
            f"bmaptool create -o {name}.bmap {name}.",
        )
