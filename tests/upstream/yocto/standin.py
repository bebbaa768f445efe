"""edgeimg, whose kas deploys what standin.sh has made.

python3 standin.py FOLDER WORDS...  edgeimg WORDS...
python3 standin.py FOLDER kas ...   stands for kas
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

DEPLOYED = {"root.ext4": "digits-image-qemuarm64.rootfs.ext4", "Image": "Image"}


def deploy(folder: Path) -> None:
    """As BitBake does: each file has the time in its name, and a link without."""
    images = Path("build/tmp/deploy/images/qemuarm64")
    images.mkdir(parents=True, exist_ok=True)
    for source, name in DEPLOYED.items():
        stamped = images / f"stamped-{name}"
        stamped.unlink(missing_ok=True)
        os.link(folder / source, stamped)
        (images / name).unlink(missing_ok=True)
        (images / name).symlink_to(stamped.name)


def edgeimg(folder: Path) -> None:
    from edgeimg.builders.yocto import drive
    from edgeimg.cli.main import main

    drive.KAS = (sys.executable, __file__, str(folder), "kas")
    drive.check_machine = lambda *_, **__: None  # type: ignore[assignment]  # root, locale, disk
    main()


if __name__ == "__main__":
    whose = Path(sys.argv.pop(1))
    deploy(whose) if sys.argv[1] == "kas" else edgeimg(whose)
