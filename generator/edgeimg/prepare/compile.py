"""PlannedModel -> a file for the accelerator, and where each operator runs; cached.

The key of the cache is the model, the compiler with its versions, and all options, which
name the target. What the product asks of the placement is no part of it.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from edgeimg.cache import Cache, canonical_json
from edgeimg.catalog.accelerators import AcceleratorCompiler
from edgeimg.errors import UserError
from edgeimg.events import Report, Step
from edgeimg.model.look import look_at
from edgeimg.plan.accelerators import no_compiled, wants_compiled
from edgeimg.plan.compiling import Compiling
from edgeimg.plan.plan import Plan, PlannedModel
from edgeimg.prepare.compilers import Job, load
from edgeimg.prepare.placement import Placement, place, place_by_steps
from edgeimg.prepare.tools import tool_python

NAMESPACE = "compiled"
CACHE_VERSION = 1  # raise it when another placement is read out of the same answer
SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A model for an accelerator.

    Attributes:
        model: its name.
        file: the compiled file; in the cache, or the user's own.
        compiler: what made it, with versions; empty for the user's own file.
        targets, version, unknown: what the file says of itself, as in `Look`.
        placement: None when the file does not say it.
        cached: whether it was there already.
    """

    model: str
    file: Path
    compiler: str
    targets: tuple[str, ...]
    version: str
    unknown: str
    placement: Placement | None
    cached: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.file.read_bytes()).hexdigest()


def compile_models(plan: Plan, cache: Cache, report: Report) -> dict[str, Compiled]:
    """What the plan's accelerator runs in place of the models, by model.

    A model for which there is neither a compiler nor a file goes into the image as it is.

    Raises:
        UserError: a model cannot be compiled, or too little of it runs on the accelerator.
    """
    if plan.accelerator is None:
        return {}
    entry, release = plan.accelerator.entry, plan.accelerator.release
    asked = Compiling(
        board=plan.board.name,
        entry=entry,
        place="",
        release=release,
        min_placement=plan.accelerator.min_placement,
        models=plan.models,
    )
    always = wants_compiled(entry, release)
    found = {}
    for model in plan.models:
        if not always and all(one.accelerator != entry.name for one in model.compiled):
            continue
        compiled = compile_model(model, asked, cache, report)
        if wrong := judge(compiled, asked, no_fallback=False):
            raise wrong
        found[model.name] = compiled
    return found


def compile_model(model: PlannedModel, asked: Compiling, cache: Cache, report: Report) -> Compiled:
    """Compiles a model, or takes the file that its manifest gives.

    Raises:
        UserError: there is no compiler and no file, or the compiler does not take the model.
    """
    entry = asked.entry
    given = next((one for one in model.compiled if one.accelerator == entry.name), None)
    if given is not None:
        placement = None
        if entry.precompiled and entry.precompiled.format == model.info.format:
            original = look_at(model.path, model.info.format).operators
            placement = place(original, given.look.operators)
        return Compiled(
            model=model.name,
            file=given.path,
            compiler="",
            targets=given.look.targets,
            version=given.look.version,
            unknown=given.look.unknown,
            placement=placement,
            cached=False,
        )
    compiler = asked.release.compiler if asked.release else None
    if compiler is None and entry.precompiled is None:
        raise UserError(
            f"{entry.name} takes a model as it is: there is nothing to compile",
            place=asked.place,
            hint=f"See what it takes: `edgeimg model coverage FILE --accelerator {entry.name}`.",
        )
    if compiler is None:
        raise no_compiled(entry.name, str(model.manifest))
    return _compile(model, asked, compiler, cache, report)


def _compile(
    model: PlannedModel,
    asked: Compiling,
    compiler: AcceleratorCompiler,
    cache: Cache,
    report: Report,
) -> Compiled:
    module = load(compiler.module)
    entry = asked.entry
    if model.info.format not in module.FORMATS:
        raise UserError(
            f"{module.NAME} compiles {' and '.join(module.FORMATS)}, and this is "
            f"{model.info.format}",
            place=str(model.path),
            hint="Export the model in that format.",
        )
    asks = [CACHE_VERSION, model.info.sha256, compiler.model_dump(mode="json"), entry.memory_kib]
    key = hashlib.sha256(canonical_json(asks)).hexdigest()[:32]
    with cache.lock(NAMESPACE, key):
        kept = _recall(cache, key)
        made = kept or _make(model, asked, compiler, cache, key, report)
    return Compiled(
        model=model.name,
        file=made.file,
        compiler=" ".join(compiler.requirements),
        targets=made.targets,
        version="",
        unknown="",
        placement=made.placement,
        cached=kept is not None,
    )


@dataclass(frozen=True, kw_only=True)
class _Made:
    """What the cache keeps."""

    file: Path
    targets: tuple[str, ...]
    placement: Placement


def _make(
    model: PlannedModel,
    asked: Compiling,
    compiler: AcceleratorCompiler,
    cache: Cache,
    key: str,
    report: Report,
) -> _Made:
    """Runs the compiler, and keeps what it made."""
    module = load(compiler.module)
    entry = asked.entry
    original = look_at(model.path, model.info.format)
    known = entry.precompiled.targets if entry.precompiled else ()
    if set(original.targets) & set(known):
        raise UserError(
            f"it is compiled for {', '.join(original.targets)} already",
            place=str(model.path),
            hint="Name the model as it was before as `file` in the manifest; this one as "
            f"`compiled: {{{entry.name}: FILE}}`.",
        )
    python = tool_python(
        module.NAME,
        compiler.requirements,
        cache,
        report,
        place=asked.place,
        size_mib=compiler.installed_mib,
        runs_on=compiler.python,
    )
    words = " ".join(compiler.requirements)
    report(Step(name=f"compile {model.name}", detail=f"for {entry.name} with {words}"))
    with tempfile.TemporaryDirectory(prefix="edgeimg-compile-") as folder:
        job = Job(
            python=python,
            model=model.path.absolute(),
            folder=Path(folder),
            options=compiler.options,
            memory_kib=entry.memory_kib,
        )
        try:
            answer = module.compile(job)
        except UserError as error:
            raise UserError(error.message, place=str(model.path), hint=error.hint) from error
        kind = entry.precompiled.format if entry.precompiled else model.info.format
        compiled = look_at(answer.file, kind)
        if hashlib.sha256(model.path.read_bytes()).hexdigest() != model.info.sha256:
            raise UserError("the file changed while it was compiled", place=str(model.path))
        if compiled.operators:
            placement = place(original.operators, compiled.operators, answer)
        else:
            placement = place_by_steps(original.operators, answer)
        suffix, data = answer.file.suffix, answer.file.read_bytes()
    said = {
        "suffix": suffix,
        "sha256": hashlib.sha256(data).hexdigest(),
        "targets": list(compiled.targets),
        "placement": placement.to_json(),
    }
    file = cache.put(NAMESPACE, f"{key}{suffix}", data)
    cache.put_json(NAMESPACE, f"{key}.json", said)
    return _Made(file=file, targets=compiled.targets, placement=placement)


def _recall(cache: Cache, key: str) -> _Made | None:
    """What was compiled before, unless a part of it is missing or spoilt."""
    said: Any = cache.get_json(NAMESPACE, f"{key}.json")
    try:
        name = f"{key}{said['suffix']}"
        data = cache.get(NAMESPACE, name)
        if data is None or hashlib.sha256(data).hexdigest() != said["sha256"]:
            return None
        return _Made(
            file=cache.folder(NAMESPACE) / name,
            targets=tuple(said["targets"]),
            placement=Placement.from_json(said["placement"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def judge(compiled: Compiled, asked: Compiling, *, no_fallback: bool) -> UserError | None:
    """What is wrong with where a model runs; None when it is as asked.

    Args:
        no_fallback: no operator at all may stay on the CPU.
    """
    placement, entry = compiled.placement, asked.entry
    if placement is None:
        return None
    used = placement.memory.get("sram", 0)
    if entry.memory_kib is not None and used > entry.memory_kib << 10:
        return UserError(
            f"{compiled.model}: it uses {used / 1024:,.0f} KiB of fast memory, and {entry.name} "
            f"has {entry.memory_kib} KiB",
            hint="Take a smaller model, or smaller inputs.",
        )
    left = placement.on_cpu
    if placement.share >= asked.min_placement and not (no_fallback and left):
        return None
    asks = "no operator may stay on the CPU"
    if placement.share < asked.min_placement:
        asks = f"{asked.min_placement:g}% are asked for"
    return UserError(
        f"{compiled.model}: {placement.percent} of its {placement.measure} run on {entry.name}, "
        f"and {asks}; on the CPU: {_named(placement)}",
        hint=_advice(placement),
    )


def _named(placement: Placement) -> str:
    """The operators on the CPU in a few words."""
    left = placement.on_cpu
    if len(left) == len(placement.operators):
        return f"all {len(left)} operators" if len(left) > 1 else "its only operator"
    said = [
        f"{one.type} '{one.name[:60]}'" + (f" ({one.reason})" if one.reason else "")
        for one in left[:SHOWN]
    ]
    more = len(left) - SHOWN
    return "; ".join(said) + (f"; and {more} more" if more > 0 else "")


def _advice(placement: Placement) -> str:
    counted = [one for one in placement.on_cpu if one.macs] or placement.on_cpu
    if all("float" in one.element for one in counted):
        return "They compute in float, which was not placed: quantize the model first (int8)."
    return "See the report; change the model, or ask for less with `accelerator.min_placement`."
