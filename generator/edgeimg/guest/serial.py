"""A device at whose serial console a shell waits.

A script goes there line by line, each acknowledged, and is started when its checksum fits.
Its answer is packed, and comes back as numbered lines of hex digits: a line that the kernel or a
service wrote into is asked for again, and at the end the whole has its checksum. The
console's shell needs nothing but `od`, `awk`, `sed`, `sha256sum`, `mktemp` and `stty`:
base64 is not in every busybox.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from edgeimg.errors import UserError
from edgeimg.guest.console import clean
from edgeimg.guest.device import Answer, cleaned, with_words
from edgeimg.guest.errors import CorruptedError, HangError, TruncatedError
from edgeimg.guest.results import MAX_STREAM
from edgeimg.guest.serial_port import SPEEDS, Port, open_port

BAUD = 115200
PROMPT_SECONDS = 4.0
ACK_SECONDS = 3.0
AGAIN_SECONDS = 5.0
TRIES = 20
WINDOW = 128  # lines that are asked for at once
LINE_BYTES = 64  # in a line of hex digits; od's 16, four times
MAX_PACKED = 64 << 20
STDERR_BYTES = 4096

_TARGET = re.compile(r"serial://(?P<path>/[^?#]+)(?:\?baud=(?P<baud>[0-9]{1,8}))?")
_LOGIN = re.compile(r"(?:^|\s)(?:login|Password): ?$")
# Ends what an earlier run left at the console; to a shell it is nothing. Not Ctrl-C alone:
# a shell that init started in the background ignores that.
_QUIT = b"\x03\r: edgeimg-quit\r"
_OURS = re.compile(rb"e[0-9a-f]{8}:")
# T: the session's tag; in what is typed it is broken by quotes, so that an echo never fits.
# The `+` after a number says that the number is whole.
_START = """\
sh -c 'T=@; o=$(stty -g); trap "stty $o; exit" 0 2; stty -echo
n=$(printf "\\n_"); n=${n%_}; s=; i=0; echo; echo "$T:ready"
while IFS= read -r l; do case $l in "$T:end") break;; ": edgeimg-quit") exit;; "$T:ask") ;;
*) s="$s$l$n"; i=$((i+1));; esac; echo "$T:$i+"; done
while echo "$T:sum $(printf %s "$s" | sha256sum)"; IFS= read -r l; [ "$l" = "$T:ask" ]; do :; done
[ "$l" = "$T:go" ] && eval "$s"'
"""
# Runs in that shell, with T, o and n. $d: a folder of its own.
_FOLDER = """\
d=$(mktemp -d /run/edgeimg.XXXXXX 2>/dev/null) || d=$(mktemp -d /tmp/edgeimg.XXXXXX) ||
	{ echo "$T:full"; exit; }
trap 'stty "$o"; rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM
"""
_SERVE = """\
sh "$d/script" <"$d/in" >"$d/out" 2>"$d/err"
s=$?
tail -c 4096 "$d/err" >"$d/said"
{ wc -c <"$d/said"; cat "$d/said" "$d/out"; } | gzip -c >"$d/packed"
rm "$d/out"
od -An -v -tx1 "$d/packed" | awk -v t="$T" '{ gsub(/ /, ""); b = b $0 }
NR % 4 == 0 { print t ":=" ++n " " b; b = "" }
END { if (b != "") print t ":=" n + 1 " " b }' >"$d/lines" || echo "$T:full"
while :; do
	l=$(wc -c <"$d/packed")
	set -- $(sha256sum "$d/packed")
	echo "$T:done $s $((l)) $1+"
	while IFS= read -r l; do
		case $l in
		*,*p) sed -n "$l" "$d/lines"; echo "$T:part $l+" ;;
		bye | ': edgeimg-quit') exit 0 ;;
		*) break ;;
		esac
	done || exit 1
done
"""


@dataclass(frozen=True, kw_only=True)
class SerialTarget:
    """A port of this machine, and the console's speed."""

    path: Path
    baud: int = BAUD

    def __str__(self) -> str:
        return f"serial://{self.path}" + (f"?baud={self.baud}" if self.baud != BAUD else "")


def parse_serial(text: str, place: str) -> SerialTarget:
    """`serial:///dev/ttyUSB0[?baud=115200]`.

    Raises:
        UserError: it is not that, or the speed is none that a port can have.
    """
    found = _TARGET.fullmatch(text)
    path = unquote(found["path"]) if found else "\n"
    if found is None or not path.isprintable():
        raise UserError(f"'{text[:80]}' is not serial:///dev/ttyUSB0[?baud={BAUD}]", place=place)
    baud = int(found["baud"] or BAUD)
    if baud not in SPEEDS:
        usual = ", ".join(str(speed) for speed in sorted(SPEEDS) if speed >= 9600)
        raise UserError(f"no port has {baud} baud", place=place, hint=f"Usual: {usual}.")
    return SerialTarget(path=Path(path), baud=baud)


@dataclass(frozen=True, kw_only=True)
class SerialDevice:
    """See `edgeimg.guest.device.Device`. Diagnostics come at the end, not as they are said."""

    target: SerialTarget

    def __str__(self) -> str:
        return str(self.target)

    def run(
        self,
        script: str,
        words: Sequence[str] = (),
        *,
        input: bytes = b"",
        timeout: float,
        limit: int = MAX_STREAM,
        on_line: Callable[[str], None] | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> Answer:
        """See `edgeimg.guest.device.Device`."""
        with open_port(self.target.path, self.target.baud) as port:
            session = _Session(port, self.target, time.monotonic() + timeout)
            try:
                session.start()
                session.send(_program(with_words(script, words), input, session.tag))
                packed, status = session.answer(on_bytes)
            except BaseException:
                with suppress(UserError):
                    port.write(_QUIT, 1.0)  # the script on the device ends, and cleans up
                raise
        stdout, stderr = _unpacked(packed, limit, str(self))
        for line in filter(None, stderr.splitlines()):
            if on_line is not None:
                on_line(line)
        return Answer(status=status, stdout=stdout, stderr=stderr)


class _Session:
    """One script's way there and back."""

    def __init__(self, port: Port, target: SerialTarget, deadline: float) -> None:
        self.tag = f"e{secrets.token_hex(4)}"
        self._port = port
        self._target = target
        self._deadline = deadline
        self._seen = b""  # before anything was understood
        self._rest = b""

    def start(self) -> None:
        """Find the shell and start a reader in it.

        Raises:
            UserError: nobody answers, or no shell does.
        """
        self._port.write(b"\r")
        if not self._listen(PROMPT_SECONDS / 2) or _OURS.search(self._seen):
            self._port.write(_QUIT)
            self._listen(PROMPT_SECONDS)
        self._check_prompt()
        half = len(self.tag) // 2
        typed = _START.replace("@", f'{self.tag[:half]}""{self.tag[half:]}')
        # As one line: `do` and what ends with ; need no separator.
        typed = typed.replace(";;\n", ";; ").strip().replace("\n", "; ")
        self._port.write(typed.encode() + b"\r")
        if self._find(r"ready", PROMPT_SECONDS * 3) is None:
            self._check_prompt()
            said = [clean(one.decode("latin-1")) for one in self._seen.split(b"\n")]
            last = next((line for line in reversed(said) if line), "")[-120:]
            raise self._error(f"no shell answers at the console; its last line is '{last}'")

    def send(self, program: str) -> None:
        """The program, line by line; it is started when all of it is there."""
        lines = program.split("\n")[:-1]
        for number, line in enumerate(lines, 1):
            self._port.write(f"{line}\n".encode())
            while int(self._acknowledged(r"(\d{1,9})\+")) < number:
                pass
        self._port.write(f"{self.tag}:end\n".encode())
        if (
            self._acknowledged("sum ([0-9a-f]{64}) ")
            != hashlib.sha256(program.encode()).hexdigest()
        ):
            raise CorruptedError(
                f"what was sent to {self._target} did not come there whole",
                hint="Is another program using the line, or is it longer than its speed allows?",
            )
        self._port.write(f"{self.tag}:go\n".encode())

    def _acknowledged(self, pattern: str) -> str:
        """What the device says to what it was sent; asked for again when it is lost."""
        for _ in range(TRIES):
            found = self._find(pattern, ACK_SECONDS)
            if found is not None:
                return found[1]
            self._port.write(f"{self.tag}:ask\n".encode())
        raise TruncatedError(f"{self._target} does not acknowledge what is sent")

    def answer(self, on_bytes: Callable[[int], None] | None) -> tuple[bytes, int]:
        """What the script answered, packed, and its status."""
        while True:
            found = self._find(
                r"(?:(full)|done (\d{1,3}) (\d{1,9}) ([0-9a-f]{64})\+)", AGAIN_SECONDS
            )
            if found is not None:
                break
            self._port.write(b"again\n")  # read when the script is through; the line may be lost
        if found[1]:
            raise self._error("no space is left on the device")
        status, size = int(found[2]), int(found[3])
        if size > MAX_PACKED:
            raise CorruptedError(f"{self._target} answers {size:,} bytes, packed")
        packed = self._fetch(size, on_bytes)
        if hashlib.sha256(packed).hexdigest() != found[4]:
            raise CorruptedError(
                f"the answer of {self._target} was changed on its way: wrong checksum",
                hint="Is the line noisy? A lower speed may help.",
            )
        self._port.write(b"bye\n")
        return packed, status

    def _fetch(self, size: int, on_bytes: Callable[[int], None] | None) -> bytes:
        """All lines; those that did not come whole are asked for again."""
        total = -(-size // LINE_BYTES)
        lines: dict[int, bytes] = {}
        vain = 0
        while len(lines) < total:
            first = next(number for number in range(1, total + 1) if number not in lines)
            last = first
            while last < min(first + WINDOW - 1, total) and last + 1 not in lines:
                last += 1
            before = len(lines)
            self._port.write(f"{first},{last}p\n".encode())
            while last not in lines:
                pattern = rf"(?:=(\d{{1,9}}) ([0-9a-f]+)$|(part {first},{last}p\+))"
                found = self._find(pattern, ACK_SECONDS)
                if found is None or found[3]:
                    break
                number = int(found[1])
                length = min(LINE_BYTES, size - (number - 1) * LINE_BYTES)
                if 1 <= number <= total and len(found[2]) == 2 * length:
                    lines[number] = bytes.fromhex(found[2])
                    if on_bytes is not None:
                        on_bytes(sum(map(len, lines.values())))
            vain = 0 if len(lines) > before else vain + 1
            if vain == TRIES:
                raise TruncatedError(
                    f"the answer of {self._target} was cut short: {len(lines)} of {total} lines",
                    hint="Does something else write to the console without end?",
                )
        return b"".join(lines[number] for number in range(1, total + 1))

    def _find(self, pattern: str, seconds: float) -> re.Match[str] | None:
        """The next line of ours that fits; None when the seconds are over."""
        wanted = re.compile(f"{self.tag}:{pattern}")
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self._rest:
                line, _, self._rest = self._rest.partition(b"\n")
                if found := wanted.search(line.decode("latin-1").rstrip("\r")):
                    return found
            now = time.monotonic()
            if now > self._deadline:
                raise HangError(f"{self._target} did not answer in time")
            if now > end:
                return None
            data = self._port.read(min(end, self._deadline) - now)
            self._rest = (self._rest + data)[-(1 << 20) :]
            self._seen = (self._seen + data)[-4096:]

    def _listen(self, seconds: float) -> bool:
        """Take in what the console says, until it is silent for a moment."""
        data = self._port.read(seconds)
        end = time.monotonic() + seconds
        while data:
            self._seen = (self._seen + data)[-4096:]
            data = self._port.read(0.4) if time.monotonic() < end else b""
        return bool(self._seen)

    def _check_prompt(self) -> None:
        seen = self._seen
        if not seen.strip(b"\0"):
            raise self._error(
                "nothing answers on the line",
                "Is the device on, are the wires right, is its console this port?",
            )
        strange = sum(byte > 126 or byte in b"\0" or byte < 7 for byte in seen)
        if strange * 4 > len(seen):
            raise self._error(
                f"what comes makes no sense at {self._target.baud} baud",
                "Name the console's speed: `?baud=...`.",
            )
        if _LOGIN.search(clean(seen.rsplit(b"\n", 1)[-1].decode("latin-1")) + " "):
            raise self._error(
                "the console asks for a login",
                "Log in there by hand first, or build with `serial-console: {shell_for: root}`.",
            )

    def _error(self, message: str, hint: str = "") -> UserError:
        return UserError(message, place=str(self._target), hint=hint)


def _program(script: str, input: bytes, tag: str) -> str:
    """What the reader there is given: script and input as files, and what serves the answer."""
    end = f"{tag}:script"
    pieces = [input[at : at + 64] for at in range(0, len(input), 64)]
    printed = "\n".join(f"printf '{_escaped(piece)}'" for piece in pieces) or ":"
    files = f'cat >"$d/script" <<\'{end}\'\n{script}\n{end}\n{{\n{printed}\n}} >"$d/in"\n'
    return _FOLDER + files + _SERVE


def _escaped(data: bytes) -> str:
    """For printf: letters and digits as they are, all else in octal."""
    return "".join(chr(one) if one < 128 and chr(one).isalnum() else f"\\{one:03o}" for one in data)


def _unpacked(packed: bytes, limit: int, where: str) -> tuple[bytes, str]:
    """Output and diagnostics."""
    try:
        engine = zlib.decompressobj(wbits=31)
        whole = engine.decompress(packed, limit + STDERR_BYTES + 64)
    except zlib.error as error:
        raise CorruptedError(f"the answer of {where} cannot be unpacked: {error}") from None
    size, _, rest = whole.partition(b"\n")
    whole_or_more = engine.eof or engine.unconsumed_tail
    if not whole_or_more or not size.strip().isdigit() or len(size) > 12:
        raise CorruptedError(f"the answer of {where} is not whole")
    stdout = rest[int(size) :]
    if len(stdout) > limit:
        raise CorruptedError(f"{where} answers more than {limit:,} bytes")
    return stdout, cleaned(rest[: int(size)])
