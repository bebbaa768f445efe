"""Whether the models fit the runtime, the accelerator and the board's memory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from math import floor

from edgeimg.catalog.operators import OperatorLists
from edgeimg.catalog.runtimes import Runtime
from edgeimg.errors import UserError, UserErrors
from edgeimg.plan.chosen import Chosen
from edgeimg.plan.coverage import Coverage, Gap, coverage, others_that_can
from edgeimg.plan.plan import PlannedModel, PlannedRuntime
from edgeimg.plan.runtimes import runtime_candidates
from edgeimg.plan.target import Target, targets

REFERENCE = "reference"


def fit_operators(
    chosen: Chosen, models: tuple[PlannedModel, ...], runtime: PlannedRuntime
) -> tuple[PlannedRuntime, tuple[str, ...]]:
    """Holds the operators of the models against the runtime's and the accelerator's.

    Returns:
        The runtime, without the reference mode when a model's operators have no reference
        kernels; and notes for the user.

    Raises:
        UserErrors: a model has operators that the runtime has not, or too many that the
            accelerator has not.
    """
    lists = OperatorLists(chosen.catalog)
    choice = chosen.product.accelerator
    errors: list[UserError] = []
    notes: list[str] = []
    for index, model in enumerate(models):
        if "," in (signatures := model.info.metadata.get("signatures", "")):
            notes.append(f"model {model.name}: of its signatures ({signatures}) the first is run")
        found = coverage(
            model.info, lists, runtime.name, runtime.version, choice.name if choice else None
        )
        place = chosen.source.place(("models", index))
        errors += [_error(chosen, lists, model, gap, runtime, place) for gap in found.fatal]
        notes += [f"model {model.name}: {gap}" for gap in found.gaps if not gap.fatal]
        if not found.reference and REFERENCE in runtime.kernel_modes:
            modes = tuple(mode for mode in runtime.kernel_modes if mode != REFERENCE)
            runtime = replace(runtime, kernel_modes=modes)
            notes.append("the golden outputs are compared within the tolerance, not bit by bit")
        if choice is None or any(one.accelerator == choice.name for one in model.compiled):
            continue  # a compiled file tells where it runs
        if choice.name not in lists.accelerators:
            notes.append(
                f"model {model.name}: which operators {choice.name} takes is not known here"
            )
        if short := _short_placement(found, choice.min_placement):
            errors.append(
                UserError(
                    f"model {model.name}: {short} {choice.name}, and {choice.min_placement:g}% "
                    "are asked for",
                    place=place,
                    hint="Quantize or change the model, or ask for less: "
                    f"`accelerator: {{name: {choice.name}, min_placement: ...}}`.",
                )
            )
    if errors:
        raise UserErrors(errors)
    if choice is not None and choice.name in lists.accelerators:
        notes += _strangers(lists, choice.name)
    return runtime, tuple(notes)


def _strangers(lists: OperatorLists, accelerator: str) -> list[str]:
    """A misspelt operator would be one that the accelerator has not, and nobody would see it."""
    entry = lists.accelerators[accelerator]
    return [
        f"{entry.place('operators', name)}: operators.{name}: no runtime's list has it"
        for name in lists.strangers(accelerator)
    ]


def _short_placement(found: Coverage, wanted: float) -> str:
    if found.placeable is None or found.placeable >= wanted:
        return ""
    stay = [f"{row.use.name} ({row.accelerator})" for row in found.rows if row.stays]
    first = ", ".join(stay[:3]) + (f" and {len(stay) - 3} more" if len(stay) > 3 else "")
    return f"{floor(found.placeable)}% of its MACs at most, and not {first}, can go to"


def _error(
    chosen: Chosen,
    lists: OperatorLists,
    model: PlannedModel,
    gap: Gap,
    runtime: PlannedRuntime,
    place: str,
) -> UserError:
    hint = gap.hint
    if works := working(chosen, lists, model, runtime):
        hint = f"Works with: {', '.join(works)}."
    return UserError(f"model {model.name}: {gap}", place=place, hint=hint)


def working(
    chosen: Chosen, lists: OperatorLists, model: PlannedModel, runtime: PlannedRuntime
) -> list[str]:
    """Other releases that run the model on this board: `name version (builders)`."""
    found = []
    for other in others_that_can(model.info, lists, runtime.name, runtime.version):
        name, _, version = other.partition(" ")
        if builders := builders_of(name, version, chosen):
            found.append(f"{other} ({', '.join(builders)})")
    return found


def builders_of(name: str, version: str, chosen: Chosen) -> list[str]:
    """The builders by which a release of a runtime is to be had for the board."""
    if name not in chosen.catalog.names("runtime"):
        return []
    entry = chosen.catalog.entry("runtime", name, Runtime)
    serving: dict[str, None] = {}
    for there in targets(chosen.catalog, chosen.entry):
        with suppress(UserError):
            if isinstance(there, Target) and runtime_candidates(entry, there, version):
                serving[there.builder] = None
    return list(serving)
