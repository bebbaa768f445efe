"""Features of a product: their options checked and filled in."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_interface
from pathlib import Path

from edgeimg.catalog.features import KINDS, Feature, FeatureOption
from edgeimg.catalog.search import Catalog, Entry
from edgeimg.errors import UserError, UserErrors, did_you_mean
from edgeimg.manifest.base import Config
from edgeimg.manifest.load import Source, is_file, user_path
from edgeimg.manifest.product import Option, Product
from edgeimg.plan.plan import PlannedFeature
from edgeimg.resources import data

MAX_TEXT = 1 << 16


def plan_features(
    product: Product, source: Source, catalog: Catalog, builder: str
) -> tuple[tuple[PlannedFeature, ...], tuple[Feature, ...]]:
    """The product's features and those they need, in order of their names.

    Raises:
        UserErrors: unknown features and options, wrong values, conflicts.
    """
    errors: list[UserError] = []
    entries: dict[str, Entry[Feature]] = {}
    wanted = [(name, source.place(("features", name, ""))) for name in product.features]
    while wanted:
        name, place = wanted.pop(0)
        if name in entries:
            continue
        try:
            entries[name] = entry = catalog.entry("feature", name, Feature, place=place)
        except UserErrors as error:
            errors += error.errors
        except UserError as error:
            errors.append(error)
        else:
            needs = enumerate(entry.value.needs)
            wanted += [(other, entry.place("needs", index)) for index, other in needs]
    planned = []
    for name, entry in sorted(entries.items()):
        feature = entry.value
        own: tuple[str, ...] = getattr(getattr(feature, builder), "conflicts", ())
        for other in (*feature.conflicts, *own):
            if other in entries:
                where = f" with {builder}" if other in own else ""
                errors.append(_exclude(name, other, where, source))
        options = _Options(product.features.get(name, {}), feature, source)
        errors += options.errors
        if why := getattr(getattr(feature, builder), "unsupported", None):
            place = source.place(("features", name, ""))
            errors.append(UserError(f"features: {name} with {builder}: {why}", place=place))
            continue
        errors += _fixed(feature, options.values, source, builder)
        try:
            folder = _files(catalog, entry, builder)
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
                config={**feature.buildroot.config, **options.config},
                kernel=feature.buildroot.kernel,
                recipe=next(iter(feature.yocto.recipes), None),
            )
        )
    errors += _second_files(planned, entries)
    if errors:
        raise UserErrors(errors)
    return tuple(planned), tuple(entries[name].value for name in sorted(entries))


def _second_files(
    planned: list[PlannedFeature], entries: dict[str, Entry[Feature]]
) -> list[UserError]:
    """Errors of options that would be written over a file of another feature's, or of ours."""
    owners = dict.fromkeys(("image", "verify.conf"), "edgeimg")
    errors = []
    for one in planned:
        files: dict[str, tuple[str, ...]] = {name: ("options", name) for name in one.texts}
        if one.options:
            files[f"{one.name}.conf"] = ("name",)
        for file, where in files.items():
            if (owner := owners.setdefault(file, f"feature {one.name}")) != f"feature {one.name}":
                errors.append(
                    UserError(
                        f"{'.'.join(where)}: /etc/edgeimg/{file} is {owner}'s",
                        place=entries[one.name].place(*where),
                        hint="Give it another name.",
                    )
                )
    return errors


def check_disk(features: tuple[Feature, ...], disk: str, source: Source) -> None:
    """Whether the features go together on a disk of upstream's, without a data partition.

    Raises:
        UserErrors: two of them exclude each other there.
    """
    names = {one.name for one in features}
    where = f" where upstream's scripts make {disk}, which has no data partition"
    errors = [
        _exclude(one.name, other, where, source)
        for one in features
        for other in one.buildroot.disk_conflicts
        if other in names
    ]
    if errors:
        raise UserErrors(errors)


def _exclude(name: str, other: str, where: str, source: Source) -> UserError:
    return UserError(
        f"features: {name} and {other} exclude each other{where}",
        place=source.place(("features", name, "")),
        hint="Leave out one of them.",
    )


def _files(catalog: Catalog, entry: Entry[Feature], builder: str) -> Path | None:
    files: str | None = getattr(getattr(entry.value, builder), "files", None)
    if files is None:
        return None
    folder = catalog.folder_of(entry.path) / "debian-image/features" / files / "root"
    shipped = data("debian-image") / "features" / files / "root"
    for found in (folder, shipped):
        if found.is_dir():
            return found
    raise UserError(
        f"{builder}.files: there is no {folder}",
        place=entry.place(builder, "files"),
        hint="Make it, with the files as they lie in the image, or take `files` out.",
    )


def _fixed(
    feature: Feature, values: dict[str, Option], source: Source, builder: str
) -> list[UserError]:
    """Errors of options that the builder serves with one value only."""
    only: dict[str, Option] = getattr(getattr(feature, builder), "only", {})
    return [
        UserError(
            f"features.{feature.name}.{name}: another value is not served by {builder}",
            place=source.place(("features", feature.name, name)),
            hint="Leave it out, or take another builder.",
        )
        for name, value in only.items()
        if name in values and values[name] != value
    ]


class _Options:
    """The options of one feature: given values checked, defaults filled in."""

    def __init__(self, given: dict[str, Option], feature: Feature, source: Source) -> None:
        self.feature = feature
        self.source = source
        self.errors: list[UserError] = []
        self.values: dict[str, Option] = {}
        self.texts: dict[str, str] = {}
        self.packages: list[str] = []
        self.config: Config = {}
        for name in given:
            if name not in feature.options:
                hint = did_you_mean(name, list(feature.options))
                self.fail((name, ""), f"features.{feature.name}.{name}: not an option", hint)
        for name, option in feature.options.items():
            if option.needed_when and self._are(option.needed_when, given):
                self._needed(name, option, given)
            if given.get(name) and not self._are(option.used_when, given):
                self.fail(
                    (name,),
                    f"features.{feature.name}.{name}: is not read without {_and(option.used_when)}",
                    "Write that too, or take this out.",
                )
            if name in given:
                self._take(name, option, given[name])
                if given[name] != option.default:
                    self.packages += option.packages
                    self.config.update(option.config)
            elif option.default is None:
                self.fail((), f"features.{feature.name}.{name}: is missing", "It is required.")
            else:
                self._take(name, option, option.default)
        for name, option in feature.options.items():
            if not self.errors and option.in_network_of and self.values.get(name):
                self._in_network(name, option.in_network_of)

    def fail(self, tail: tuple[str | int, ...], message: str, hint: str = "") -> None:
        place = self.source.place(("features", self.feature.name, *tail))
        self.errors.append(UserError(message, place=place, hint=hint))

    def _are(self, wanted: dict[str, Option], given: dict[str, Option]) -> bool:
        """Whether these options have these values."""
        defaults = self.feature.options
        return all(given.get(key, defaults[key].default) == value for key, value in wanted.items())

    def _needed(self, name: str, option: FeatureOption, given: dict[str, Option]) -> None:
        if name not in given or given[name] in ("", ()):
            because = _and(option.needed_when)
            self.fail(
                (next(iter(option.needed_when)),),
                f"features.{self.feature.name}.{name}: is missing; it goes with {because}",
                option.description,
            )

    def _in_network(self, name: str, other: str) -> None:
        dotted = f"features.{self.feature.name}.{name}"
        try:
            network = ip_interface(str(self.values[other])).network
            inside = ip_address(str(self.values[name])) in network
        except ValueError as error:
            self.fail((name,), f"{dotted}: {error}")
            return
        if not inside:
            self.fail(
                (name,),
                f"{dotted}: {self.values[name]} is not in {network}, the network of `{other}`",
                "Correct one of the two.",
            )

    def _take(self, name: str, option: FeatureOption, value: Option) -> None:
        dotted = f"features.{self.feature.name}.{name}"
        kind = KINDS.get(option.type, str)
        if option.type == "files" and isinstance(value, str):
            value = (value,)
        if type(value) is not kind:
            self.fail((name,), f"{dotted}: {_article(option.type)} is wanted", option.description)
            return
        if option.type == "choice" and value not in option.choices:
            self.fail((name,), f"{dotted}: '{value}' is not one of {', '.join(option.choices)}")
            return
        if option.type == "files":
            self.texts[name] = self._content(name, option, value)  # type: ignore[arg-type]
            return
        for word in value if isinstance(value, tuple) else (value,):
            if option.pattern and not re.fullmatch(option.pattern, str(word)):
                self.fail((name,), f"{dotted}: '{word}' is not right", option.description)
            elif option.type == "words" and len(str(word).split()) != 1:
                self.fail((name,), f"{dotted}: '{word}' is not one word", option.description)
        self.values[name] = value

    def _content(self, name: str, option: FeatureOption, items: tuple[str, ...]) -> str:
        """The lines of all items, checked. What a wrong file holds is never shown."""
        base = self.source.path.resolve().parent
        dotted = f"features.{self.feature.name}.{name}"
        taken: list[str] = []
        for index, item in enumerate(items):
            given = item[:80]
            try:
                path = user_path(base, item, "")
                own = " " in item.strip() or (
                    option.pattern is not None and re.fullmatch(option.pattern, item.strip())
                )
                if own and not is_file(path):
                    lines, given = [item], "the line"
                else:
                    lines = _read(path).splitlines()
            except UserError as error:
                hint = error.hint or "Name a file, or write the line itself."
                self.fail((name, index), f"{dotted}: {given} {error.message}", hint)
                continue
            if any("PRIVATE KEY" in line for line in lines):
                self.fail(
                    (name, index),
                    f"{dotted}: {given} holds a private key",
                    "Name the public one (.pub).",
                )
                continue
            for number, line in enumerate(lines, 1):
                line = line.strip()
                if not line or line.startswith("#"):
                    continue
                if option.pattern and not re.fullmatch(option.pattern, line):
                    where = given if given == "the line" else f"{given}, line {number},"
                    self.fail((name, index), f"{dotted}: {where} is not right", option.description)
                    break
                taken.append(line)
        optional = not items and option.default == ()
        if not (taken or optional or any(dotted in error.message for error in self.errors)):
            self.fail((name,), f"{dotted}: is empty", "Give one at least.")
        return "".join(f"{line}\n" for line in taken)


def _read(path: Path) -> str:
    """The text of a small file.

    Raises:
        UserError: it is none; the message goes on after the file's name.
    """
    try:
        if not path.exists():
            raise UserError("does not exist")
        # A pipe or a device would never end, or block already at open.
        if not path.is_file():
            raise UserError("is not a file")
        with path.open("rb") as stream:
            content = stream.read(MAX_TEXT + 1)
        if len(content) > MAX_TEXT:
            raise UserError(f"is larger than {MAX_TEXT >> 10} KiB", hint="Is it the right file?")
        return content.decode("utf-8")
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise UserError("cannot be read as text") from None


def _and(options: dict[str, Option]) -> str:
    return " and ".join(f"{key}: {value}" for key, value in options.items())


def _article(kind: str) -> str:
    return {
        "whole": "a whole number",
        "flag": "true or false",
        "words": "a list of words",
        "files": "a list of paths or lines",
        "choice": "one of the choices",
    }.get(kind, "text")
