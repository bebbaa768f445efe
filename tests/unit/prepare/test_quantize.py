"""Quantizing, with the real quantizers: what is written, and each way to be refused."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import yaml

from edgeimg.cache import Cache
from edgeimg.catalog.search import Catalog
from edgeimg.events import silent
from edgeimg.manifest.load import load
from edgeimg.manifest.model import Model
from edgeimg.plan.models import plan_model
from edgeimg.plan.quantization import plan_quantization
from edgeimg.prepare.hosts import Host
from edgeimg.prepare.quantize import Agreement, Quantized, _compare, quantize_model
from edgeimg.resources import data_root

Edgeimg = Callable[..., Any]
DIGITS = data_root() / "models/digits"
SOME = Agreement(
    samples=50,
    ranked=True,
    labelled=10,
    before=9,
    after=10,
    agreeing=47,
    lost=1,
    difference=0.1,
)


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped float models, in a folder of the user's."""
    folder = tmp_path / "mine"
    shutil.copytree(DIGITS / "samples", folder / "samples")
    for path in DIGITS.glob("*_float.*"):
        shutil.copy(path, folder)
    for name in ("labels.txt", "digits-float.yaml", "digits-onnx.yaml"):
        shutil.copy(DIGITS / name, folder)
    monkeypatch.chdir(tmp_path)
    return folder


def changed(path: Path, **more: Any) -> Path:
    """The manifest with other keys."""
    words = yaml.safe_load(path.read_text()) | more
    path.write_text(yaml.safe_dump(words))
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="session")
def really(session_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    """digits-onnx, quantized by the real quantizer and measured, once for several tests."""
    catalog, cache = Catalog(), Cache(session_cache)
    path = DIGITS / "digits-onnx.yaml"
    plan = plan_quantization(path, catalog, "static", None, cache.folder("models"))
    return quantize_model(plan, cache, silent)


@pytest.fixture
def again(really: Quantized, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What was really made is what is made now, with another agreement if one is given."""

    def play(agreement: Agreement | None = None) -> None:
        made = replace(really, agreement=agreement or really.agreement)
        monkeypatch.setattr("edgeimg.prepare.quantize.quantize_model", lambda *_: made)

    play()
    return play


def test_the_new_manifest_works_and_says_what_was_measured(
    edgeimg: Edgeimg, digits: Path, again: object
) -> None:
    answer = edgeimg("model", "quantize", digits / "digits-onnx.yaml", "--output", "json")
    assert answer.status == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert (result["before"]["right"], result["after"]["right"]) == (16, 16)
    assert result["after"]["bytes"] < 0.6 * result["before"]["bytes"]
    assert result["before"]["p50_ms"] > 0 and result["after"]["p50_ms"] > 0
    # Saturating kernels of x86-64 would be off by 16%.
    assert result["largest_difference"] < 0.03
    path = digits / "digits-onnx-int8.yaml"
    planned = plan_model(path, None)
    assert planned.info.quantized
    assert planned.outputs[0].labels == tuple("0123456789")
    assert len(planned.samples) == 16
    manifest = load(path, Model)
    assert manifest.tolerance.relative == 0.02  # float outputs of an integer model
    assert manifest.sha256 == planned.info.sha256
    checked = edgeimg("check", "--board", "qemu-arm64", "--model", path)
    assert checked.status == 0, checked.stderr


def test_a_model_that_answers_nan_is_not_one_that_does_not_differ(
    digits: Path, edgeimg: Edgeimg, again: Callable[..., None]
) -> None:
    before = plan_model(digits / "digits-onnx.yaml", None)
    after = replace(before, path=digits / "other.onnx")
    numbers = np.zeros(10, "<f4")
    numbers[3] = -np.inf

    def run(path: Path, *_: Any) -> list[list[bytes]]:
        same = numbers if path == before.path else np.where(np.isinf(numbers), numbers, np.nan)
        return [[same.astype("<f4").tobytes()]]

    host = cast(Host, SimpleNamespace(run=run))
    found = _compare(host, before, after, before.samples[:1], silent)
    assert found.difference == math.inf
    assert _compare(host, before, before, before.samples[:1], silent).difference == 0
    again(replace(SOME, difference=math.inf))
    answer = edgeimg("model", "quantize", digits / "digits-onnx.yaml", "--output", "json")
    assert json.loads(answer.stdout, parse_constant=pytest.fail)["largest_difference"] is None


def test_text_shows_before_and_after_and_warns(edgeimg: Edgeimg, digits: Path) -> None:
    words = ("--kind", "dynamic", "-o", "out")
    answer = edgeimg("model", "quantize", digits / "digits-onnx.yaml", *words)
    assert answer.status == 0, answer.stderr
    rows = {line.split("  ")[0]: line for line in answer.stdout.splitlines()}
    assert rows["labels right"].split()[2:] == ["16/16", "16/16"]
    assert "22,732 bytes" in rows["file size"]
    assert "judged on 16 samples only: one answer is 6.2 percentage points" in answer.stderr
    assert "digits-onnx-dynamic.yaml" in answer.stdout.splitlines()[-1]
    # Samples and labels come along into another folder.
    files = {"digits-onnx-dynamic.yaml", "digits_float-dynamic.onnx", "labels.txt", "samples"}
    assert names(Path("out")) == files
    assert len(plan_model(Path("out/digits-onnx-dynamic.yaml"), None).samples) == 16


def test_lost_accuracy_is_refused_and_nothing_is_written(edgeimg: Edgeimg, digits: Path) -> None:
    (digits / "black.pgm").write_bytes(b"P5 8 8 255\n" + bytes(64))
    # Ranges of values that were found with black pictures clip everything else.
    path = changed(digits / "digits-onnx.yaml", calibration=[{"file": "black.pgm"}])
    before = names(digits)
    answer = edgeimg("model", "quantize", path)
    assert answer.status == 2
    assert "accuracy falls by" in answer.stderr and "1 are allowed" in answer.stderr
    assert "labels right" in answer.stdout
    assert names(digits) == before


def test_the_limit_is_the_options_before_the_manifests(
    edgeimg: Edgeimg, digits: Path, again: Callable[..., None]
) -> None:
    again(SOME)  # 2 percentage points
    path = changed(digits / "digits-onnx.yaml", max_accuracy_drop=1.5)
    words = ("model", "quantize", path, "--output", "json")
    refused = edgeimg(*words)
    assert refused.status == 2
    result = json.loads(refused.stdout)
    assert (result["ok"], result["manifest"], result["accuracy_drop"]) == (False, None, 2.0)
    assert edgeimg(*words, "--max-accuracy-drop", "2").status == 0
    assert (digits / "digits-onnx-int8.yaml").exists()


def test_only_what_it_made_is_overwritten(edgeimg: Edgeimg, digits: Path, again: object) -> None:
    words = ("model", "quantize", digits / "digits-onnx.yaml")
    assert edgeimg(*words).status == 0
    assert edgeimg(*words).status == 0  # its own
    made = digits / "digits_float-int8.onnx"
    made.write_bytes(b"somebody else's")
    answer = edgeimg(*words)
    assert answer.status == 2
    assert "is not what `edgeimg model quantize` wrote" in answer.stderr
    assert made.read_bytes() == b"somebody else's"
    made.unlink()
    (digits / "digits-onnx-int8.yaml").write_text("mine: true\n")
    answer = edgeimg(*words)
    assert answer.status == 2
    assert "`edgeimg model quantize` did not make it" in answer.stderr
    assert (digits / "digits-onnx-int8.yaml").read_text() == "mine: true\n"


def test_a_folder_that_cannot_be_is_told_before_the_work(
    edgeimg: Edgeimg, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeimg.prepare.quantize.quantize_model", lambda *_: pytest.fail("worked"))
    Path("file").write_text("")
    answer = edgeimg("model", "quantize", digits / "digits-onnx.yaml", "-o", "file/below")
    assert answer.stderr == "error: file: cannot be written. Name another folder with -o.\n"
    assert answer.status == 2


def test_a_sample_in_the_way_stays(edgeimg: Edgeimg, digits: Path, again: object) -> None:
    theirs = Path("out/labels.txt")
    theirs.parent.mkdir()
    theirs.write_text("theirs\n")
    answer = edgeimg("model", "quantize", digits / "digits-onnx.yaml", "-o", "out")
    assert answer.status == 2
    assert "out/labels.txt: exists already, with other content" in answer.stderr
    assert names(Path("out")) == {"labels.txt"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"calibration": [{"file": "train/*.png"}]}, "calibration.0.file: no file is train/*.png"),
        ({"evaluation": [{"file": "[", "label": "1"}]}, "evaluation.0.file: no file is ["),
        (
            {"evaluation": [{"file": "samples/*.pgm", "label": "ten"}]},
            "evaluation.0.label: 'ten' is not among the labels",
        ),
        ({"calibration": [{"file": "../x.png"}]}, "calibration.0.file: leaves the folder"),
        ({"calibration": [{"file": "labels.txt"}]}, "labels.txt: broken sample: not a PNM"),
        (
            {"inputs": [], "samples": [{"file": "raw.bin"}], "calibration": [{"file": "*.bin"}]},
            "short.bin: broken sample: 12 bytes; the inputs image take 256",
        ),
    ],
)
def test_samples_that_do_not_fit(
    edgeimg: Edgeimg, digits: Path, more: dict[str, Any], said: str
) -> None:
    (digits / "raw.bin").write_bytes(bytes(256))
    (digits / "short.bin").write_bytes(bytes(12))
    path = changed(digits / "digits-onnx.yaml", **more)
    before = names(digits)
    answer = edgeimg("model", "quantize", path)
    assert answer.status == 2
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
    assert names(digits) == before


def test_without_an_answer_nothing_is_judged(
    edgeimg: Edgeimg, digits: Path, again: Callable[..., None]
) -> None:
    again(replace(SOME, ranked=False, labelled=0, before=0, after=0, agreeing=0, lost=0))
    path = changed(digits / "digits-onnx.yaml", outputs=[])
    answer = edgeimg("model", "quantize", path, "--output", "json")
    assert answer.status == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert (result["accuracy_drop"], result["same_answer"], result["labelled"]) == (None, None, 0)
    assert "judge the largest difference yourself" in " ".join(result["warnings"])


def test_a_model_without_weights_is_left_as_it_is(edgeimg: Edgeimg, digits: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["y"])],
        "g",
        [helper.make_tensor_value_info("image", kind, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("y", kind, [1, 1, 8, 8])],
    )
    model = helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_operatorsetid("", 17)]
    )
    onnx.save(model, digits / "relu.onnx")
    path = changed(digits / "digits-onnx.yaml", file="relu.onnx", outputs=[], sha256=None)
    before = names(digits)
    answer = edgeimg("model", "quantize", path, "--kind", "dynamic")
    assert answer.status == 2
    assert "nothing in it was quantized" in answer.stderr
    assert names(digits) == before


def test_float16_weights_are_refused_by_name(edgeimg: Edgeimg, digits: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kind, half = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["a"], to=half),
            helper.make_node("Add", ["a", "w"], ["b"]),
            helper.make_node("Cast", ["b"], ["y"], to=kind),
        ],
        "g",
        [helper.make_tensor_value_info("image", kind, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("y", kind, [1, 1, 8, 8])],
        [helper.make_tensor("w", half, [1, 1, 8, 8], [1.0] * 64)],
    )
    model = helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_operatorsetid("", 17)]
    )
    onnx.save(model, digits / "half.onnx")
    path = changed(digits / "digits-onnx.yaml", file="half.onnx", outputs=[], sha256=None)
    answer = edgeimg("model", "quantize", path)
    assert answer.status == 2
    assert "half.onnx has float16 weights, which no quantizer here takes" in answer.stderr


@pytest.mark.network
def test_tflite_in_an_environment_of_its_own(edgeimg: Edgeimg, digits: Path) -> None:
    path = digits / "digits-float.yaml"
    answer = edgeimg("model", "quantize", path, "--output", "json")
    assert answer.status == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert result["after"]["right"] == 16
    # With the moving average of the package's own calibration it is 33%.
    assert result["largest_difference"] < 0.03
    planned = plan_model(digits / "digits-float-int8.yaml", None)
    assert [one.tensor.type for one in (*planned.inputs, *planned.outputs)] == ["int8", "int8"]
    checked = edgeimg("check", "--board", "qemu-arm64", "-m", digits / "digits-float-int8.yaml")
    assert checked.status == 0, checked.stderr


@pytest.mark.network
def test_raw_samples_stay_what_they_are(edgeimg: Edgeimg, digits: Path) -> None:
    (digits / "raw.bin").write_bytes(bytes(256))
    path = changed(digits / "digits-float.yaml", inputs=[], samples=[{"file": "raw.bin"}])
    answer = edgeimg("model", "quantize", path)
    assert answer.status == 0, answer.stderr
    planned = plan_model(digits / "digits-float-int8.yaml", None)
    assert planned.inputs[0].tensor.type == "float32"
    assert planned.outputs[0].tensor.type == "int8"


def test_an_old_file_is_given_the_operators_it_has() -> None:
    """The quantizer reads the new code alone, which is 0 in old files: ADD."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    from edgeimg.prepare.quantizers.aiedge import _signed

    data = (data_root() / "models/digits/digits_float.tflite").read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    wanted = [max(one.builtinCode, one.deprecatedBuiltinCode) for one in model.operatorCodes]
    old = flatbuffers.Builder(len(data))
    for one, code in zip(model.operatorCodes, wanted, strict=True):
        one.deprecatedBuiltinCode, one.builtinCode = code, 0
    old.Finish(model.Pack(old), b"TFL3")
    signed, _, _ = _signed(bytes(old.Output()))
    again = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(signed, 0))
    assert [one.builtinCode for one in again.operatorCodes] == wanted
