"""The layers' own configuration, and what is in them."""

# BitBake speaks of paths as text.
# ruff: noqa: PTH113, PTH118, PTH119, PTH120, PTH122, PTH207

from __future__ import annotations

import functools
import glob
import os
import re
from collections.abc import Callable
from typing import Any

from edgeimg.bsp.child.bitbake import BitBake, preferred
from edgeimg.bsp.child.forks import Forks
from edgeimg.bsp.child.machine import STEPS, Machines, values


class Layers:
    """One request, answered by `say`."""

    def __init__(self, bitbake: BitBake, request: Any, say: Callable[..., None]) -> None:
        self.bitbake = bitbake
        self.request = request
        self.say = say
        self.owners: dict[str, str] = {}

    def read(self) -> None:
        d = self.bitbake.data()
        build = self.request["build"]
        d.setVar("TOPDIR", build)
        d.setVar("BBPATH", build if self.request["local"] else "")
        problem = None
        layers = self.request["layers"]
        if layers is None:
            d.setVar("BBPATH", build)
            path = os.path.join(build, "conf/bblayers.conf")
            _, problem = self.bitbake.timed(lambda: self.bitbake.base_file(path, d))
            layers = (d.getVar("BBLAYERS") or "").split()
            if not self.request["local"]:
                d.setVar("BBPATH", "")
        else:
            d.setVar("BBLAYERS", " ".join(layers))
        self.say(layers=layers, problem=problem)
        if problem is None:
            found = self.read_layers(d, [one.rstrip("/") for one in layers])
            if not self.request["apart"]:
                self.read_machines(found)

    def read_layers(self, d: Any, layers: list[str]) -> Any:
        start = d
        for layer in layers:
            if self.request["apart"]:
                self.say(begin=layer)
            trial = self.bitbake.copy(d)
            self.bitbake.missing = []
            found, problem = self.bitbake.timed(functools.partial(self._layer, trial, layer))
            if problem is None:
                d = trial
            for one in found or ():
                self.owners[one["name"]] = layer
            self.say(
                layer={
                    "path": layer,
                    "problem": problem,
                    "missing": sorted(set(self.bitbake.missing)),
                    "collections": found or [],
                    "corenames": (d.getVar("LAYERSERIES_CORENAMES") or "").split(),
                }
            )
            d.delVar("LAYERSERIES_CORENAMES")
            if self.request["apart"]:
                d = start
        for name in ("LAYERDIR", "LAYERDIR_RE"):
            d.delVar(name)
        self._dynamic(d)
        return d

    def _layer(self, d: Any, layer: str) -> list[Any]:
        """Reads its layer.conf; the collections that it adds."""
        if layer.split() != [layer]:
            raise ValueError("its path has a blank in it, which BitBake takes for the end of one")
        before = (d.getVar("BBFILE_COLLECTIONS") or "").split()
        d.setVar("LAYERDIR", layer)
        d.setVar("LAYERDIR_RE", re.escape(layer))
        self.bitbake.base_file(os.path.join(layer, "conf/layer.conf"), d)
        d.expandVarref("LAYERDIR")
        d.expandVarref("LAYERDIR_RE")
        after = (d.getVar("BBFILE_COLLECTIONS") or "").split()
        names = after[len(before) :] if after[: len(before)] == before else []
        return [_collection(d, name) for name in names]

    def _dynamic(self, d: Any) -> None:
        collections = (d.getVar("BBFILE_COLLECTIONS") or "").split()
        for entry in (d.getVar("BBFILES_DYNAMIC") or "").split():
            name, _, pattern = entry.partition(":")
            if name and pattern and (name.lstrip("!") in collections) != name.startswith("!"):
                d.appendVar("BBFILES", " " + pattern)

    def read_machines(self, d: Any) -> None:
        found: dict[str, list[str]] = {}
        for folder in (d.getVar("BBPATH") or "").split(":"):
            if folder and folder != self.request["build"]:
                for path in sorted(glob.glob(f"{glob.escape(folder)}/conf/machine/*.conf")):
                    found.setdefault(os.path.basename(path)[: -len(".conf")], []).append(path)
        core = self.bitbake.bb.utils.which(d.getVar("BBPATH"), "conf/bitbake.conf")
        wanted = [one for one in self._wanted(found, core) if one in found]
        base, problem = self.bitbake.timed(lambda: self._base(d, core))
        recipes, appends = self._files(base if base is not None else d)
        stack: dict[str, Any] = {
            "core": bool(core),
            "problem": problem,
            "machines": found,
            "wanted": wanted,
        }
        if base is not None:
            stack["values"] = values(base, self.request["words"])
            stack["preferred"] = preferred(base)
            stack["masks"] = (base.getVar("BBMASK") or "").split()
            stack["added"], _ = self.bitbake.timed(lambda: self._added(d, base, core))
        self.say(stack={**stack, "recipes": recipes, "appends": appends})
        layers = list(self.owners.values())
        machines = Machines(self.bitbake, self.request, _layer_of(core), layers, recipes, d)
        forks = Forks(
            lambda name: machines.read(name, found[name]),
            lambda name: self.say(begin=name),
            # One step more: for Python that does not listen to the alarm.
            (STEPS + 1) * self.request["seconds"],
        )
        for name, answer, ended in forks.ask(wanted):
            self.say(machine=answer or {"name": name, "problem": f"ended the reader: {ended}"})

    def _wanted(self, found: dict[str, list[str]], core: str) -> list[str]:
        """The names that are asked for, else those whose file is in the layers `own`."""
        if self.request["machines"] is not None:
            return list(self.request["machines"])
        # oe-core's own are nobody's BSP.
        of_core = _layer_of(core)
        mine = self.request["own"]
        if mine is None:
            mine = [one for one in self.owners.values() if one != of_core]
        folders = [os.path.join(one, "conf/machine") for one in mine]
        return [one for one in sorted(found) if os.path.dirname(found[one][0]) in folders]

    def _base(self, d: Any, core: str) -> Any:
        """The configuration without a machine of the layers'."""
        base = self.bitbake.copy(d)
        if core:
            self.bitbake.base_file("conf/bitbake.conf", base)
        else:
            self.bitbake.without_core(base, self.request)
        return base

    def _added(self, d: Any, base: Any, core: str) -> dict[str, Any]:
        """What `base` would say if local.conf set the asked variables.

        As local.conf does, they come before a distribution, which may keep or overwrite them.
        """
        wanted = self.request["added"]
        if all(base.getVar(name) == value for name, value in wanted.items()):
            return values(base, self.request["words"])
        trial = self.bitbake.copy(d)
        for name, value in wanted.items():
            trial.setVar(name, value)
        return values(self._base(trial, core), self.request["words"])

    def _files(self, d: Any) -> tuple[list[Any], list[Any]]:
        """Every recipe and append of BBFILES that BBMASK leaves, and those it does not."""
        masks = []
        for mask in (d.getVar("BBMASK") or "").split():
            try:
                masks.append(re.compile(mask))
            except re.error:
                continue
        patterns = []
        for name in (d.getVar("BBFILE_COLLECTIONS") or "").split():
            try:
                pattern = re.compile(d.getVar(f"BBFILE_PATTERN_{name}") or "^$")
            except re.error:
                continue
            patterns.append((name, pattern))
        recipes: list[Any] = []
        appends: list[Any] = []
        seen: set[str] = set()
        for pattern in dict.fromkeys((d.getVar("BBFILES") or "").split()):
            for path in sorted(glob.glob(pattern)):
                if path in seen or not os.path.isfile(path):
                    continue
                seen.add(path)
                name, extension = os.path.splitext(os.path.basename(path))
                recipe, _, version = name.partition("_")
                owners = [one for one, compiled in patterns if compiled.match(path)]
                entry = {
                    "path": path,
                    "name": recipe,
                    "version": version,
                    "collection": owners[0] if owners else "",
                    "masked": next((one.pattern for one in masks if one.search(path)), None),
                }
                if extension == ".bb":
                    recipes.append(entry)
                elif extension == ".bbappend":
                    appends.append(entry)
        return recipes, appends


def _layer_of(file: str) -> str:
    """The layer of a file of its conf/; "" of ""."""
    return os.path.dirname(os.path.dirname(file))


def _collection(d: Any, name: str) -> dict[str, Any]:
    def text(variable: str) -> str:
        try:
            return str(d.getVar(f"{variable}_{name}") or "")
        except Exception:
            # Python in it may ask for what BitBake knows only once all is read: without that part.
            return re.sub(r"\$\{.*?\}", " ", str(d.getVar(f"{variable}_{name}", False)))

    return {
        "name": name,
        "priority": text("BBFILE_PRIORITY"),
        "series": text("LAYERSERIES_COMPAT").split(),
        "depends": text("LAYERDEPENDS"),
    }
