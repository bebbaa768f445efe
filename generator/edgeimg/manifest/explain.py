"""What pydantic found, in the words of the manifests: one line for each cause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from edgeimg.errors import UserError, did_you_mean
from edgeimg.manifest.base import PATTERN_SAYS, Manifest

if TYPE_CHECKING:
    from edgeimg.manifest.load import Location, Source

WANTED = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
}
LIMITS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def explain(source: Source, kind: type[Manifest], details: Sequence[Any]) -> list[UserError]:
    """One error for each place, at its place; what only follows from another is left out."""
    places: dict[Location, list[Any]] = {}
    errors: list[UserError] = []
    for detail in details:
        location = _location(source.data, detail["loc"])
        if detail["type"] == "missing":
            errors.append(_missing(source, kind, location, detail))
        else:
            places.setdefault(location, []).append(detail)
    for location, found in places.items():
        size = len(location)
        below = any(len(other) > size and other[:size] == location for other in places)
        if below and found[0]["type"] != "extra_forbidden":
            # Such as "too short" after a bad element, or the other members of a union.
            continue
        errors.append(_one_error(source, kind, location, found))
    told = {error.place for error in source.errors}
    return [error for error in errors if error.place not in told]


def _location(data: Any, path: Sequence[str | int]) -> Location:
    """The path in the file; pydantic's has the names of union members among the keys."""
    location: list[str | int] = []
    for part in path:
        listed = isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)
        if listed or (isinstance(data, dict) and part in data):
            data = data[part]
            location.append(part)
    return tuple(location)


def _missing(source: Source, kind: type[Manifest], location: Location, detail: Any) -> UserError:
    key = detail["loc"][-1]
    where = _dotted((*location, key))
    line = _waiting(source, str(key))
    if line is not None:
        return UserError(
            f"{where}: is to be filled in",
            place=f"{source.place(()).rsplit(':', 2)[0]}:{line}",
            hint="Take the '#' before it away, and write a value.",
        )
    hint = f"It is required. {_description(kind, (*location, key))}".rstrip()
    return UserError(f"{where}: is missing", place=source.place(location), hint=hint)


def _waiting(source: Source, key: str) -> int | None:
    """The line on which the key stands as a comment without a value, such as `# flash: # ...`."""
    try:
        lines = source.path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    pattern = re.compile(rf"\s*# {re.escape(key)}:\s*(#.*)?")
    return next((at for at, line in enumerate(lines, 1) if pattern.fullmatch(line)), None)


def _one_error(
    source: Source, kind: type[Manifest], location: Location, found: list[Any]
) -> UserError:
    others = [detail for detail in found if detail["type"] not in WANTED]
    at_key = any("[key]" in detail["loc"] for detail in found)
    if others:
        message, hint = _says(source, kind, location, others[0])
        at_key = at_key or others[0]["type"] == "extra_forbidden"
    else:
        words = list(dict.fromkeys(WANTED[detail["type"]] for detail in found))
        wanted = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
        message, hint = f"{wanted} is wanted", _wanted_hint(words, found[0]["input"])
    dotted = _dotted(location)
    return UserError(
        f"{dotted}: {message}" if dotted else message,
        place=source.place((*location, "") if at_key else location),
        hint=hint,
    )


def _says(source: Source, kind: type[Manifest], location: Location, detail: Any) -> tuple[str, str]:
    given, about = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(kind, location[:-1])
            return "not a key", did_you_mean(str(location[-1]), known)
        case "value_error":
            return str(about["error"]), ""
        case "string_pattern_mismatch":
            message, hint = PATTERN_SAYS.get(about["pattern"], ("is not right", ""))
            return f"'{_short(given)}' {message}", hint or _description(kind, location)
        case "literal_error":
            words = re.sub(r"'", "", str(about["expected"])).replace(" or ", ", ")
            hint = did_you_mean(str(given), words.split(", "))
            near = "" if hint.startswith("Known") else hint
            return f"'{_short(given)}' is not one of {words}", near
        case "too_short":
            least = about["min_length"]
            return f"give at least {'one' if least == 1 else least}", ""
        case "too_long":
            return f"give at most {about['max_length']}", ""
        case "string_too_long":
            return f"has {len(given):,} characters", f"At most {about['max_length']:,}."
        case comparison if comparison in LIMITS:
            word, key = LIMITS[comparison]
            limit = about[key]
            return f"must be {word} {int(limit) if limit == int(limit) else limit}", ""
        case _:
            return f"'{_short(given)}' is not right", _description(kind, location)


def _wanted_hint(words: list[str], given: Any) -> str:
    if given is None:
        value = "{}" if words == ["a mapping"] else "a value"
        return f"Write {value}, or leave the key out."
    number = isinstance(given, int | float)
    if "text" in words and number:
        return "Put it in quotes."
    if words == ["a list"] and (number or isinstance(given, str)):
        return f"Write [{_short(given)}]."
    if words == ["a mapping"]:
        names = given if isinstance(given, list | tuple) else (given,)
        if names and all(isinstance(name, str) and name for name in names):
            return f"Write {{{', '.join(f'{_short(name)}: {{...}}' for name in names[:4])}}}."
        return "Write `key: value` lines."
    if isinstance(given, str) and re.fullmatch(r"-?[0-9.]+|true|false", given):
        return "Write it without quotes."
    return ""


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _dotted(location: Location) -> str:
    return ".".join(_short(part) for part in location)


def _known_keys(kind: type[Manifest], location: Location) -> list[str]:
    """The keys of the manifest at that location, through unions and tuples."""
    return sorted({key for one in _kinds(kind, location) for key in one.model_fields})


def _description(kind: type[Manifest], location: Location) -> str:
    """What the schema says of the field that the location is in."""
    for end in range(len(location) - 1, -1, -1):
        for one in _kinds(kind, location[:end]):
            field = one.model_fields.get(str(location[end]))
            if field is not None and field.description:
                return str(field.description)
    return ""


def _kinds(kind: type[Manifest], location: Location) -> list[type[Manifest]]:
    kinds = [kind]
    for part in location:
        kinds = [inner for one in kinds for inner in _members(one, part)]
    return kinds


def _members(kind: type[Manifest], part: str | int) -> list[type[Manifest]]:
    if isinstance(part, int):
        return [kind]
    fields = kind.model_fields
    return _manifests_in(fields[part].annotation) if part in fields else []


def _manifests_in(annotation: Any) -> list[type[Manifest]]:
    if isinstance(annotation, type) and issubclass(annotation, Manifest):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _manifests_in(inner)]
