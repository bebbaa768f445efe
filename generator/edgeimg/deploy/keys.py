"""Keys and signatures in minisign's format, so that a team can sign by hand too.

The format, from https://jedisct1.github.io/minisign/, each binary part in base64 on a line of
its own below a comment:

    public key  "Ed" number[8] key[32]
    secret key  "Ed" kdf[2] "B2" salt[32] limits[16] number[8] seed[32] key[32] checksum[32]
    signature   "ED" number[8] signature[64]; then the trusted comment, and a signature[64] over
                the first signature and that comment

"ED" says that the BLAKE2b-512 hash of the file is signed, not the file itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edgeimg.errors import UserError
from edgeimg.manifest.load import shown

ALGORITHM, PREHASHED, CHECKSUM = b"Ed", b"ED", b"B2"
PLAIN, PASSWORD = b"\0\0", b"Sc"
SECRET_BYTES = 158
MAX_BYTES = 4096  # of a key file


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """What signs. Neither shown nor logged.

    Attributes:
        number: eight bytes that name the pair.
        seed: of the Ed25519 key, 32 bytes.
    """

    number: bytes
    seed: bytes = field(repr=False)

    @property
    def public(self) -> str:
        """The public key as a line, `RW...`."""
        return _text(ALGORITHM + self.number + self._public)

    @property
    def _public(self) -> bytes:
        public = self._signer.public_key()
        return public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def _signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def sign(self, data: bytes, comment: str) -> str:
        """The content of a .minisig file; the trusted comment is signed too."""
        signature = self._signer.sign(hashlib.blake2b(data).digest())
        whole = self._signer.sign(signature + comment.encode())
        named = PREHASHED + self.number + signature
        return (
            f"untrusted comment: signature by edgeimg\n{_text(named)}\n"
            f"trusted comment: {comment}\n{_text(whole)}\n"
        )

    def file(self) -> str:
        """The content of a secret key file, without a password."""
        pair = self.seed + self._public
        checksum = _checksum(self.number, pair)
        data = ALGORITHM + PLAIN + CHECKSUM + bytes(48) + self.number + pair + checksum
        return f"untrusted comment: minisign secret key {_name(self.number)}\n{_text(data)}\n"


def new_key(path: Path) -> SecretKey:
    """Makes a pair: the secret key at `path`, for its owner only, the public one beside it, .pub.

    Raises:
        UserError: one of the two exists already, or cannot be written.
    """
    key = SecretKey(number=secrets.token_bytes(8), seed=secrets.token_bytes(32))
    public = f"untrusted comment: minisign public key {_name(key.number)}\n{key.public}\n"
    beside = public_path(path)
    for one in (path, beside):
        if os.path.lexists(one):
            raise UserError("exists already", place=shown(one), hint="It was not touched.")
    _create(path, key.file(), 0o600)
    try:
        _create(beside, public, 0o644)
    except UserError:
        path.unlink()  # one without the other is no pair, and stands in the next one's way
        raise
    return key


def public_path(path: Path) -> Path:
    """Where the public key of a secret one lies."""
    return path.parent / f"{path.name}.pub"


def read_key(path: Path) -> SecretKey:
    """Reads a secret key that `new_key`, or `minisign -G -W`, has written.

    Raises:
        UserError: it is none, has a password, or others may read it. What it holds is not shown.
    """
    place = shown(path)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read(MAX_BYTES).decode(errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", place=place) from None
    data = _data(lines[1] if len(lines) > 1 else "")
    if len(data) != SECRET_BYTES or data[:2] != ALGORITHM or data[4:6] != CHECKSUM:
        raise UserError(
            "is no secret key of minisign", place=place, hint="`edgeimg deploy-key` makes one."
        )
    if mode & 0o077:
        raise UserError(
            "is a secret key that others may read", place=place, hint=f"Run `chmod 600 {place}`."
        )
    if data[2:4] == PASSWORD:
        raise UserError(
            "is a key with a password",
            place=place,
            hint="Make the bundle with --bundle-only, sign it with `minisign -S`, and deploy that.",
        )
    number, pair, checksum = data[54:62], data[62:126], data[126:]
    key = SecretKey(number=number, seed=pair[:32])
    if data[2:4] != PLAIN or checksum not in (_checksum(number, pair), bytes(32)):
        raise UserError("is a broken secret key", place=place)
    return key


def _create(path: Path, content: str, mode: int) -> None:
    """Writes a file that does not exist, never seen by others in between."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", place=shown(path)) from None
    try:
        with os.fdopen(handle, "w") as file:
            file.write(content)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise UserError(f"cannot be written: {error.strerror}", place=shown(path)) from None


def _checksum(number: bytes, pair: bytes) -> bytes:
    return hashlib.blake2b(ALGORITHM + number + pair, digest_size=32).digest()


def _name(number: bytes) -> str:
    return number[::-1].hex().upper()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _data(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
