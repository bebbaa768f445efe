"""The files of `compiled:` in a model's manifest: each must be for its accelerator."""

from __future__ import annotations

from pathlib import Path

from edgeimg.catalog.accelerators import Accelerator, AcceleratorPrecompiled
from edgeimg.errors import UserError
from edgeimg.model.info import ModelInfo, TensorInfo
from edgeimg.model.look import Look, look_at


def check_compiled(path: Path, entry: Accelerator, info: ModelInfo) -> Look:
    """What a compiled file says, which must be for that accelerator.

    Args:
        path: the compiled file.
        entry: the accelerator.
        info: the model that it was compiled from.

    Raises:
        UserError: it is of another format, for another target, or of another model; the
            message begins with the file's name and has no place.
    """
    known = entry.precompiled
    if known is None:
        raise UserError(
            f"no compiled file is known for {entry.name}",
            hint="Its catalogue entry has no `precompiled`.",
        )
    try:
        look = look_at(path, known.format)
    except UserError as error:
        raise UserError(f"{path.name}: {error.message}", hint=error.hint) from None
    _target(path.name, entry.name, known, look)
    if known.format == info.format:
        _same_model(path.name, look, info)
    return look


def _target(name: str, accelerator: str, known: AcceleratorPrecompiled, look: Look) -> None:
    if look.unknown or set(look.targets) & set(known.targets):
        return
    if not look.targets:
        wanted = " or ".join(known.targets)
        raise UserError(
            f"{name} is not compiled for {accelerator}: it holds no custom operator ({wanted})",
            hint="Give what the accelerator's own compiler made of the model.",
        )
    raise UserError(
        f"{name} was compiled for {', '.join(look.targets)}, and {accelerator} runs what is for "
        f"{', '.join(known.targets)}",
        hint="Compile it anew for that target.",
    )


def _same_model(name: str, look: Look, info: ModelInfo) -> None:
    for what, found, tensors in (
        ("inputs", look.inputs, info.inputs),
        ("outputs", look.outputs, info.outputs),
    ):
        wanted = [_described(one) for one in tensors]
        if found and [_fixed(one) for one in found] != wanted:
            raise UserError(
                f"{name} is of another model: its {what} are {', '.join(found)}, "
                f"and the model's {', '.join(wanted)}",
                hint="Compile this model, or name as `file` what it was compiled from.",
            )


def _described(tensor: TensorInfo) -> str:
    return f"{tensor.type} {'x'.join(str(size) for size in tensor.fixed_shape)}"


def _fixed(described: str) -> str:
    """An open size is 1 in a compiled file."""
    return described.replace("?", "1")
