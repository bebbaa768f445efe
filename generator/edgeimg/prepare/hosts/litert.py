"""LiteRT on the host.

Default kernels run through `CompiledModel`, as `edge-infer` does it. Reference kernels
run through `Interpreter` with the reference operators by name: what the kernel mode of
`CompiledModel` runs depends on the release, and the golden must not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeimg.prepare.hosts import Session, check_shapes

PACKAGE = "ai-edge-litert"
MODES = ("reference", "default")

Tensor = Mapping[str, Any]


def open_model(
    model: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor], mode: str, threads: int
) -> Session:
    """See `edgeimg.prepare.hosts`. Tensors are in the order of the model's graph.

    Raises:
        ValueError, RuntimeError: LiteRT does not take the model.
    """
    if mode == "reference":
        return Interpreted(model, inputs, outputs, "BUILTIN_REF", threads)
    return _Compiled(model, inputs, outputs, threads)


class Interpreted:
    """A session of `Interpreter`, with the operators of a name of its `OpResolverType`."""

    def __init__(
        self,
        model: Path,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        operators: str,
        threads: int,
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kind = OpResolverType[operators]
        self._interpreter = Interpreter(
            str(model), experimental_op_resolver_type=kind, num_threads=threads
        )
        self._inputs, self._outputs = inputs, outputs
        self._fed = self._interpreter.get_input_details()
        self._made = self._interpreter.get_output_details()
        if len(self._fed) != len(inputs) or len(self._made) != len(outputs):
            raise ValueError("it has other inputs or outputs than the planned ones")
        for found, tensor in zip(self._fed, inputs, strict=True):
            if list(found["shape"]) != list(tensor["shape"]):
                self._interpreter.resize_tensor_input(found["index"], tensor["shape"])
        self._interpreter.allocate_tensors()

    def feed(self, frame: bytes) -> None:
        import numpy as np

        position = 0
        for found, tensor in zip(self._fed, self._inputs, strict=True):
            size = _size(tensor)
            values = np.frombuffer(frame[position : position + size], tensor["type"])
            self._interpreter.set_tensor(found["index"], values.reshape(tensor["shape"]))
            position += size

    def invoke(self) -> None:
        self._interpreter.invoke()

    def outputs(self) -> list[bytes]:
        made = [self._interpreter.get_tensor(each["index"]) for each in self._made]
        check_shapes(self._outputs, [values.shape for values in made])
        return [values.tobytes() for values in made]


class _Compiled:
    """A session of `CompiledModel`."""

    def __init__(
        self, model: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor], threads: int
    ) -> None:
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.cpu_kernel_mode import CpuKernelMode
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import CpuOptions, Options

        cpu = CpuOptions(num_threads=threads, kernel_mode=CpuKernelMode.XNNPACK)
        compiled = CompiledModel.from_file(
            str(model),
            options=Options(hardware_accelerators=HardwareAccelerator.CPU, cpu_options=cpu),
        )
        graph_inputs, graph_outputs = _graph_tensors(model)
        key = next(iter(compiled.get_signature_list()))
        details = compiled.get_input_tensor_details(key)
        self._inputs, self._outputs = inputs, outputs
        self._input_places = _places(graph_inputs, details, inputs)
        self._output_places = _places(
            graph_outputs, compiled.get_output_tensor_details(key), outputs
        )
        for place, tensor in zip(self._input_places, inputs, strict=True):
            shape = list(details.values())[place]["shape"]
            if list(shape) != list(tensor["shape"]):
                compiled.resize_input_tensor(place, tensor["shape"], 0, strict=False)
        made = list(compiled.get_output_tensor_details(key).values())
        check_shapes(outputs, [made[place]["shape"] for place in self._output_places])
        self._compiled = compiled
        self._fed = compiled.create_input_buffers(0)
        self._made = compiled.create_output_buffers(0)

    def feed(self, frame: bytes) -> None:
        import numpy as np

        position = 0
        for place, tensor in zip(self._input_places, self._inputs, strict=True):
            size = _size(tensor)
            # Buffers copy bytes; a view as uint8 serves the types they have no name for.
            self._fed[place].write(np.frombuffer(frame, np.uint8, size, position))
            position += size

    def invoke(self) -> None:
        self._compiled.run_by_index(0, self._fed, self._made)

    def outputs(self) -> list[bytes]:
        import numpy as np

        return [
            self._made[place].read(_size(tensor), np.uint8).tobytes()
            for place, tensor in zip(self._output_places, self._outputs, strict=True)
        ]


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
