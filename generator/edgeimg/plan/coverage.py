"""Whether a runtime's release and an accelerator have a model's operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeimg.catalog.operators import (
    AcceleratorOperators,
    OperatorLists,
    Rule,
    RuntimeOperators,
    Versions,
)
from edgeimg.catalog.search import Entry
from edgeimg.model.info import ModelInfo, OperatorUse

SELECT = "Flex"  # what TensorFlow's own operators begin with, in a TFLite file
UNLISTED = "it is not in the list"  # which is not complete: it may go to the accelerator or not


@dataclass(frozen=True, kw_only=True)
class Gap:
    """What a model asks for and does not get; `operator` and `why` are a sentence together.

    Attributes:
        operator: its name, or what else it is.
        why: what is missing.
        place: `file:line` of the fact, or of the list that does not have it.
        hint: what to do; may be empty.
        fatal: the model does not run; else it runs, with a loss that `why` names.
    """

    operator: str
    why: str
    place: str
    hint: str = ""
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.operator} {self.why} ({self.place})"


@dataclass(frozen=True, kw_only=True)
class Covered:
    """One row of the model's operators.

    Attributes:
        runtime: why the runtime cannot execute it; empty: it can, as far as is known.
        accelerator: why it stays on the CPU; empty: it may go; None: none is asked for.
        note: what else the accelerator asks of it, which only its compiler checks.
    """

    use: OperatorUse
    runtime: str = ""
    accelerator: str | None = None
    note: str = ""

    @property
    def stays(self) -> bool:
        """It runs on the CPU for sure."""
        return bool(self.accelerator) and self.accelerator != UNLISTED


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The answer for a model, a runtime's release and perhaps an accelerator.

    Attributes:
        known: whether the catalogue has a list for the runtime's release.
        rows: one for each of the model's operators.
        gaps: what is missing; the fatal ones first.
        reference: whether each operator has a reference kernel, as far as is known.
        placeable: percent of the MACs that may go to the accelerator, at most; None when no
            accelerator is asked for or nothing is known of it. What is not in a list that is not
            complete may go.
    """

    known: bool
    rows: tuple[Covered, ...]
    gaps: tuple[Gap, ...]
    reference: bool
    placeable: float | None = None

    @property
    def fatal(self) -> tuple[Gap, ...]:
        return tuple(gap for gap in self.gaps if gap.fatal)

    def to_json(self) -> dict[str, Any]:
        """The same as plain dicts, lists, strings and numbers."""
        return {
            "known": self.known,
            "runs": not self.fatal,
            "reference": self.reference,
            "placeable": self.placeable,
            "operators": [
                {
                    "name": row.use.name,
                    "version": row.use.version,
                    "count": row.use.count,
                    "macs": row.use.macs,
                    "types": list(row.use.types),
                    "runtime": row.runtime,
                    "accelerator": row.accelerator,
                    "note": row.note,
                }
                for row in self.rows
            ],
            "gaps": [vars(gap) for gap in self.gaps],
        }


def coverage(
    info: ModelInfo,
    lists: OperatorLists,
    runtime: str,
    release: str,
    accelerator: str | None = None,
) -> Coverage:
    """Holds a model's operators against what is known of the runtime and the accelerator.

    A release or an accelerator that has no list is not held against the model.

    Args:
        runtime, release: name and version of the runtime, as the catalogue has them.
        accelerator: its name; None for the CPU alone.
    """
    listed = lists.of_release(runtime, release)
    if listed is not None and listed.value.format != info.format:
        listed = None
    target = lists.accelerators.get(accelerator) if accelerator else None
    rows, gaps, reference = [], list(_file_gaps(info, listed)), True
    for use in info.operators:
        gap = _gap(use, lists, listed, accelerator)
        why, note = _placing(use, target, info.format)
        if gap is not None:
            gaps.append(gap)
            reference = reference and gap.fatal
        rows.append(
            Covered(
                use=use,
                runtime=gap.why if gap and gap.fatal else "",
                accelerator=why if accelerator and target else None,
                note=note,
            )
        )
    return Coverage(
        known=listed is not None,
        rows=tuple(rows),
        gaps=tuple(sorted(dict.fromkeys(gaps), key=lambda gap: not gap.fatal)),
        reference=reference,
        placeable=_placeable(rows) if target else None,
    )


def others_that_can(info: ModelInfo, lists: OperatorLists, runtime: str, release: str) -> list[str]:
    """The other releases of the lists that have all that the model needs: `name version`."""
    found = []
    for name, version in sorted(lists.runtimes):
        entry = lists.runtimes[name, version].value
        if (name, version) == (runtime, release) or entry.format != info.format:
            continue
        if not coverage(info, lists, name, version).fatal:
            found.append(f"{name} {version}")
    return found


def _file_gaps(info: ModelInfo, listed: Entry[RuntimeOperators] | None) -> list[Gap]:
    """What is wrong with the file as a whole."""
    stamped = info.metadata.get("ir_version", "")
    if listed is None or listed.value.ir_version is None or not stamped.isdigit():
        return []
    if int(stamped) <= listed.value.ir_version:
        return []
    why = f"is version {stamped}, and {_name(listed)} reads up to {listed.value.ir_version}"
    hint = "Save it with an older ir_version; the operators may stay as they are."
    return [Gap(operator="the ONNX file", why=why, place=listed.place("ir_version"), hint=hint)]


def _gap(
    use: OperatorUse,
    lists: OperatorLists,
    listed: Entry[RuntimeOperators] | None,
    accelerator: str | None,
) -> Gap | None:
    """What keeps the runtime from executing an operator."""
    if listed is None:
        return None
    entry = listed.value
    if entry.domains:
        domain = use.name.rpartition(".")[0] or "ai.onnx"
        return _version_gap(use, entry.domains.get(domain), listed, "domains", domain)
    if use.name in entry.custom:
        return None
    found = entry.operators.get(use.name)
    if found is not None:
        return _version_gap(use, found, listed, "operators", use.name)
    # Only now are the other lists worth reading.
    compiled = [one.value for one in lists.accelerators.values() if one.value.compiled == use.name]
    if compiled:
        return _compiled_gap(use, compiled[0], listed, accelerator)
    known = any(use.name in one.value.operators for one in lists.runtimes.values())
    if known or use.name.replace("_", "").isupper():
        return _version_gap(use, found, listed, "operators", use.name)
    if use.name.startswith(SELECT):
        why = f"is one of TensorFlow's own operators (Select), which {_name(listed)} has not"
        hint = "Convert the model with TFLite's builtin operators alone."
    else:
        why = f"is a custom operator, and {_name(listed)} has none of that name"
        hint = f"It has {', '.join(entry.custom)}." if entry.custom else ""
    place = listed.place("custom") if entry.custom else listed.place()
    return Gap(operator=use.name, why=why, place=place, hint=hint)


def _compiled_gap(
    use: OperatorUse,
    entry: AcceleratorOperators,
    listed: Entry[RuntimeOperators],
    accelerator: str | None,
) -> Gap | None:
    """A model that consists of what a compiler made runs with that accelerator only."""
    if accelerator in entry.accelerators:
        return None
    names = " or ".join(entry.accelerators)
    return Gap(
        operator=use.name,
        why=f"was compiled for {names}, and {_name(listed)} alone cannot run it",
        place=listed.place(),
        hint=f"Give the model as it was before, and this file as its `compiled` for {names}.",
    )


def _version_gap(
    use: OperatorUse,
    found: Versions | None,
    listed: Entry[RuntimeOperators],
    key: str,
    name: str,
) -> Gap | None:
    """What is wrong with an operator's version, or that of its set."""
    if found is None:
        why = f"is not among the {key} of {_name(listed)}"
        return Gap(operator=name, why=why, place=listed.place())
    place = listed.place(key, name)
    # Old files have no version, which is read as 0 or 1.
    version = max(use.version, 1)
    has = f"{_name(listed)} has {found.first} to {found.last}"
    if key == "domains":
        if found.first <= version <= found.last:
            return None
        if version < found.first:
            why = f"is old: {_name(listed)} promises {found.first} to {found.last}, and of older "
            why += "sets has only some operators"
            return Gap(operator=f"opset {version} of {name}", why=why, place=place, fatal=False)
        what = f"opset {version} of {name}"
        hint = f"Export it with opset {found.last} or older."
        return Gap(operator=what, why=f"is too new, and {has}", place=place, hint=hint)
    if not found.first <= version <= found.last:
        hint = f"Export it with {name} in version {found.last} or older, or anew."
        return Gap(operator=name, why=f"is version {version}, and {has}", place=place, hint=hint)
    if found.reference is not None and version > found.reference:
        why = f"has no reference kernel in version {version}, in {_name(listed)}"
        return Gap(operator=name, why=why, place=place, fatal=False)
    return None


def _placing(
    use: OperatorUse, target: Entry[AcceleratorOperators] | None, model_format: str
) -> tuple[str, str]:
    """(why an operator stays on the CPU or empty, what else is asked of it)."""
    if target is None:
        return "", ""
    entry = target.value
    if use.name == entry.compiled:
        return "", ""
    if entry.format != model_format:
        return f"it takes {entry.format} models", ""
    rule = entry.operators.get(use.name)
    if rule is None:
        return "it has none" if entry.complete else UNLISTED, ""
    return _broken_rule(use, entry, rule), rule.note


def _broken_rule(use: OperatorUse, entry: AcceleratorOperators, rule: Rule) -> str:
    allowed = entry.types if rule.types is None else rule.types
    wrong = [kind for kind in use.types if kind not in allowed]
    if wrong:
        return f"{', '.join(wrong)}: it takes {', '.join(allowed)}"
    if use.per_channel and not entry.per_channel:
        return "a scale for each channel: it takes one for all"
    if not use.fixed:
        return "a size that is not fixed"
    if entry.batch is not None and use.batch > entry.batch:
        return f"a batch of {use.batch}: it takes {entry.batch}"
    return ""


def _placeable(rows: list[Covered]) -> float:
    """Percent of the MACs; of the operators, where the model has no MACs."""
    total = sum(row.use.macs for row in rows)
    weights = [row.use.macs if total else row.use.count for row in rows]
    whole = sum(weights)
    may = sum(w for row, w in zip(rows, weights, strict=True) if not row.stays)
    return 100.0 * may / whole if whole else 100.0


def _name(listed: Entry[RuntimeOperators]) -> str:
    return f"{listed.value.runtime} {listed.value.release}"
