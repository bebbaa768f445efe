"""model: what a model file says of itself, what executes it, and what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli import compile as compiling
from edgeimg.cli import model_coverage, model_run, options
from edgeimg.cli.bench import bench
from edgeimg.cli.draw import Drawer, Format, plain, table
from edgeimg.cli.quantize import quantize

if TYPE_CHECKING:
    from edgeimg.model.info import ModelInfo, TensorInfo


def add_to(app: typer.Typer) -> None:
    models = typer.Typer(help="Look at model files, run, quantize, compile and measure them.")
    models.command("inspect")(inspect)
    models.command("coverage")(model_coverage.coverage)
    models.command("run")(model_run.run)
    models.command("quantize")(quantize)
    models.command("compile")(compiling.compile)
    models.command("bench")(bench)
    app.add_typer(models, name="model")


def inspect(
    file: Annotated[Path, typer.Argument(help="A .tflite or .onnx file.")],
    output: options.Output = Format.text,
) -> None:
    """Show a model's inputs, outputs, operators, MACs and memory."""
    from edgeimg.cache import Cache
    from edgeimg.model.whole import read_whole

    whole, info = read_whole(file, cache_dir=Cache().folder("models"))
    if output is Format.text:
        _print(file, info)
        if whole != file:
            print("Its weights are in other files: size and sha256 are those of all in one.")
    Drawer(output).result(info.to_json())


def _print(file: Path, info: ModelInfo) -> None:
    from edgeimg.model.info import summed

    print(f"{file}: {info.format}, {info.size:,} bytes, sha256 {info.sha256}")
    rows = [_row("input", one) for one in info.inputs] + [
        _row("output", one) for one in info.outputs
    ]
    table("", ["", "name", "shape", "type", "quantization"], rows)
    print()
    uses = [
        [name, str(version), ", ".join(types), str(count), f"{macs:,}"]
        for (name, version, types), (count, macs) in summed(
            ((use.name, use.version, use.types), use) for use in info.operators
        ).items()
    ]
    table("", ["operator", "version", "types", "count", "MACs"], uses)
    print()
    print(
        f"MACs {info.macs:,}; parameters {info.parameters:,} ({_parameters(info)}); "
        f"peak of live tensors {info.peak_live_bytes:,} bytes"
        + (f"; opset {info.opset}" if info.opset else "")
    )
    if info.open_operators:
        print("Sizes are open in the file (?): each counts as 1 in the MACs and in the peak.")
    for name, value in sorted(info.metadata.items()):
        print(f"{plain(name)}: {plain(value)}")


def _parameters(info: ModelInfo) -> str:
    """Their types, and how many are zero: a pruned model has many of these."""
    types = sorted(info.parameter_types.items(), key=lambda one: -one[1])
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in types)
    return f"{kinds}; {info.sparsity:.1%} zero" if kinds else "none"


def _row(kind: str, tensor: TensorInfo) -> list[str]:
    from edgeimg.model.info import written

    quantization = ""
    if tensor.quantization is not None:
        quantization = (
            f"scale {tensor.quantization.scale:.6g}, zero {tensor.quantization.zero_point}"
        )
    return [kind, plain(tensor.name), written(tensor.shape), tensor.type, quantization]
