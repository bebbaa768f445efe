"""Reads layers with BitBake's own parser: a program of its own, which imports nothing of edgeimg.

BitBake is GPL-2.0-only. It is started as `python -I read_child.py`, finds BitBake in the folder
that the request names, and speaks JSON: one object on standard input, one object a line on
standard output. Python that stands in the layers' configuration is run, as any build runs it.

Request: `bitbake` (folder that holds `bb`), `build` (folder with conf/bblayers.conf, or an empty
one), `layers` (folders; null: those of bblayers.conf), `local` (read conf/local.conf too), `apart`
(read each layer by itself, and nothing else), `machines` (names; null: those of `own`), `own`
(layers; null: all but oe-core), `recipes` (names to look at for each machine), `words` (variables
to expand), `preferred` (tell each machine's PREFERRED_...), `seconds`, `memory_mib`.

Answers, in this order: `{"layers": ...}`, one `{"layer": ...}` each (after `{"begin": folder}` when
they are read apart), `{"stack": ...}`, then for each machine `{"begin": name}` and
`{"machine": ...}`, at last `{"end": true}`.
"""

# BitBake speaks of paths as text.
# ruff: noqa: PTH110, PTH113, PTH117, PTH118, PTH119, PTH120, PTH122, PTH207

from __future__ import annotations

import functools
import glob
import importlib
import importlib.util
import inspect
import json
import logging
import os
import re
import resource
import signal
import sys
import types
from collections.abc import Callable
from typing import Any

# BitBake, once it is found.
bb: Any = None

LONGEST = 20000  # characters of one value
# What oe-core's bitbake.conf says, for layers that are read without it.
WITHOUT_CORE = {
    "OVERRIDES": "${MACHINEOVERRIDES}:forcevariable",
    "MACHINEOVERRIDES": "${MACHINE}",
    "PN": "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[0]}",
    "PV": "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[1] or '1.0'}",
    "BPN": "${PN}",
}
# Long files of oe-core's that tell nothing of a machine.
SKIPPED = ("documentation.conf", "licenses.conf", "maintainers.inc", "cve-check-map.conf")


class Late(BaseException):
    """The time for one machine is over; not an Exception, which BitBake would take for its own."""


def main() -> None:
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the configuration prints is no answer
    memory = request["memory_mib"] << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, late)

    def say(**answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    _import_bitbake(request["bitbake"])
    os.chdir(request["build"])
    Reader(request, say).read()
    say(end=True)


def late(number: int, frame: Any) -> None:
    raise Late("took too long to read")


def _import_bitbake(folder: str) -> None:
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    if importlib.util.find_spec("hashserv") is None:
        # The wheel bitbake-setup lacks this part, which only builds need.
        for name in ("hashserv", "hashserv.client"):
            sys.modules[name] = types.ModuleType(name)
    global bb  # noqa: PLW0603
    bb = importlib.import_module("bb")
    for part in ("cookerdata", "data", "parse", "parse.parse_py", "utils"):
        importlib.import_module(f"bb.{part}")
    # It compiles each `${@...}` anew for each machine, which is an eighth of all the time.
    bb.data_smart.compile = functools.lru_cache(maxsize=None)(compile)
    logging.getLogger("BitBake").addHandler(logging.NullHandler())
    logging.getLogger("BitBake").propagate = False


def cause(error: BaseException) -> str:
    """An exception as one line."""
    if isinstance(getattr(error, "exception", None), MemoryError):  # while a value is expanded
        return "takes too much memory"
    if isinstance(error, SystemExit):
        return f"its Python calls sys.exit({error.code if error.code is not None else ''})"[:300]
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    if isinstance(error, RecursionError):
        return "includes without an end"
    if isinstance(error, MemoryError):
        return "takes too much memory"
    return " ".join((str(error) or type(error).__name__).split())[:300]


class Reader:
    """One request, answered by `say`."""

    def __init__(self, request: Any, say: Callable[..., None]) -> None:
        self.request = request
        self.say = say
        self.missing: list[str] = []
        self.owners: dict[str, str] = {}
        self.recipes: dict[str, list[Any]] = {}
        self.core = False
        self._watch_includes()

    def _watch_includes(self) -> None:
        """A file that is not there is told, and not the end of reading."""
        handler = bb.parse.parse_py.ConfHandler
        if not hasattr(handler, "include_single_file"):
            return
        original = handler.include_single_file

        def include(parentfn: str, fn: str, lineno: int, data: Any, error_out: Any) -> Any:
            if os.path.basename(fn) in SKIPPED:
                return None
            if error_out:
                path = f"{os.path.dirname(parentfn)}:{data.getVar('BBPATH')}"
                there = os.path.isabs(fn) and os.path.exists(fn)
                if not there and not bb.utils.which(path, fn):
                    self.missing.append(fn)
                    return None
            return original(parentfn, fn, lineno, data, error_out)

        handler.include_single_file = include

    def timed(self, call: Callable[[], Any]) -> tuple[Any, str | None]:
        """(value, None), or (None, what went wrong)."""
        signal.alarm(self.request["seconds"])
        try:
            return call(), None
        except (Late, Exception, SystemExit) as error:
            return None, cause(error)
        finally:
            signal.alarm(0)

    def read(self) -> None:
        d = bb.data.init()
        build = self.request["build"]
        d.setVar("TOPDIR", build)
        d.setVar("BB_CURRENT_MC", "")
        d.setVar("BBPATH", build if self.request["local"] else "")
        problem = None
        layers = self.request["layers"]
        if layers is None:
            d.setVar("BBPATH", build)
            path = os.path.join(build, "conf/bblayers.conf")
            _, problem = self.timed(lambda: _base_file(path, d))
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
            before = (d.getVar("BBFILE_COLLECTIONS") or "").split()
            trial = bb.data.createCopy(d)
            self.missing = []
            _, problem = self.timed(functools.partial(self._layer, trial, layer))
            if problem is None:
                d = trial
            after = (d.getVar("BBFILE_COLLECTIONS") or "").split()
            names = after[len(before) :] if after[: len(before)] == before else []
            for name in names:
                self.owners[name] = layer
            self.say(
                layer={
                    "path": layer,
                    "problem": problem,
                    "missing": sorted(set(self.missing)),
                    "collections": [_collection(d, name) for name in names],
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

    def _layer(self, d: Any, layer: str) -> None:
        if layer.split() != [layer]:
            raise ValueError("its path has a blank in it, which BitBake takes for the end of one")
        d.setVar("LAYERDIR", layer)
        d.setVar("LAYERDIR_RE", re.escape(layer))
        _base_file(os.path.join(layer, "conf/layer.conf"), d)
        d.expandVarref("LAYERDIR")
        d.expandVarref("LAYERDIR_RE")

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
        core = bb.utils.which(d.getVar("BBPATH"), "conf/bitbake.conf")
        self.core = bool(core)
        wanted = self.request["machines"]
        if wanted is None:
            # oe-core's own are nobody's BSP.
            of_core = os.path.dirname(os.path.dirname(core)) if core else ""
            mine = self.request["own"]
            if mine is None:
                mine = [one for one in self.owners.values() if one != of_core]
            folders = [os.path.join(one, "conf/machine") for one in mine]
            wanted = [one for one in sorted(found) if os.path.dirname(found[one][0]) in folders]
        wanted = [one for one in wanted if one in found]
        base, problem = self.timed(lambda: self._base(d))
        recipes, appends = self._files(base if base is not None else d)
        stack: dict[str, Any] = {
            "core": self.core,
            "problem": problem,
            "machines": found,
            "wanted": wanted,
        }
        if base is not None:
            stack["values"] = self._values(base, self.request["words"])
            stack["preferred"] = _preferred(base)
            stack["masks"] = (base.getVar("BBMASK") or "").split()
        self.say(stack={**stack, "recipes": recipes, "appends": appends})
        for entry in recipes:
            self.recipes.setdefault(entry["name"], []).append(entry)
        for name in wanted:
            self.say(begin=name)
            self.say(machine=self._machine(d, name, found[name]))

    def _base(self, d: Any) -> Any:
        """The configuration without a machine of the layers'."""
        base = bb.data.createCopy(d)
        if self.core:
            _base_file("conf/bitbake.conf", base)
        else:
            self._without_core(base)
        return base

    def _without_core(self, d: Any) -> None:
        for name, value in WITHOUT_CORE.items():
            d.setVar(name, value)
        if self.request["local"]:
            local = os.path.join(self.request["build"], "conf/local.conf")
            if os.path.exists(local):
                bb.parse.handle(local, d, True)

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

    def _machine(self, d: Any, name: str, paths: list[str]) -> Any:
        """What the machine says; `problem` when it cannot be read."""
        self.missing = []
        answer: dict[str, Any] = {"name": name, "paths": paths}
        copy = bb.data.createCopy(d)
        # What local.conf says of a machine is of another one.
        copy.setVar("MACHINE", name)
        problem: str | None = "its file cannot be read"
        if name.split() != [name]:
            problem = "a MACHINE has no blanks"
        elif os.path.isfile(paths[0]):
            _, problem = self.timed(lambda: self._parse(copy, name))
        answer["missing"] = list(dict.fromkeys(self.missing))
        answer["problem"] = problem
        if problem is None:
            values, problem = self.timed(lambda: self._values(copy, self.request["words"]))
            answer["values"], answer["problem"] = values or {}, problem
            kernel, _ = self.timed(lambda: self._kernel(copy))
            answer["kernel"] = kernel or {}
            hints, _ = self.timed(lambda: self._hints(copy))
            answer["hints"] = hints or []
            if self.request["preferred"]:
                answer["preferred"] = _preferred(copy)
            read = [one for one, _ in copy.getVar("__base_depends", False) or []]
            read += [one for one, _ in copy.getVar("__depends", False) or []]
            read = [one for one in read if not one.endswith("conf/layer.conf")]
            answer["layers"] = [
                layer
                for layer in self.owners.values()
                if any(one.startswith(layer + "/") and os.path.exists(one) for one in read)
            ]
        return answer

    def _parse(self, d: Any, name: str) -> None:
        if self.core:
            _base_file("conf/bitbake.conf", d)
        else:
            self._without_core(d)
            bb.parse.handle(f"conf/machine/{name}.conf", d, True)

    def _values(self, d: Any, words: list[str]) -> dict[str, Any]:
        """Variable -> its value, or what keeps it from being told."""
        found = {}
        for word in words:
            try:
                value = d.getVar(word)
            except Exception as error:
                found[word] = {"problem": cause(error)}
                continue
            if value is not None and "${" not in str(value):
                found[word] = {"value": str(value)[:LONGEST].strip()}
            elif value is not None:
                found[word] = {"problem": f"not known in full: {str(value)[:200]}"}
        return found

    def _kernel(self, d: Any) -> dict[str, Any]:
        """The recipe that makes the kernel, and its version."""
        provider = d.getVar("PREFERRED_PROVIDER_virtual/kernel")
        if not provider or "${" in provider:
            return {}
        wanted = d.getVar(f"PREFERRED_VERSION_{provider}") or ""
        answer = {"provider": provider, "wanted": wanted}
        of_name = [one for one in self.recipes.get(provider, ()) if one["masked"] is None]
        fitting = []
        for entry in of_name:
            versions = self._versions(d, entry["path"])
            fixed = wanted.rstrip("%")
            if not fixed or any(version.startswith(fixed) for version in versions):
                fitting.append((self._priority(d, entry), versions, entry))
        if fitting:
            fitting.sort(key=lambda one: (one[0], _sortable(one[1])))
            _, versions, entry = fitting[-1]
            answer.update(recipe=entry["path"], versions=versions)
        return answer

    def _priority(self, d: Any, entry: Any) -> int:
        value = str(d.getVar(f"BBFILE_PRIORITY_{entry['collection']}") or "0")
        return int(value) if value.lstrip("-").isdigit() else 0

    def _recipe(self, d: Any, path: str) -> Any:
        """A recipe's own variables; what it inherits is not read, which takes oe-core's classes."""
        copy = bb.data.createCopy(d)
        handler = bb.parse.parse_py.BBHandler
        original = handler.inherit
        handler.inherit = lambda *arguments, **options: None
        copy.setVar("FILE", path)
        try:
            bb.parse.handle(path, copy, True)
        finally:
            handler.inherit = original
        copy.setVar("FILE", path)
        return copy

    def _versions(self, d: Any, path: str) -> list[str]:
        try:
            copy = self._recipe(d, path)
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
        for name in self.request["recipes"]:
            for entry in self.recipes.get(name, ()):
                if entry["masked"] is not None:
                    continue
                try:
                    needed = self._recipe(d, entry["path"]).getVar("COMPATIBLE_MACHINE")
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


def _base_file(path: str, d: Any) -> None:
    """A file of the base configuration, where BitBake since 4.2 takes more kinds of lines."""
    if "baseconfig" in inspect.signature(bb.parse.handle).parameters:
        bb.parse.handle(path, d, True, True)
    else:
        bb.parse.handle(path, d, True)


def _collection(d: Any, name: str) -> dict[str, Any]:
    def words(variable: str) -> list[str]:
        return (d.getVar(f"{variable}_{name}") or "").split()

    def text(variable: str) -> str:
        return str(d.getVar(f"{variable}_{name}") or "")

    return {
        "name": name,
        "priority": text("BBFILE_PRIORITY"),
        "pattern": text("BBFILE_PATTERN"),
        "series": words("LAYERSERIES_COMPAT"),
        "depends": text("LAYERDEPENDS"),
        "recommends": text("LAYERRECOMMENDS"),
        "version": text("LAYERVERSION"),
    }


def _preferred(d: Any) -> dict[str, str]:
    """PREFERRED_VERSION and PREFERRED_PROVIDER as they are set."""
    found = {}
    for name in d.keys():  # noqa: SIM118 - BitBake's own mapping
        if name.startswith(("PREFERRED_VERSION_", "PREFERRED_PROVIDER_")) and ":" not in name:
            try:
                found[name] = str(d.getVar(name))[:200]
            except Exception:
                continue
    return found


def _sortable(versions: list[str]) -> list[list[int]]:
    return [[int(part) for part in re.findall(r"\d+", one)] for one in versions[-1:]]


if __name__ == "__main__":
    main()
