"""model: what a model file says of itself, and what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeimg.cli import compile as compiling
from edgeimg.cli import options
from edgeimg.cli.draw import Drawer, Format, table

if TYPE_CHECKING:
    from edgeimg.model.info import ModelInfo, TensorInfo


def add_to(app: typer.Typer) -> None:
    models = typer.Typer(help="Look at model files, and compile them.")
    models.command("inspect")(inspect)
    models.command("compile")(compiling.compile)
    app.add_typer(models, name="model")


def inspect(
    file: Annotated[Path, typer.Argument(help="A .tflite or .onnx file.")],
    output: options.Output = Format.text,
) -> None:
    """Show a model's inputs, outputs, operators, MACs and memory."""
    from edgeimg.cache import Cache
    from edgeimg.model.read import read_model

    info = read_model(file, cache_dir=Cache().folder("models"))
    if output is Format.text:
        _print(file, info)
    Drawer(output).result(info.to_json())


def _print(file: Path, info: ModelInfo) -> None:
    print(f"{file}: {info.format}, {info.size:,} bytes, sha256 {info.sha256}")
    rows = [_row("input", one) for one in info.inputs] + [
        _row("output", one) for one in info.outputs
    ]
    table("", ["", "name", "shape", "type", "quantization"], rows)
    print()
    uses = [[use.name, str(use.version), str(use.count), f"{use.macs:,}"] for use in info.operators]
    table("", ["operator", "version", "count", "MACs"], uses)
    print()
    print(
        f"MACs {info.macs:,}; parameters {info.parameters:,}; "
        f"peak of live tensors {info.peak_live_bytes:,} bytes"
        + (f"; opset {info.opset}" if info.opset else "")
    )
    for key, value in sorted(info.metadata.items()):
        print(f"{key}: {value}")


def _row(kind: str, tensor: TensorInfo) -> list[str]:
    shape = "x".join(str(size) if size > 0 else "?" for size in tensor.shape)
    quantization = ""
    if tensor.quantization is not None:
        quantization = (
            f"scale {tensor.quantization.scale:.6g}, zero {tensor.quantization.zero_point}"
        )
    return [kind, tensor.name, shape, tensor.type, quantization]
