"""BitBake's parser, found where the request says; what all reading with it needs."""

# BitBake speaks of paths as text.
# ruff: noqa: PTH110, PTH117, PTH118, PTH119, PTH120

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import logging
import os
import signal
import sys
import types
from collections.abc import Callable
from typing import Any

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
    """The time for one step is over; not an Exception, which BitBake would take for its own."""


def late(number: int, frame: Any) -> None:
    raise Late("took too long to read")


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
    return one_line(str(error) or type(error).__name__)


def one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _load(folder: str) -> Any:
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    if importlib.util.find_spec("hashserv") is None:
        # The wheel bitbake-setup lacks this part, which only builds need.
        for name in ("hashserv", "hashserv.client"):
            sys.modules[name] = types.ModuleType(name)
    bb = importlib.import_module("bb")
    for part in ("cookerdata", "data", "event", "parse", "parse.parse_py", "utils"):
        importlib.import_module(f"bb.{part}")
    # It compiles each `${@...}` anew for each machine, which is a tenth of the time in one process.
    bb.data_smart.compile = functools.lru_cache(maxsize=None)(compile)
    logging.getLogger("BitBake").propagate = False
    return bb


class _Said(logging.Handler):
    """The last error that BitBake told its log: where it raises BBHandledException, the reason."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


class BitBake:
    """The package `bb` of a folder.

    Attributes:
        missing: files that were to be included and are in no layer.
        seconds: for one step of reading.
    """

    def __init__(self, folder: str, seconds: int) -> None:
        self.bb = _load(folder)
        self.seconds = seconds
        self.missing: list[str] = []
        self.said = _Said()
        logging.getLogger("BitBake").addHandler(self.said)
        signal.signal(signal.SIGALRM, late)
        self._watch_includes()

    def _watch_includes(self) -> None:
        """A file that is not there is told, and not the end of reading."""
        handler = self.bb.parse.parse_py.ConfHandler
        if not hasattr(handler, "include_single_file"):
            return
        original = handler.include_single_file

        def include(parentfn: str, fn: str, lineno: int, data: Any, error_out: Any) -> Any:
            if os.path.basename(fn) in SKIPPED:
                return None
            if error_out:
                path = f"{os.path.dirname(parentfn)}:{data.getVar('BBPATH')}"
                there = os.path.isabs(fn) and os.path.exists(fn)
                if not there and not self.bb.utils.which(path, fn):
                    self.missing.append(fn)
                    return None
            return original(parentfn, fn, lineno, data, error_out)

        handler.include_single_file = include

    def timed(self, call: Callable[[], Any]) -> tuple[Any, str | None]:
        """(value, None), or (None, what went wrong)."""
        self.said.last = ""
        signal.alarm(self.seconds)
        try:
            return call(), None
        except self.bb.BBHandledException as error:
            return None, one_line(self.said.last) or cause(error)
        except (Late, Exception, SystemExit) as error:
            return None, cause(error)
        finally:
            signal.alarm(0)

    def data(self) -> Any:
        """Data as BitBake's own configuration begins with, before any file is read."""
        d = self.bb.data.init()
        d.setVar("__bbclasstype", "global")  # where `inherit` looks for classes
        # Until 2.8 `default`, which bitbake.conf of that time includes a file of.
        parse = inspect.signature(self.bb.cookerdata.CookerDataBuilder.parseConfigurationFiles)
        d.setVar("BB_CURRENT_MC", parse.parameters["mc"].default)
        return d

    def copy(self, d: Any) -> Any:
        return self.bb.data.createCopy(d)

    def base_file(self, path: str, d: Any) -> None:
        """A file of the base configuration, where BitBake since 4.2 takes more kinds of lines."""
        if "baseconfig" in inspect.signature(self.bb.parse.handle).parameters:
            self.bb.parse.handle(path, d, True, True)
        else:
            self.bb.parse.handle(path, d, True)

    def without_core(self, d: Any, request: Any) -> None:
        """What stands for oe-core's bitbake.conf, and the local.conf that it would include."""
        for name, value in WITHOUT_CORE.items():
            d.setVar(name, value)
        local = os.path.join(request["build"], "conf/local.conf")
        if request["local"] and os.path.exists(local):
            self.bb.parse.handle(local, d, True)

    def inherit(self, d: Any, core: str) -> None:
        """The classes of INHERIT, and what they do when the configuration is read.

        Such as one that adds to MACHINEOVERRIDES. Not those of oe-core, a folder or "": they tell
        nothing of a machine, and take long.
        """
        event, handler = self.bb.event, self.bb.parse.parse_py.BBHandler
        for name in dict.fromkeys((d.getVar("INHERIT") or "").split()):
            files = (f"{folder}/{name}.bbclass" for folder in ("classes-global", "classes"))
            found = [self.bb.utils.which(d.getVar("BBPATH"), file) for file in files]
            path = next(filter(None, found), "")
            if not path:
                self.missing.append(f"classes/{name}.bbclass")
            elif not core or not path.startswith(core + "/"):
                handler.inherit(path, "INHERIT", 0, d)
        event.set_class_handlers(event.clean_class_handlers())
        for name in d.getVar("__BBHANDLERS", False) or ():
            mask = (d.getVarFlag(name, "eventmask") or "").split()
            event.register(name, d.getVar(name, False), mask, data=d)
        event.fire_class_handlers(event.ConfigParsed(), d)

    def recipe(self, d: Any, path: str) -> Any:
        """A recipe's own variables; what it inherits is not read, which takes oe-core's classes."""
        copy = self.copy(d)
        handler = self.bb.parse.parse_py.BBHandler
        original = handler.inherit
        handler.inherit = lambda *arguments, **options: None
        copy.setVar("FILE", path)
        try:
            self.bb.parse.handle(path, copy, True)
        finally:
            handler.inherit = original
        copy.setVar("FILE", path)
        return copy


def preferred(d: Any) -> dict[str, str]:
    """PREFERRED_VERSION and PREFERRED_PROVIDER as they are set."""
    found = {}
    for name in d.keys():  # noqa: SIM118 - BitBake's own mapping
        if name.startswith(("PREFERRED_VERSION_", "PREFERRED_PROVIDER_")) and ":" not in name:
            try:
                found[name] = str(d.getVar(name))[:200]
            except Exception:
                continue
    return found
