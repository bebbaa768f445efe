"""LiteRT on the host, one thread.

Default kernels run through `CompiledModel`, as `edge-infer` does it. Reference kernels
run through `Interpreter` with the reference operators by name: what the kernel mode of
`CompiledModel` runs depends on the release, and the golden must not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PACKAGE = "ai-edge-litert"
MODES = ("reference", "default")

Tensor = Mapping[str, Any]


def infer(
    model: Path,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    frames: Sequence[bytes],
    mode: str,
) -> list[list[bytes]]:
    """See `edgeimg.prepare.hosts`. Tensors are in the order of the model's graph.

    Raises:
        ValueError, RuntimeError: LiteRT does not take the model or a frame.
    """
    if mode == "reference":
        return interpret(model, inputs, outputs, frames, "BUILTIN_REF")
    return _default(model, inputs, outputs, frames)


def interpret(
    model: Path,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    frames: Sequence[bytes],
    operators: str,
) -> list[list[bytes]]:
    """As `infer`, by `Interpreter` and a name of its `OpResolverType`."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType[operators]
    interpreter = Interpreter(str(model), experimental_op_resolver_type=kind, num_threads=1)
    fed, made = interpreter.get_input_details(), interpreter.get_output_details()
    if len(fed) != len(inputs) or len(made) != len(outputs):
        raise ValueError("it has other inputs or outputs than the planned ones")
    for found, tensor in zip(fed, inputs, strict=True):
        if list(found["shape"]) != list(tensor["shape"]):
            interpreter.resize_tensor_input(found["index"], tensor["shape"])
    interpreter.allocate_tensors()
    results = []
    for frame in frames:
        position = 0
        for found, tensor in zip(fed, inputs, strict=True):
            size = _size(tensor)
            values = np.frombuffer(frame[position : position + size], tensor["type"])
            interpreter.set_tensor(found["index"], values.reshape(tensor["shape"]))
            position += size
        interpreter.invoke()
        results.append([interpreter.get_tensor(each["index"]).tobytes() for each in made])
    return results


def _default(
    model: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor], frames: Sequence[bytes]
) -> list[list[bytes]]:
    import numpy as np
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.cpu_kernel_mode import CpuKernelMode
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator
    from ai_edge_litert.options import CpuOptions, Options

    compiled = CompiledModel.from_file(
        str(model),
        options=Options(
            hardware_accelerators=HardwareAccelerator.CPU,
            cpu_options=CpuOptions(num_threads=1, kernel_mode=CpuKernelMode.XNNPACK),
        ),
    )
    graph_inputs, graph_outputs = _graph_tensors(model)
    key = next(iter(compiled.get_signature_list()))
    input_places = _places(graph_inputs, compiled.get_input_tensor_details(key), inputs)
    output_places = _places(graph_outputs, compiled.get_output_tensor_details(key), outputs)
    for place, tensor in zip(input_places, inputs, strict=True):
        shape = list(compiled.get_input_tensor_details(key).values())[place]["shape"]
        if list(shape) != list(tensor["shape"]):
            compiled.resize_input_tensor(place, tensor["shape"], 0, strict=False)
    fed, made = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
    results = []
    for frame in frames:
        position = 0
        for place, tensor in zip(input_places, inputs, strict=True):
            size = _size(tensor)
            # Buffers copy bytes; a view as uint8 serves the types they have no name for.
            fed[place].write(np.frombuffer(frame, np.uint8, size, position))
            position += size
        compiled.run_by_index(0, fed, made)
        results.append(
            [
                made[place].read(_size(tensor), np.uint8).tobytes()
                for place, tensor in zip(output_places, outputs, strict=True)
            ]
        )
    return results


def _size(tensor: Tensor) -> int:
    """Bytes of a tensor."""
    import numpy as np

    return int(np.prod(tensor["shape"], dtype=np.int64)) * np.dtype(tensor["type"]).itemsize


def _graph_tensors(model: Path) -> tuple[list[int], list[int]]:
    """Tensor indices of the main graph's inputs and outputs, in its order."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(model), experimental_op_resolver_type=kind, num_threads=1)
    inputs = [int(each["index"]) for each in interpreter.get_input_details()]
    return inputs, [int(each["index"]) for each in interpreter.get_output_details()]


def _places(
    graph: Sequence[int], details: Mapping[str, Tensor], planned: Sequence[Tensor]
) -> list[int]:
    """For each planned tensor its place in the signature, which may have another order."""
    signature = [int(each["index"]) for each in details.values()]
    if sorted(signature) != sorted(graph) or len(graph) != len(planned):
        raise ValueError("its signature and its graph have different tensors")
    return [signature.index(index) for index in graph]
