"""`/etc/edge-infer/<model>.json`: the app's configuration (docs/design.md)."""

from __future__ import annotations

import json
from typing import Any

from edgeimg.model.info import TensorInfo
from edgeimg.plan.plan import PlannedAccelerator, PlannedInput, PlannedModel, PlannedOutput


def app_config(
    model: PlannedModel,
    threads: int,
    accelerator: PlannedAccelerator | None = None,
    compiled: str = "",
) -> dict[str, Any]:
    """The configuration as plain data.

    Args:
        compiled: the path in the image of what the model was compiled to; empty: it was not.
    """
    delegate = {}
    if accelerator is not None and accelerator.entry.delegate is not None:
        other = {"model": compiled} if compiled else {}
        delegate = {"delegate": {**accelerator.entry.delegate.model_dump(), **other}}
    return {
        "name": model.name,
        "model": model.image_file,
        "threads": threads,
        "kernels": "default",
        **delegate,
        **_source(model),
        "inputs": [_input(one) for one in model.inputs],
        "outputs": [_output(model, index, one) for index, one in enumerate(model.outputs)],
    }


def app_config_text(
    model: PlannedModel,
    threads: int,
    accelerator: PlannedAccelerator | None = None,
    compiled: str = "",
) -> str:
    """The configuration as it is written."""
    config = app_config(model, threads, accelerator, compiled)
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def _source(model: PlannedModel) -> dict[str, Any]:
    camera = model.camera
    if camera is None:
        return {"source": model.image_samples}
    return {"source": camera.device, "camera": camera.model_dump(exclude={"device"})}


def _tensor(tensor: TensorInfo) -> dict[str, Any]:
    quantization = None
    # A scale beside float values says how they came about, not how to read them.
    if tensor.quantization is not None and not tensor.type.startswith("float"):
        quantization = {
            "scale": tensor.quantization.scale,
            "zero_point": tensor.quantization.zero_point,
        }
    return {
        "name": tensor.name,
        "type": tensor.type,
        "shape": list(tensor.shape),
        "quantization": quantization,
    }


def _input(planned: PlannedInput) -> dict[str, Any]:
    image = None
    if planned.image is not None:
        image = {
            "color": planned.image.color,
            "layout": planned.image.layout,
            "resize": planned.image.resize,
            "mean": list(planned.image.means),
            "std": list(planned.image.stds),
        }
    return {**_tensor(planned.tensor), "image": image}


def _output(model: PlannedModel, index: int, planned: PlannedOutput) -> dict[str, Any]:
    labels = model.image_labels(index) if planned.labels else None
    return {
        **_tensor(planned.tensor),
        "softmax": planned.softmax,
        "top_k": planned.top_k,
        "labels": labels,
    }
