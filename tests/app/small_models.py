"""Small models with two inputs and two outputs: matrix + row and matrix - row."""

from __future__ import annotations

from typing import Any

COLUMNS = 4
ROWS = 3


def tflite_sum(*, open_rows: bool, ranked: bool = True, stale: bool = False) -> bytes:
    """Inputs `matrix` and `row`, outputs `sum` and `difference`; the signature names them the
    other way round. With `open_rows` the matrix has any number of rows; unless `ranked`, as
    older converters wrote that: LiteRT's C API tells one row then. With `stale` the outputs have
    the rows of an example, as litert-torch leaves them."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name: str, rows: int, is_open: bool) -> Any:
        made = schema.TensorT()
        made.name, made.buffer, made.type = name, 0, schema.TensorType.FLOAT32
        made.shape = [rows, COLUMNS]
        if is_open:
            made.shape = [1, COLUMNS]
            made.shapeSignature = [-1, COLUMNS]
            made.hasRank = ranked
        return made

    def operator(code: int, kind: int, options: Any, output: int) -> Any:
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = code, [0, 1], [output]
        made.builtinOptionsType, made.builtinOptions = kind, options
        return made

    graph = schema.SubGraphT()
    graph.name = "main"
    graph.tensors = [
        tensor("matrix", ROWS, open_rows),
        tensor("row", 1, False),
        tensor("sum", ROWS, open_rows and not stale),
        tensor("difference", ROWS, open_rows and not stale),
    ]
    graph.inputs, graph.outputs = [0, 1], [2, 3]
    options = schema.BuiltinOptions
    graph.operators = [
        operator(0, options.AddOptions, schema.AddOptionsT(), 2),
        operator(1, options.SubOptions, schema.SubOptionsT(), 3),
    ]

    def named(name: str, index: int) -> Any:
        made = schema.TensorMapT()
        made.name, made.tensorIndex = name, index
        return made

    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs = [named("a_row", 1), named("z_matrix", 0)]
    signature.outputs = [named("a_difference", 3), named("z_sum", 2)]

    model = schema.ModelT()
    model.version, model.description = 3, "sum and difference"
    model.subgraphs, model.buffers, model.signatureDefs = [graph], [schema.BufferT()], [signature]
    model.operatorCodes = []
    for kind in (schema.BuiltinOperator.ADD, schema.BuiltinOperator.SUB):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = 1
        model.operatorCodes.append(code)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def onnx_sum(*, shaped: bool = True) -> bytes:
    """The same as ONNX, with a named dimension for the rows, or only the row's shape."""
    from onnx import TensorProto, helper

    def tensor(name: str, rows: int | str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, COLUMNS])

    graph = helper.make_graph(
        [
            helper.make_node("Add", ["matrix", "row"], ["sum"]),
            helper.make_node("Sub", ["matrix", "row"], ["difference"]),
        ],
        "main",
        [tensor("matrix", "rows"), tensor("row", 1)],
        [tensor("sum", "rows"), tensor("difference", "rows")],
    )
    if not shaped:
        for value in (graph.input[0], *graph.output):
            value.type.tensor_type.ClearField("shape")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def tflite_detections() -> bytes:
    """Inputs `boxes` and `scores` of 20 anchors, to the best 5 of 3 classes: outputs `where`,
    `what`, `score` and `count`, whose shapes the file leaves to TFLite_Detection_PostProcess."""
    import flatbuffers
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema
    from flatbuffers import flexbuffers

    def tensor(name: str, *shape: int, buffer: int = 0) -> Any:
        made = schema.TensorT()
        made.name, made.buffer, made.type = name, buffer, schema.TensorType.FLOAT32
        made.shape = list(shape)
        return made

    centres = np.random.default_rng(2).random((20, 2))
    anchors = schema.BufferT()
    anchors.data = list(np.concatenate([centres, np.full((20, 2), 0.2)], 1).astype("<f4").tobytes())
    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("boxes", 1, 20, 4),
        tensor("scores", 1, 20, 4),
        tensor("anchors", 20, 4, buffer=1),
        *(tensor(name) for name in ("where", "what", "score", "count")),
    ]
    graph.inputs, graph.outputs = [0, 1], [3, 4, 5, 6]

    options = flexbuffers.Builder()
    with options.Map():
        for key, number in (
            ("max_detections", 5),
            ("max_classes_per_detection", 1),
            ("num_classes", 3),
        ):
            options.Key(key)
            options.Int(number)
        for key, value in (
            ("nms_score_threshold", 1e-8),
            ("nms_iou_threshold", 0.6),
            ("y_scale", 10.0),
            ("x_scale", 10.0),
            ("h_scale", 5.0),
            ("w_scale", 5.0),
        ):
            options.Key(key)
            options.Float(value)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, 2], [3, 4, 5, 6]
    operator.customOptions = list(options.Finish())
    graph.operators = [operator]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = "TFLite_Detection_PostProcess", 1
    model = schema.ModelT()
    model.version, model.subgraphs = 3, [graph]
    model.buffers, model.operatorCodes = [schema.BufferT(), anchors], [code]
    builder = flatbuffers.Builder(2048)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
