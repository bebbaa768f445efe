"""A signed archive in miniature, made of plain files."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

# name, version, Depends
PACKAGES = (
    ("hello", "1:2.0+x-1", "libgreet (>= 1)"),
    ("libgreet", "1.5~rc1-1", ""),
    ("unrelated", "3-1", ""),
    ("broken", "1-1", "never-there"),
    ("linux-image-tiny", "6.1-1", "linux-image-6.1.0-1-tiny (= 6.1-1)"),
    ("linux-image-6.1.0-1-tiny", "6.1-1", ""),
)


class Archive:
    """`<root>/debian`, suite `test`, architecture arm64, signed with a key of its own."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self.root = root
        self.keyring = root / "keyring.gpg"
        self.suite = root / "debian" / "dists" / "test"
        self._home = Path(tempfile.mkdtemp(prefix="gpg-"))  # a short path for the agent's socket
        self._gpg("--passphrase", "", "--quick-gen-key", "Test <test@example.org>", "ed25519")
        self._gpg("--output", str(self.keyring), "--export")
        self.write()

    def write(self, packages: tuple[tuple[str, str, str], ...] = PACKAGES) -> None:
        lists = self.suite / "main" / "binary-arm64"
        lists.mkdir(parents=True, exist_ok=True)
        text = "\n".join(self._paragraph(*package) for package in packages).encode()
        (lists / "Packages").write_bytes(text)
        release = (
            "Origin: Test\nSuite: test\nCodename: test\nArchitectures: arm64\n"
            "Components: main\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
            f" {hashlib.sha256(text).hexdigest()} {len(text)} main/binary-arm64/Packages\n"
        )
        (self.suite / "Release").write_text(release)
        (self.suite / "InRelease").unlink(missing_ok=True)
        self._gpg("--output", str(self.suite / "InRelease"), "--clearsign", f"{self.suite}/Release")

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", self._home, "--kill", "all"], check=False)
        shutil.rmtree(self._home, ignore_errors=True)

    def _gpg(self, *args: str) -> None:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", "--yes"]
        subprocess.run([*command, *args], check=True, capture_output=True)

    @staticmethod
    def _paragraph(name: str, version: str, depends: str) -> str:
        file_version = version.split(":")[-1]
        lines = [
            f"Package: {name}",
            f"Version: {version}",
            "Architecture: arm64",
            "Maintainer: Test <test@example.org>",
            f"Filename: pool/main/{name[0]}/{name}/{name}_{file_version}_arm64.deb",
            "Size: 1234",
            f"SHA256: {hashlib.sha256(name.encode()).hexdigest()}",
            "Description: test",
        ]
        if depends:
            lines.insert(3, f"Depends: {depends}")
        return "\n".join(lines) + "\n"
