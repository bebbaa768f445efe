"""JSON Schema of the manifests, and the reference `docs/manifest.md` made from it."""

from __future__ import annotations

from typing import Any

from edgeimg.manifest.base import Manifest
from edgeimg.manifest.board import Board
from edgeimg.manifest.model import Model
from edgeimg.manifest.product import Product

KINDS: dict[str, type[Manifest]] = {"product": Product, "board": Board, "model": Model}
TITLES = {
    "product": "The product: `edgeimg.yaml`",
    "board": "The board: `boards/<name>.yaml`",
    "model": "The model: `models/<folder>/<name>.yaml`",
}


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of one kind of manifest."""
    return KINDS[kind].model_json_schema()


def reference() -> str:
    """`docs/manifest.md`: every key of every manifest."""
    parts = [
        "# Manifests\n",
        "Made by `make docs` from the schema; `edgeimg schema product|board|model` prints that\n"
        "as JSON Schema for editors. A key that is not listed is an error.\n",
    ]
    for kind in KINDS:
        schema = json_schema(kind)
        parts.append(f"## {TITLES[kind]}\n")
        parts.append(_section(schema, schema))
        for name, inner in sorted(schema.get("$defs", {}).items()):
            if "properties" in inner:
                parts.append(f"### {name}\n")
                parts.append(_section(inner, schema))
    return "\n".join(parts)


def _section(schema: dict[str, Any], root: dict[str, Any]) -> str:
    lines = []
    if description := schema.get("description"):
        lines += [" ".join(description.split("\n\n")[0].split()), ""]
    lines += ["| key | value | default | |", "|---|---|---|---|"]
    required = schema.get("required", [])
    for key, field in schema["properties"].items():
        default = "required" if key in required else _code(field.get("default"))
        text = _description(field, root).replace("|", "\\|")
        lines.append(f"| `{key}` | {_kind(field, root)} | {default} | {text} |")
    return "\n".join(lines) + "\n"


def _description(field: dict[str, Any], root: dict[str, Any]) -> str:
    text = field.get("description") or ""
    return " ".join(str(text).split())


def _code(value: Any) -> str:
    import json

    return (
        "" if value in (None, [], {}, "") or isinstance(value, dict) else f"`{json.dumps(value)}`"
    )


def _kind(field: dict[str, Any], root: dict[str, Any]) -> str:
    if "$ref" in field:
        name = str(field["$ref"]).rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field or "oneOf" in field:
        options = field.get("anyOf") or field["oneOf"]
        kinds = [_kind(one, root) for one in options if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}), root)}"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"mapping to {_kind(inner, root)}" if isinstance(inner, dict) else "mapping"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "flag"}
    return names.get(str(field.get("type")), "any")
