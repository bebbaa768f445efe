"""A damaged file ends in a UserError or in an answer: no other error, no hang."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeimg.errors import UserError
from edgeimg.model import ModelInfo

DIGITS = Path(__file__).parents[3] / "models" / "digits"
TFLITE = (DIGITS / "digits_int8.tflite").read_bytes()
ONNX = (DIGITS / "digits_float.onnx").read_bytes()
# Custom operators, unknown ones, ones without options.
CASES = {
    path.name: path.read_bytes()
    for path in (DIGITS.parents[1] / "tests/errors").glob("operator-*/*.tflite")
}


@st.composite
def damaged(draw: st.DrawFn, sound: bytes) -> bytes:
    """The file cut, with bits turned, a stretch of zeros or of ones, or more behind it."""
    data = bytearray(sound)
    place = st.integers(0, len(sound) - 1)
    for how in draw(st.lists(st.sampled_from(["cut", "bit", "fill", "more"]), min_size=1)):
        at = draw(place) % max(len(data), 1)
        if how == "cut":
            del data[at:]
        elif how == "bit" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "fill":
            stretch = len(data[at : at + draw(st.integers(1, 32))])
            data[at : at + stretch] = draw(st.sampled_from([b"\0", b"\xff"])) * stretch
        else:
            data += draw(st.binary(max_size=32))
    return bytes(data)


SOUND = st.sampled_from([TFLITE, (DIGITS / "digits_float.tflite").read_bytes(), *CASES.values()])


@settings(max_examples=300)
@given(SOUND.flatmap(damaged))
def test_tflite(data: bytes) -> None:
    from edgeimg.model import tflite_reader

    with contextlib.suppress(UserError):
        info = tflite_reader.read(data)
        assert ModelInfo.from_json(info.to_json()) == info


@settings(max_examples=100)
@given(damaged(ONNX))
def test_onnx(data: bytes) -> None:
    pytest.importorskip("onnx")
    from edgeimg.model import onnx_reader

    with contextlib.suppress(UserError):
        info = onnx_reader.read(data)
        assert ModelInfo.from_json(info.to_json()) == info


def test_onnx_text_that_is_not_utf8() -> None:
    pytest.importorskip("onnx")
    from edgeimg.model import onnx_reader

    info = onnx_reader.read(ONNX.replace(b"edgeimg example", b"\xe5dgeimg example"))
    assert info.metadata["description"].startswith("\ufffddgeimg example")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_through_the_command_line(
    tmp_path: Path, edgeimg: Callable[..., Any], data: st.DataObject
) -> None:
    """An answer or one line; docs/real-models.md tells of 1,500 such runs."""
    kinds = st.sampled_from([*((each, ".tflite") for each in CASES.values()), (TFLITE, ".tflite")])
    sound, suffix = data.draw(st.one_of(kinds, st.just((ONNX, ".onnx"))))
    path = tmp_path / f"model{suffix}"
    path.write_bytes(data.draw(damaged(sound)))
    answer = edgeimg("model", "coverage", path, "--accelerator", "ethos-u65")
    if answer.status == 0:
        assert answer.stderr == ""
    else:
        assert answer.status == 2
        (line,) = answer.stderr.splitlines()
        assert line.startswith(f"error: {path}: ")


def test_a_file_that_repeats_itself_is_not_walked_to_the_end() -> None:
    """200,000 operators are one table, with 200,000 inputs: 4e10 steps, were they not counted."""
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    from edgeimg.model import tflite_reader

    count = 200_000
    builder = flatbuffers.Builder(1 << 20)

    def vector(values: list[int], prepend: Callable[[int], None]) -> int:
        builder.StartVector(4, len(values), 4)
        for value in values:
            prepend(value)
        return int(builder.EndVector())

    inputs = vector([0] * count, builder.PrependInt32)
    tensors = vector([schema.TensorT().Pack(builder)], builder.PrependUOffsetTRelative)
    buffers = vector([schema.BufferT().Pack(builder)], builder.PrependUOffsetTRelative)
    codes = vector([schema.OperatorCodeT().Pack(builder)], builder.PrependUOffsetTRelative)
    schema.OperatorStart(builder)
    schema.OperatorAddInputs(builder, inputs)
    operators = vector([schema.OperatorEnd(builder)] * count, builder.PrependUOffsetTRelative)
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    schema.SubGraphAddOperators(builder, operators)
    graphs = vector([schema.SubGraphEnd(builder)], builder.PrependUOffsetTRelative)
    schema.ModelStart(builder)
    schema.ModelAddOperatorCodes(builder, codes)
    schema.ModelAddBuffers(builder, buffers)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    with pytest.raises(UserError, match="impossible counts"):
        tflite_reader.read(bytes(builder.Output()))
