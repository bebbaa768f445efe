"""Features of a product: their options checked and filled in."""

from __future__ import annotations

import re
from pathlib import Path

from edgeimg.catalog.search import Catalog
from edgeimg.catalog.types import Feature, FeatureOption
from edgeimg.errors import UserError, UserErrors, did_you_mean
from edgeimg.manifest.load import Source, shown
from edgeimg.manifest.product import Option, Product
from edgeimg.plan.plan import PlannedFeature
from edgeimg.resources import data

MAX_TEXT = 1 << 16


def plan_features(
    product: Product, source: Source, catalog: Catalog
) -> tuple[tuple[PlannedFeature, ...], tuple[Feature, ...]]:
    """The product's features and those they need, in order of their names.

    Raises:
        UserErrors: unknown features and options, wrong values, conflicts.
    """
    errors: list[UserError] = []
    entries: dict[str, tuple[Path, Feature]] = {}
    wanted = list(product.features)
    while wanted:
        name = wanted.pop(0)
        if name in entries:
            continue
        try:
            place = source.place(("features", name, ""))
            entries[name] = catalog.load("feature", name, Feature, place=place)
        except UserErrors as error:
            errors += error.errors
        except UserError as error:
            errors.append(error)
        else:
            wanted += entries[name][1].needs
    planned = []
    for name, (path, feature) in sorted(entries.items()):
        for other in feature.conflicts:
            if other in entries:
                place = source.place(("features", name, ""))
                errors.append(
                    UserError(f"features: {name} and {other} exclude each other", place=place)
                )
        options = _Options(product.features.get(name, {}), feature, source)
        errors += options.errors
        try:
            folder = _files(catalog, path, feature)
        except UserError as error:
            errors.append(error)
            continue
        planned.append(
            PlannedFeature(
                name=name,
                options=options.values,
                texts=options.texts,
                folder=folder,
                ports=feature.ports,
                packages=(*feature.debian.packages, *options.packages),
            )
        )
    if errors:
        raise UserErrors(errors)
    return tuple(planned), tuple(entry for _, (_, entry) in sorted(entries.items()))


def _files(catalog: Catalog, path: Path, feature: Feature) -> Path | None:
    if feature.debian.files is None:
        return None
    folder = catalog.folder_of(path) / "debian-image/features" / feature.debian.files / "root"
    shipped = data("debian-image") / "features" / feature.debian.files / "root"
    for found in (folder, shipped):
        if found.is_dir():
            return found
    raise UserError(f"debian.files: there is no {folder}", place=shown(path))


class _Options:
    """The options of one feature: given values checked, defaults filled in."""

    def __init__(self, given: dict[str, Option], feature: Feature, source: Source) -> None:
        self.feature = feature
        self.source = source
        self.errors: list[UserError] = []
        self.values: dict[str, Option] = {}
        self.texts: dict[str, str] = {}
        self.packages: list[str] = []
        for name in given:
            if name not in feature.options:
                hint = did_you_mean(name, list(feature.options))
                self.fail((name, ""), f"features.{feature.name}.{name}: not an option", hint)
        for name, option in feature.options.items():
            if name in given:
                self._take(name, option, given[name])
                if given[name] != option.default:
                    self.packages += option.packages
            elif option.default is None:
                self.fail((), f"features.{feature.name}.{name}: is missing", "It is required.")
            else:
                self._take(name, option, option.default)

    def fail(self, tail: tuple[str | int, ...], message: str, hint: str = "") -> None:
        place = self.source.place(("features", self.feature.name, *tail))
        self.errors.append(UserError(message, place=place, hint=hint))

    def _take(self, name: str, option: FeatureOption, value: Option) -> None:
        dotted = f"features.{self.feature.name}.{name}"
        wanted: dict[str, type] = {"whole": int, "flag": bool, "words": tuple, "files": tuple}
        kind = wanted.get(option.type, str)
        if option.type == "files" and isinstance(value, str):
            value = (value,)
        if type(value) is not kind:
            self.fail((name,), f"{dotted}: {_article(option.type)} is wanted", option.description)
            return
        if option.type == "choice" and value not in option.choices:
            self.fail((name,), f"{dotted}: '{value}' is not one of {', '.join(option.choices)}")
            return
        if option.type == "files":
            self.texts[name] = self._content(name, value)  # type: ignore[arg-type]
            return
        for word in value if isinstance(value, tuple) else (value,):
            if option.pattern and not re.fullmatch(option.pattern, str(word)):
                self.fail((name,), f"{dotted}: '{word}' is not right", option.description)
        self.values[name] = value

    def _content(self, name: str, items: tuple[str, ...]) -> str:
        base = self.source.path.resolve().parent
        lines: list[str] = []
        for item in items:
            path = base / Path(item).expanduser()
            if " " in item.strip() and not path.is_file():
                lines.append(item.strip())
                continue
            try:
                text = path.read_bytes()[: MAX_TEXT + 1].decode("utf-8")
            except (OSError, UnicodeDecodeError, ValueError):
                self.fail(
                    (name,),
                    f"features.{self.feature.name}.{name}: {item[:80]} cannot be read as text",
                    "Name a file, or write the line itself.",
                )
                continue
            lines += text.splitlines()
        content = "".join(f"{line}\n" for line in lines if line.strip())
        if "PRIVATE KEY" in content:
            self.fail((name,), f"{name}: holds a private key", "Name the public one (.pub).")
        if not content:
            self.fail(
                (name,), f"features.{self.feature.name}.{name}: is empty", "Give one at least."
            )
        return content


def _article(kind: str) -> str:
    return {
        "whole": "a whole number",
        "flag": "true or false",
        "words": "a list of words",
        "files": "a list of paths or lines",
        "choice": "one of the choices",
    }.get(kind, "text")
