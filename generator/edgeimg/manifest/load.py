"""Path -> Product, Board, Model: syntax and types, every error with its place.

YAML is composed to nodes first, so that each value keeps its line and column,
and so that tags, anchors and duplicate keys are refused before any object is
made of them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from edgeimg.errors import UserError, UserErrors
from edgeimg.manifest.base import Manifest
from edgeimg.manifest.explain import explain

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 50_000

Location = tuple[str | int, ...]
T = TypeVar("T", bound=Manifest)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# The YAML tags of plain data; a tag that builds an object is not among them.
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "merge")}
# A number of JSON that YAML 1.1 takes for text, since it has no dot: 1e-5.
_EXPONENT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?[eE][+-]?[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Plain data read from a YAML file, and where each value stood (1-based)."""

    path: Path
    data: Any
    places: Mapping[Location, tuple[int, int]]
    errors: tuple[UserError, ...] = ()
    # Values that the command line gave, and the option that gave each.
    given: Mapping[Location, str] = field(default_factory=dict)

    def place(self, location: Location) -> str:
        """`file:line:column` of the value, or of the nearest one around it."""
        starts = [location[:end] for end in range(len(location), -1, -1)]
        # What the command line gave lies over all of the file that is below it.
        for start in starts[:-1] if self.places else starts:
            if start in self.given:
                return self.given[start]
        for end in range(len(location), -1, -1):
            if location[:end] in self.places:
                line, column = self.places[location[:end]]
                return f"{shown(self.path)}:{line}:{column}"
        return shown(self.path)


def shown(path: Path) -> str:
    """The path as users know it: relative to here when it is below here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def read_source(path: Path) -> Source:
    """Reads a YAML file into plain data.

    What the YAML is composed of but must not hold (duplicate keys, tags, loops)
    is kept in `errors`, so that `parse` reports it with all the rest.

    Raises:
        UserError: not a file, too large, not UTF-8, not YAML; with its place.
    """
    text = _read_text(path)
    try:
        _nesting(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(path, text, error) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"not YAML: {_first_line(error)}", place=shown(path)) from None
    if node is None:
        raise UserError("is empty", place=shown(path), hint="A manifest is a YAML mapping.")
    reader = _Reader(path)
    data = reader.build(node, (), ())
    if reader.stopped:
        raise UserErrors(reader.errors)
    if not isinstance(data, dict):
        if reader.errors:
            raise UserErrors(reader.errors)
        raise UserError("is not a mapping", place=shown(path), hint="Write `key: value` lines.")
    return Source(path=path, data=data, places=reader.places, errors=tuple(reader.errors))


def read_value(text: str, place: str) -> Any:
    """One value as a manifest would hold it, such as that of `--set key=value`.

    Raises:
        UserError: it is not YAML, or not plain data.
    """
    try:
        _nesting(text)
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, ValueError):
        raise UserError("the value is not YAML", place=place, hint="Put it in quotes.") from None
    reader = _Reader(Path("value"))
    value = None if node is None else reader.build(node, (), ())
    if reader.errors:
        first = reader.errors[0]
        raise UserError(first.message, place=place, hint=first.hint)
    return value


def _nesting(text: str) -> None:
    """Refuses what would exhaust the parser's stack before a node is made."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > 10 * MAX_DEPTH:
            raise ValueError("nested too deeply")


def parse(source: Source, kind: type[T]) -> T:
    """The data as a manifest of that kind; all errors of the file at once."""
    from pydantic import ValidationError

    found = list(source.errors)
    manifest = None
    try:
        manifest = kind.model_validate(_tuples(source.data))
    except ValidationError as error:
        found += explain(source, kind, error.errors(include_url=False))
    if manifest is None or found:
        unique = {str(one): one for one in found}.values()
        raise UserErrors(sorted(unique, key=_by_place))
    return manifest


def _by_place(error: UserError) -> tuple[int, ...]:
    return tuple(int(part) for part in error.place.split(":")[1:] if part.isdigit())


def load(path: Path, kind: type[T]) -> T:
    """Reads and parses a manifest of that kind."""
    return parse(read_source(path), kind)


def user_path(base: Path, name: str, place: str) -> Path:
    """The path that a user wrote, `~` read, relative to `base`.

    Raises:
        UserError: nobody has the home that it begins with.
    """
    try:
        return base / Path(name).expanduser()
    except (RuntimeError, ValueError):
        raise UserError(
            f"{name[:80]} is not a path here", place=place, hint="Whose home is that?"
        ) from None


def is_file(path: Path) -> bool:
    """Whether there is a file; a path that cannot be is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder; a path that cannot be is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():
            missing = "is not a file" if path.exists() else "does not exist"
            raise UserError(missing, place=shown(path), hint="Check the path.")
        if path.stat().st_size > MAX_BYTES:
            size = path.stat().st_size
            raise UserError(
                f"has {size:,} bytes",
                place=shown(path),
                hint=f"A manifest has at most {MAX_BYTES:,}.",
            )
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise UserError("is not UTF-8 text", place=shown(path), hint="Is it a manifest?") from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", place=shown(path)) from None
    if "\0" in text:
        raise UserError("is a binary file", place=shown(path), hint="Is it a manifest?")
    return text


def _syntax_error(path: Path, text: str, error: yaml.MarkedYAMLError) -> UserError:
    mark = error.problem_mark or error.context_mark
    place = f"{shown(path)}:{mark.line + 1}:{mark.column + 1}" if mark else shown(path)
    problem = error.problem or _first_line(error)
    lines = text.splitlines()
    if mark and mark.line < len(lines) and lines[mark.line][mark.column :].startswith("\t"):
        return UserError("a tab in the indentation", place=place, hint="YAML wants spaces.")
    return UserError(f"not YAML: {problem}", place=place)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


class _Reader:
    """Makes plain data from YAML nodes and notes where each value stood."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.errors: list[UserError] = []
        self.places: dict[Location, tuple[int, int]] = {}
        self.nodes = 0
        self.stopped = False

    def fail(self, node: yaml.Node, message: str, hint: str = "") -> None:
        mark = node.start_mark
        place = f"{shown(self.path)}:{mark.line + 1}:{mark.column + 1}"
        self.errors.append(UserError(message, place=place, hint=hint))

    def build(self, node: yaml.Node, location: Location, around: tuple[int, ...]) -> Any:
        self.nodes += 1
        if id(node) in around:
            self.fail(node, "an alias that contains itself", "Write the values out.")
            return None
        if len(around) > MAX_DEPTH or self.nodes > MAX_NODES:
            if not self.stopped:
                self.stopped = True
                self.fail(node, "nested too deeply or too many aliases", "Write it flatter.")
            return None
        self.places[location] = (node.start_mark.line + 1, node.start_mark.column + 1)
        inner = (*around, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location, inner)
        if isinstance(node, yaml.SequenceNode):
            if node.tag != "tag:yaml.org,2002:seq":
                return self._tag(node)
            return [self.build(item, (*location, i), inner) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, location: Location, inner: tuple[int, ...]) -> Any:
        if node.tag != "tag:yaml.org,2002:map":
            return self._tag(node)
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if (
                not isinstance(key_node, yaml.ScalarNode)
                or key_node.tag == "tag:yaml.org,2002:merge"
            ):
                self.fail(key_node, "a key must be plain text", "Merge keys are not read.")
                continue
            key = str(key_node.value)
            if key in result:
                self.fail(key_node, f"'{key}' is here twice", "Keep one of them.")
                continue
            result[key] = self.build(value_node, (*location, key), inner)
            # An error about a key is best shown at the key, not at its value.
            mark = key_node.start_mark
            self.places[(*location, key, "")] = (mark.line + 1, mark.column + 1)
        return result

    def _scalar(self, node: Any) -> Any:
        if node.tag not in _PLAIN and node.tag != "tag:yaml.org,2002:timestamp":
            return self._tag(node)
        if node.tag == "tag:yaml.org,2002:timestamp":
            return str(node.value)
        plain = node.tag == "tag:yaml.org,2002:str" and not node.style
        if plain and _EXPONENT.fullmatch(node.value):
            return float(node.value)
        try:
            return _constructor().construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            self.fail(node, f"'{str(node.value)[:40]}' is not a value of its type")
            return None

    def _tag(self, node: yaml.Node) -> None:
        self.fail(node, f"the tag '{node.tag[:60]}' is not read", "Write plain values.")


@functools.cache
def _constructor() -> Any:
    # One loader only to turn a scalar node into a number, text or a truth value.
    return yaml.SafeLoader("")


def _tuples(value: Any) -> Any:
    # Frozen manifests hold tuples; strict pydantic does not take a list for one.
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value
