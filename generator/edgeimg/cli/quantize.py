"""model quantize: an integer model of a float one, with proof."""

from __future__ import annotations

import sys
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, colored, table
from edgeimg.errors import UserError

if TYPE_CHECKING:
    from edgeimg.plan.quantization import QuantizationPlan
    from edgeimg.prepare.quantize import Quantized


FEW = 100  # samples


class Kind(StrEnum):
    """What becomes integers."""

    static = "static"
    dynamic = "dynamic"
    weights = "weights"


def quantize(
    model: Annotated[str, typer.Argument(help="Model, by name or path of its manifest.")],
    kind: Annotated[
        Kind,
        typer.Option(
            "--kind",
            help="static: weights and values, by calibration samples; dynamic: weights, and "
            "values while it runs; weights: stored as integers only.",
        ),
    ] = Kind.static,
    max_accuracy_drop: Annotated[
        float | None,
        typer.Option(
            "--max-accuracy-drop",
            min=0,
            max=100,
            help="Percentage points it may cost; default: the manifest's, or 1.",
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("-o", "--into", help="Folder to write to; default: beside the manifest."),
    ] = None,
    output: options.Output = Format.text,
) -> None:
    """Quantize a float model to int8. Compare size, latency and accuracy; write a manifest."""
    from edgeimg.cache import Cache
    from edgeimg.manifest.load import shown
    from edgeimg.plan.quantization import plan_quantization
    from edgeimg.prepare.derived import place_for, write_quantized
    from edgeimg.prepare.quantize import quantize_model

    cache, catalog = Cache(), options.catalogue()
    path = catalog.find("model", model)
    plan = plan_quantization(path, catalog, kind.value, max_accuracy_drop, cache.folder("models"))
    place = place_for(plan, into)
    with Drawer(output) as drawer:
        made = quantize_model(plan, cache, drawer.report)
    if output is Format.text:
        _print(plan, made)
    refusal = _refusal(plan, made)
    if refusal is None:
        write_quantized(plan, made, place)
    if output is Format.text:
        if refusal is not None:
            raise refusal
        print(f"{shown(place.manifest)} and {place.model.name} are written.")
    manifest = None if refusal else str(place.manifest)
    drawer.result({**_result(plan, made), "ok": refusal is None, "manifest": manifest})
    if refusal is not None:
        raise typer.Exit(refusal.exit_status)


def _refusal(plan: QuantizationPlan, made: Quantized) -> UserError | None:
    """Why it is not written, if it is not."""
    from edgeimg.manifest.load import shown

    drop = made.agreement.drop
    if drop is None or drop <= plan.max_drop:
        return None
    hint = "Train it with quantization in mind; see docs/quantize.md."
    if plan.kind == "static":
        hint = "Give more `calibration` samples like those of the device, or try --kind dynamic."
    return UserError(
        f"accuracy falls by {drop:.1f} percentage points, and {plan.max_drop:g} are allowed: "
        "nothing is written",
        place=shown(plan.model.manifest),
        hint=hint,
    )


def _warnings(plan: QuantizationPlan, made: Quantized) -> list[str]:
    found = []
    if made.slower:
        before, after = (one.percentile(50) for one in (made.before, made.after))
        found.append(
            f"on this machine it is slower than the original: {after:.4g} ms, not {before:.4g} ms"
        )
    agreement = made.agreement
    if agreement.drop is None:
        found.append(
            "no output has top_k, so that there is no answer to be right or wrong: judge the "
            "largest difference yourself"
        )
    elif agreement.labelled < agreement.samples:
        unknown = agreement.samples - agreement.labelled
        found.append(
            f"{unknown} of {agreement.samples} samples have no label: there the original's "
            "answer is taken for right"
        )
    if agreement.drop is not None and agreement.samples < FEW:
        one = 100 / agreement.samples
        found.append(
            f"judged on {agreement.samples} samples only: one answer is {one:.1f} percentage points"
        )
    if plan.kind == "static" and len(plan.calibration) < FEW:
        found.append(f"calibrated with {len(plan.calibration)} only; some hundred are usual")
    return found


def _print(plan: QuantizationPlan, made: Quantized) -> None:
    agreement, old, new = made.agreement, plan.model.info, made.model.info
    rows = [
        ["file size", f"{old.size:,} bytes", f"{new.size:,} bytes"],
        [
            "host latency p50, 1 thread",
            f"{made.before.percentile(50):.3f} ms",
            f"{made.after.percentile(50):.3f} ms",
        ],
        ["zero weights", f"{old.sparsity:.1%}", f"{new.sparsity:.1%}"],
    ]
    if agreement.labelled:
        rows.append(
            [
                "labels right",
                f"{agreement.before}/{agreement.labelled}",
                f"{agreement.after}/{agreement.labelled}",
            ]
        )
    if agreement.ranked:
        rows.append(["the original's answer", "", f"{agreement.agreeing}/{agreement.samples}"])
    rows.append(["largest difference", "", f"{agreement.difference:.1%} of the largest value"])
    table(f"{plan.model.name}, {plan.kind}", ["", "before", "after"], rows)
    for text in _warnings(plan, made):
        print(f"{colored('warning:', 'yellow', sys.stderr)} {text}", file=sys.stderr)


def _result(plan: QuantizationPlan, made: Quantized) -> dict[str, Any]:
    agreement, old, new = made.agreement, plan.model.info, made.model.info
    return {
        "model": plan.model.name,
        "kind": plan.kind,
        "calibration_samples": len(plan.calibration) if plan.kind == "static" else 0,
        "before": {
            "bytes": old.size,
            "p50_ms": made.before.percentile(50),
            "right": agreement.before,
            "sparsity": old.sparsity,
        },
        "after": {
            "bytes": new.size,
            "p50_ms": made.after.percentile(50),
            "right": agreement.after,
            "sparsity": new.sparsity,
        },
        "samples": agreement.samples,
        "labelled": agreement.labelled,
        "same_answer": agreement.agreeing if agreement.ranked else None,
        "largest_difference": agreement.difference if isfinite(agreement.difference) else None,
        "accuracy_drop": agreement.drop,
        "max_accuracy_drop": plan.max_drop,
        "warnings": _warnings(plan, made),
    }
