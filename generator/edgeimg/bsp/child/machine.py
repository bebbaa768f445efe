"""What one machine says."""

# BitBake speaks of paths as text.
# ruff: noqa: PTH110, PTH113

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from edgeimg.bsp.child.bitbake import BitBake, cause, preferred

LONGEST = 20000  # characters of one value
# Of `Machines.read`, each with its own time.
STEPS = 6


class Machines:
    """Reads machines, one at a time.

    Args:
        core: the folder of oe-core's layer, or "".
        layers: folders.
        recipes: entries as `Layers` tells them.
        d: the layers' configuration, which is copied for each.
    """

    def __init__(
        self, bitbake: BitBake, request: Any, core: str, layers: list[str], recipes: Any, d: Any
    ) -> None:
        self.bitbake = bitbake
        self.request = request
        self.core = core
        self.layers = layers
        self.recipes: dict[str, list[Any]] = {}
        for entry in recipes:
            self.recipes.setdefault(entry["name"], []).append(entry)
        self.d = d

    def read(self, name: str, paths: list[str]) -> Any:
        """What the machine says; `problem` when it cannot be read."""
        timed = self.bitbake.timed
        self.bitbake.missing = []
        answer: dict[str, Any] = {"name": name, "paths": paths}
        d = self.bitbake.copy(self.d)
        # What local.conf says of a machine is of another one.
        d.setVar("MACHINE", name)
        problem: str | None = "its file cannot be read"
        if name.split() != [name]:
            problem = "a MACHINE has no blanks"
        elif os.path.isfile(paths[0]):
            _, problem = timed(lambda: self._parse(d, name))
        unread = None
        if problem is None:
            d, unread = self._inherit(d)
        answer["missing"] = list(dict.fromkeys(self.bitbake.missing))
        answer["problem"] = problem
        if problem is None:
            found, problem = timed(lambda: values(d, self.request["words"]))
            answer["values"], answer["problem"] = found or {}, problem
            if unread:
                answer["values"]["INHERIT"] = {"problem": unread}
            kernel, _ = timed(lambda: self._kernel(d))
            answer["kernel"] = kernel or {}
            hints, _ = timed(lambda: self._hints(d))
            answer["hints"] = hints or []
            answer["deploys"], _ = timed(lambda: _deploys(d, name))
            if self.request["preferred"]:
                answer["preferred"] = preferred(d)
            answer["layers"] = self._layers(d)
        return answer

    def _inherit(self, d: Any) -> tuple[Any, str | None]:
        """With the classes that it inherits, or as it is and what went wrong with them."""
        copy = self.bitbake.copy(d)
        _, problem = self.bitbake.timed(lambda: self.bitbake.inherit(copy, self.core))
        return d if problem else copy, problem

    def _parse(self, d: Any, name: str) -> None:
        if self.core:
            self.bitbake.base_file("conf/bitbake.conf", d)
        else:
            self.bitbake.without_core(d, self.request)
            self.bitbake.bb.parse.handle(f"conf/machine/{name}.conf", d, True)

    def _layers(self, d: Any) -> list[str]:
        """Those that it is read from."""
        read = [one for one, _ in d.getVar("__base_depends", False) or []]
        read += [one for one, _ in d.getVar("__depends", False) or []]
        read = [one for one in read if not one.endswith("conf/layer.conf")]
        return [
            layer
            for layer in self.layers
            if any(one.startswith(layer + "/") and os.path.exists(one) for one in read)
        ]

    def _kernel(self, d: Any) -> dict[str, Any]:
        """The recipe that makes the kernel, and its version."""
        provider = d.getVar("PREFERRED_PROVIDER_virtual/kernel")
        if not provider or "${" in provider:
            return {}
        wanted = d.getVar(f"PREFERRED_VERSION_{provider}") or ""
        answer = {"provider": provider, "wanted": wanted}
        fitting = []
        for entry in self._here([provider]):
            versions = self._versions(d, entry["path"])
            fixed = wanted.rstrip("%")
            if not fixed or any(version.startswith(fixed) for version in versions):
                fitting.append((_priority(d, entry), versions, entry))
        if fitting:
            fitting.sort(key=lambda one: (one[0], _sortable(one[1])))
            _, versions, entry = fitting[-1]
            answer.update(recipe=entry["path"], versions=versions)
        return answer

    def _here(self, names: Iterable[str]) -> list[Any]:
        """The recipes of these names that are not masked."""
        return [
            entry
            for name in names
            for entry in self.recipes.get(name, ())
            if entry["masked"] is None
        ]

    def _versions(self, d: Any, path: str) -> list[str]:
        try:
            copy = self.bitbake.recipe(d, path)
        except Exception:
            return []
        found = []
        for word in ("LINUX_VERSION", "PV"):
            try:
                value = copy.getVar(word)
            except Exception:
                continue
            if value and "${" not in value:
                found.append(value)
        return found

    def _hints(self, d: Any) -> list[Any]:
        """Those of the asked recipes that are here, and whether they say they are for it."""
        machine = (d.getVar("MACHINEOVERRIDES") or "").split(":")
        found = []
        for entry in self._here(self.request["recipes"]):
            try:
                needed = self.bitbake.recipe(d, entry["path"]).getVar("COMPATIBLE_MACHINE")
            except Exception:
                needed = None
            match = None
            if needed:
                try:
                    match = any(re.match(needed, one) for one in machine)
                except re.error:
                    match = None
            found.append({**entry, "compatible": match})
        return found


def values(d: Any, words: list[str]) -> dict[str, Any]:
    """Variable -> its value, or what keeps it from being told."""
    found = {}
    for word in words:
        try:
            value = d.getVar(word)
        except Exception as error:
            found[word] = {"problem": cause(error)}
            continue
        if word == "DISTRO_FEATURES" and value is not None:
            # Distributions name variables that their oe-core has no more; BitBake reads on.
            value = " ".join(one for one in value.split() if "${" not in one)
        if value is not None and "${" not in str(value):
            found[word] = {"value": str(value)[:LONGEST].strip()}
        elif value is not None:
            found[word] = {"problem": f"not known in full: {str(value)[:200]}"}
    return found


def _deploys(d: Any, machine: str) -> str | None:
    """The folder of images/, below the build folder, with the usual TMPDIR."""
    folder = (d.getVar("DEPLOY_DIR_IMAGE") or "").removesuffix(f"/images/{machine}")
    for variable, place in (("TMPDIR", "tmp/"), ("TOPDIR", "")):
        start = f"{d.getVar(variable) or ''}/"
        if len(start) > 1 and folder.startswith(start):
            return place + str(folder).removeprefix(start)
    return None


def _priority(d: Any, entry: Any) -> int:
    value = str(d.getVar(f"BBFILE_PRIORITY_{entry['collection']}") or "0")
    return int(value) if value.lstrip("-").isdigit() else 0


def _sortable(versions: list[str]) -> list[list[int]]:
    return [[int(part) for part in re.findall(r"\d+", one)] for one in versions[-1:]]
