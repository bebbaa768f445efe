"""C++ classes that implement the interfaces of TensorRT's headers, by failing.

The headers' inline functions call interfaces of dozens of functions. A fake library needs
few of them; the others are made here, of the headers that the user has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

CLASS = re.compile(r"^class (\w+)(?: : public VRoot)?\s*\{(.*?)^\};", re.MULTILINE | re.DOTALL)
FUNCTION = re.compile(
    r"virtual\s+([^;{}()]+?)\s*\b(\w+)\(([^;{}]*?)\)\s*(const)?\s*(noexcept)?\s*=\s*0;", re.DOTALL
)


def stubs(header: Path, namespace: str, wanted: Iterable[str]) -> str:
    """A class `Stub...` for each of the header's interfaces that are wanted.

    Raises:
        AssertionError: the header has no such interface.
    """
    text = re.sub(r"//.*", "", header.read_text(encoding="utf-8"))
    found = dict(CLASS.findall(text))
    lines = [f"namespace {namespace} {{"]
    for name in wanted:
        assert name in found, f"{header} has no {name}"
        lines.append(f"class Stub{name} : public {name} {{ public:")
        for result, function, arguments, const, noexcept in FUNCTION.findall(found[name]):
            types = re.sub(r"\s*=[^,]*", "", " ".join(arguments.split()))
            rest = " ".join(word for word in (const, noexcept) if word)
            lines.append(f"  {result} {function}({types}) {rest} override {{ std::abort(); }}")
        lines.append("};")
    return "\n".join([*lines, "}", ""])
