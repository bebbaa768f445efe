"""A TFLite file of one operator, of any code and version: `a` of 1x4 float32 to `b`."""

from __future__ import annotations

from typing import Any


def one_operator(name: str, version: int = 1) -> bytes:
    """The file; a name that is not builtin makes a custom operator."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name, schema.BuiltinOperator.CUSTOM)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    if code.builtinCode == schema.BuiltinOperator.CUSTOM:
        code.customCode = name
    graph = schema.SubGraphT()
    graph.tensors = [_tensor(schema, "a"), _tensor(schema, "b")]
    graph.inputs, graph.outputs = [0], [1]
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    graph.operators = [operator]
    model = schema.ModelT()
    model.version, model.subgraphs = 3, [graph]
    model.operatorCodes, model.buffers = [code], [schema.BufferT()]
    builder = flatbuffers.Builder(256)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(schema: Any, name: str) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, [1, 4], 0, 0
    return tensor
