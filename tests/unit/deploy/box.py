"""A device in a folder: the image's own scripts, the real minisign, and an app that plays a part.

The scripts are those of the image but for their paths, which lead into the folder.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgeimg.deploy.keys import SecretKey
from edgeimg.resources import data_root

PROGRAMS = data_root() / "debian-image"
DEPLOY = PROGRAMS / "features/deploy/root/usr/lib/edgeimg"
IMAGE = "digits arm64 litert 2.1.6 cpu"
KEY = SecretKey(number=b"deployed", seed=bytes(range(32)))
SHELLS = {"dash": "/bin/dash", "busybox": "/bin/busybox sh"}

# Does what the first word of the model file says, and notes the second one.
APP = """\
#!/bin/sh
model=$(sed 's/.*"model": "//; s/".*//' "$2")
read -r kind name <"$model"
case "$kind $*" in
wrong*--selftest*)
	echo '{"frame":"00.pgm","selftest":"ok"}'
	echo '{"frame":"01.pgm","selftest":"01.pgm.0.bin: value 3 is 1, expected 2"}'
	exit 4
	;;
*--selftest*) exit 0 ;;
esac
echo "NAME$name" >>BOX/ran
case $kind in
crashing) echo 'it broke'; exit 1 ;;
refused) exit 2 ;;
camera)
	trap 'exit 0' TERM
	while :; do sleep 0.05; done
	;;
esac
exit 0
"""


def pack(files: Mapping[str, str | bytes]) -> bytes:
    """A tar file of these."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            data = content.encode() if isinstance(content, str) else content
            entry.size, entry.mode = len(data), 0o755 if path.startswith("app/") else 0o644
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def _sums(files: Mapping[str, str | bytes]) -> str:
    data = {path: one.encode() if isinstance(one, str) else one for path, one in files.items()}
    del data["SHA256SUMS"]
    return "".join(f"{hashlib.sha256(one).hexdigest()}  {path}\n" for path, one in data.items())


@dataclass(frozen=True)
class Answer:
    """What the device answered: its status, the last line, and all it said."""

    status: int
    last: str
    said: str


class Box:
    """The device."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.folder, self.shell = folder, SHELLS[shell]
        self.bin = folder / "bin"
        for name in ("bin", "run/edgeimg", "data", "dev", "proc", "usr/lib", "etc/edge-infer"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/edgeimg").mkdir()
        self.write("etc/edgeimg/image", f"PRODUCT=digits\nFITS='{IMAGE}'\n")
        self.write(
            "etc/edgeimg/keys", f"untrusted comment: theirs\n{'RW' + 'A' * 54}\n{KEY.public}\n"
        )
        self.write("etc/edgeimg/deploy.conf", "TRIAL_SECONDS=1\n")
        self.write(
            "proc/mounts", f"overlay / overlay rw 0 0\n/dev/vda4 {folder}/data ext4 rw 0 0\n"
        )
        self.write("image-model", "good image\n")
        self.write("etc/edge-infer/digits.json", f'{{"model": "{folder}/image-model"}}\n')
        for source in (DEPLOY / "deploy", DEPLOY / "deployed"):
            self._script(source)
        for name in ("lines.awk", "service", "verify"):
            self._script(PROGRAMS / "root/usr/lib/edgeimg" / name)
        self._script(PROGRAMS / "device/infer")
        self.program("edge-infer", APP.replace("NAME", ""))
        self.program("logger", "#!/bin/sh\nexec cat >>BOX/log.$2\n")
        self.program("logread", "#!/bin/sh\nsed 's/^/user.notice digits: /' BOX/log.digits\n")

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def program(self, name: str, text: str) -> None:
        self.write(f"bin/{name}", text.replace("BOX", str(self.folder))).chmod(0o755)

    def _script(self, source: Path) -> None:
        text = re.sub(
            r"/(?=(data|run/edgeimg|run/systemd|etc/edgeimg|etc/edge-infer|usr/lib/edgeimg|usr/share|dev/console|proc/mounts)\b)",
            f"{self.folder}/",
            source.read_text(),
        )
        text = re.sub("^PATH=.*$", f"PATH={self.bin}:$PATH", text, flags=re.MULTILINE)
        text = text.replace("#!/bin/sh", f"#!{self.shell}", 1)
        self.write(f"usr/lib/edgeimg/{source.name}", text).chmod(0o755)

    def bundle(self, model: str = "good new", **changed: str | bytes | None) -> bytes:
        """A whole bundle; keyword arguments replace files, None leaves one out."""
        manifest = f"edgeimg-deploy 1\nfits {IMAGE}\nid ID\nmodel digits\n"
        files: dict[str, str | bytes] = {
            "manifest": str(changed.pop("manifest", manifest)),
            "SHA256SUMS": "",
            "config/digits.json": '{"model": "BOX/data/deploy/slots/ID/models/digits/model"}\n',
            "golden/digits/default/tolerance.json": "{}\n",
            "golden/digits/reference/tolerance.json": "{}\n",
            "models/digits/model": f"{model}\n",
            "models/digits/samples/0 1.pgm": "P5",
        }
        for path, content in changed.items():
            files.pop(path, None)
            if content is not None:
                files[path] = content
        name = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
        for path, content in files.items():
            if isinstance(content, str):
                files[path] = content.replace("ID", name).replace("BOX", str(self.folder))
        if "SHA256SUMS" not in changed:
            files["SHA256SUMS"] = _sums(files)
        return pack(files)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self.folder / "usr/lib/edgeimg/deploy"), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": f"{self.bin}:{os.environ['PATH']}"},
            start_new_session=True,
        )

    def call(self, *words: str, data: bytes = b"") -> Answer:
        with self.start(*words) as process:
            said = process.communicate(data, timeout=60)[0].decode().replace(str(self.folder), "")
        lines = said.splitlines() or [""]
        return Answer(process.returncode, lines[-1], said)

    def put(self, data: bytes, signature: str | None = None, size: int | None = None) -> Answer:
        if signature is None:
            signature = KEY.sign(data, "a comment")
        return self.call("put", str(len(data) if size is None else size), signature, data=data)

    def boot(self) -> str:
        """Without power, and started anew: the model that then runs."""
        self.cut()
        shutil.rmtree(self.folder / "run/edgeimg")
        (self.folder / "run/edgeimg").mkdir()
        subprocess.run(
            [str(self.folder / "usr/lib/edgeimg/service"), "digits"],
            env={"PATH": f"{self.bin}:{os.environ['PATH']}"},
            stdout=subprocess.DEVNULL,
            timeout=60,
            check=True,
            start_new_session=True,
        )
        return self.ran()[-1]

    def cut(self) -> None:
        """The power goes: nothing of it runs any more."""
        while alive := self.running():
            for pid in alive:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def running(self) -> list[int]:
        """The numbers of its processes."""
        own = str(self.folder).encode()
        alive = []
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if own in line.read_bytes() and line.parent.name != str(os.getpid()):
                    alive.append(int(line.parent.name))
        return alive

    def ran(self) -> list[str]:
        path = self.folder / "ran"
        return path.read_text().split() if path.exists() else []

    def held(self) -> set[str]:
        """What is kept in /data/deploy, without what is in slots."""
        home = self.folder / "data/deploy"
        return {str(one.relative_to(home)) for one in (*home.glob("*"), *home.glob("slots/*"))}

    def slots(self) -> int:
        return len(list((self.folder / "data/deploy/slots").glob("*")))


def until(condition: Callable[[], bool]) -> None:
    """Waits for it, half a minute at most; what is not there yet is no failure."""
    end = time.monotonic() + 30
    while True:
        with suppress(OSError, IndexError):
            if condition():
                return
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
