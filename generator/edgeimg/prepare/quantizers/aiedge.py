"""TFLite models, by the Python package ai-edge-quantizer: int8 weights by channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeimg.prepare.quantizers.child import Frames

SIGNATURE = "serving_default"
THREADS = 2


def quantize(request: Mapping[str, Any], frames: Frames) -> None:
    """See `edgeimg.prepare.quantizers`.

    Raises:
        Exception: of the package's own kinds: it does not take the model.
    """
    from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    recipes = {
        "static": recipe.static_wi8_ai8,
        "dynamic": recipe.dynamic_wi8_afp32,
        "weights": recipe.weight_only_wi8_afp32,
    }
    steps = [*recipes[request["kind"]]()]
    if any(one["raw"] for one in request["inputs"]):
        steps.append(
            {
                "regex": ".*",
                "operation": "INPUT",
                "algorithm_key": "no_quantize",
                "op_config": {},
            }
        )
    data, key, names = _signed(Path(request["model"]).read_bytes())
    made = quantizer.Quantizer(data, steps)
    ranges = None
    if made.need_calibration:
        # Quantizer.calibrate() keeps a moving average that begins with the first sample's
        # range: with few samples that clips the others. The least and the largest value do not.
        manager = recipe_manager.RecipeManager()
        manager.load_quantization_recipe(steps)
        ranger = calibrator.Calibrator(
            data, num_threads=THREADS, qsv_update_func=qsv_utils.min_max_update
        )
        ranger.calibrate({key: _Named(frames, names)}, manager)
        ranges = ranger.get_model_qsvs()
    Path(request["target"]).write_bytes(made.quantize(ranges).quantized_model)


def _signed(data: bytes) -> tuple[bytes, str, list[str]]:
    """The model, its signature's key, and the signature's names of the graph's inputs.

    The package calibrates through a signature; a model without one gets it. It reads an
    operator's new code alone, and old files have only the old one.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = model.subgraphs[0]
    for code in model.operatorCodes:
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    of_main = [one for one in model.signatureDefs or () if one.subgraphIndex == 0]
    if not of_main:
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
        signature.inputs = _maps(schema, "input", graph.inputs)
        signature.outputs = _maps(schema, "output", graph.outputs)
        model.signatureDefs = [*(model.signatureDefs or ()), signature]
        of_main = [signature]
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    data = bytes(builder.Output())
    names = {int(one.tensorIndex): _text(one.name) for one in of_main[0].inputs}
    return data, _text(of_main[0].signatureKey), [names[int(index)] for index in graph.inputs]


def _maps(schema: Any, prefix: str, indices: Sequence[int]) -> list[Any]:
    maps = []
    for number, index in enumerate(indices):
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = f"{prefix}_{number}", int(index)
        maps.append(entry)
    return maps


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


class _Named:
    """The calibration frames by the signature's names. The package asks for their number."""

    def __init__(self, frames: Frames, names: Sequence[str]) -> None:
        self._frames, self._names = frames, names

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for frame in self._frames:
            yield dict(zip(self._names, frame, strict=True))
