"""Operators: the lists say what the real runtimes say, and adding one is data."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.one_operator import one_operator

from edgeimg.catalog.operators import OperatorLists
from edgeimg.catalog.search import Catalog
from edgeimg.model.info import ModelInfo, OperatorUse
from edgeimg.plan.coverage import coverage, others_that_can
from edgeimg.resources import data_root

DIGITS = Path(__file__).parents[3] / "models" / "digits"


@pytest.fixture(scope="module")
def lists() -> OperatorLists:
    return OperatorLists(Catalog())


def info(*uses: OperatorUse, kind: str = "tflite", **metadata: str) -> ModelInfo:
    return ModelInfo(
        format=kind,
        sha256="0" * 64,
        size=100,
        inputs=(),
        outputs=(),
        operators=uses,
        macs=sum(use.macs for use in uses),
        peak_live_bytes=0,
        parameters=0,
        metadata=metadata,
    )


def use(name: str, version: int = 1, **more: Any) -> OperatorUse:
    return OperatorUse(name=name, version=version, count=1, **{"macs": 0, **more})


@pytest.mark.parametrize("mode", ["default", "reference"])
def test_the_list_is_what_the_installed_litert_registers(lists: OperatorLists, mode: str) -> None:
    """Each operator at its first and last version is found, and at the next one is not."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    release = importlib.metadata.version("ai-edge-litert")
    entry = lists.runtimes["litert", release].value
    kinds = interpreter.OpResolverType
    kind = kinds.BUILTIN_REF if mode == "reference" else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    wrong = []
    for name, versions in entry.operators.items():
        if not name.replace("_", "").isupper():
            continue  # a custom one
        last = versions.last
        if mode == "reference" and versions.reference is not None:
            last = versions.reference
        for version in {versions.first, last, last + 1} - {0}:
            data = one_operator(name, version)
            try:
                interpreter.Interpreter(
                    model_content=data, experimental_op_resolver_type=kind, num_threads=1
                )
                missing = False
            except (RuntimeError, ValueError) as error:
                # Others miss their options, which is after they were found.
                missing = "Didn't find op" in str(error)
            if missing != (version > last):
                wrong.append(f"{name} {version}")
    assert wrong == []


def test_the_list_is_what_the_installed_onnx_runtime_takes(lists: OperatorLists) -> None:
    runtime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    entry = lists.runtimes["onnxruntime", runtime.__version__].value
    options = runtime.SessionOptions()
    options.log_severity_level = 4

    def takes(opset: int, ir_version: int) -> bool:
        shape = [onnx.helper.make_tensor_value_info(name, 1, [1, 4]) for name in "xy"]
        node = onnx.helper.make_node("Relu", ["x"], ["y"])
        graph = onnx.helper.make_graph([node], "g", shape[:1], shape[1:])
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=ir_version
        )
        try:
            runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception:  # each error of ONNX Runtime's is a class of its own
            return False
        return True

    last = entry.domains["ai.onnx"].last
    assert entry.ir_version is not None
    assert takes(last, entry.ir_version)
    assert not takes(last + 1, entry.ir_version)
    assert not takes(last, entry.ir_version + 1)


def test_every_release_of_the_catalogue_has_a_list(lists: OperatorLists) -> None:
    from edgeimg.catalog.builders import YoctoCatalog
    from edgeimg.catalog.runtimes import Runtime

    catalog = Catalog()
    wanted = set()
    for name in catalog.names("runtime"):
        _, entry = catalog.load("runtime", name, Runtime)
        wanted |= {(name, one.version) for one in entry.releases}
        if entry.debian is not None:
            wanted |= {(name, one.version) for one in entry.debian.distribution.values()}
        if entry.buildroot is not None and entry.buildroot.source_version is not None:
            wanted.add((name, entry.buildroot.source_version))
        if entry.yocto is not None and entry.yocto.layers and entry.yocto.library is not None:
            series = catalog.read(catalog.file("catalog/yocto.yaml"), YoctoCatalog).value.series
            part = entry.yocto.library.part
            wanted |= {(name, one.provides[part].version) for one in series.values()}
    assert wanted <= set(lists.runtimes)


def test_the_nearest_choice_is_named(lists: OperatorLists) -> None:
    newer = info(use("FULLY_CONNECTED", 12))
    found = coverage(newer, lists, "tflite", "2.11.0")
    (gap,) = found.fatal
    assert gap.why == "is version 12, and tflite 2.11.0 has 1 to 9"
    name, line = gap.place.rsplit(":", 1)
    assert "FULLY_CONNECTED" in (data_root() / name).read_text().splitlines()[int(line) - 1]
    assert others_that_can(newer, lists, "tflite", "2.11.0") == ["litert 2.1.6", "tflite 2.21.0"]
    assert not coverage(newer, lists, "litert", "2.1.6").fatal


def test_a_release_without_a_list_is_not_held_against_the_model(lists: OperatorLists) -> None:
    found = coverage(info(use("FlexErf")), lists, "litert", "99")
    assert (found.known, found.gaps) == (False, ())


@pytest.mark.parametrize(
    ("operator", "why"),
    [
        (use("CONV_2D", types=("float32",)), "float32: it takes int8, uint8, int16"),
        (use("CONV_2D", types=("int8",), fixed=False), "a size that is not fixed"),
        (use("CUMSUM", types=("int8",)), "it has none"),
        (use("TRANSPOSE", types=("uint8",)), "uint8: it takes int8, int16, int32"),
        (use("CONV_2D", types=("int8",)), ""),
        (use("ethos-u"), ""),
    ],
)
def test_what_stays_on_the_cpu_and_why(
    lists: OperatorLists, operator: OperatorUse, why: str
) -> None:
    (row,) = coverage(info(operator), lists, "litert", "2.1.6", "ethos-u65").rows
    assert row.accelerator == why


def test_the_share_of_macs_that_may_go(lists: OperatorLists) -> None:
    model = info(
        use("CONV_2D", macs=300, types=("int8",)), use("CONV_2D", macs=100, types=("float32",))
    )
    assert coverage(model, lists, "litert", "2.1.6", "ethos-u65").placeable == 75.0
    assert coverage(model, lists, "litert", "2.1.6").placeable is None


def test_a_batch_that_the_accelerator_has_not(lists: OperatorLists) -> None:
    model = info(use("ADD", types=("int8",), batch=4))
    (row,) = coverage(model, lists, "tflite", "2.11.0", "edgetpu-usb").rows
    assert row.accelerator == "a batch of 4: it takes 1"


def test_an_accelerator_of_ones_own_is_one_file(
    tmp_path: Path, edgeimg: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "catalog/operators"
    folder.mkdir(parents=True)
    (folder / "testpu.yaml").write_text(
        "version: 1\naccelerators: [testpu]\nformat: tflite\nsource: this test\nchecked: now\n"
        "types: [int8]\noperators: {CONV_2D: {note: small ones}, RESHAPE: {types: [int16]}}\n"
    )
    monkeypatch.setenv("EDGEIMG_PATH", str(tmp_path))
    model = DIGITS / "digits_int8.tflite"
    answer = edgeimg(
        "model", "coverage", model, "--runtime", "litert-2.1.6", "--accelerator", "testpu",
        "--output", "json",
    )  # fmt: skip
    found = json.loads(answer.stdout)["litert 2.1.6"]
    assert found["placeable"] == 100.0
    said = {row["name"]: (row["accelerator"], row["note"]) for row in found["operators"]}
    assert said["AVERAGE_POOL_2D"] == ("it has none", "")
    assert said["CONV_2D"] == ("", "small ones")
    assert said["RESHAPE"] == ("int8: it takes int16", "")


def test_a_list_of_ones_own_changes_the_verdict(
    tmp_path: Path, edgeimg: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "catalog/operators"
    folder.mkdir(parents=True)
    shipped = next(path for path in Catalog().files("operators") if path.stem == "litert-2.1.6")
    text = shipped.read_text().replace("CONV_2D: {last: 8}", "CONV_2D: {last: 2}")
    (folder / shipped.name).write_text(text)
    assert edgeimg("check", "--board", "qemu-arm64").status == 0
    monkeypatch.setenv("EDGEIMG_PATH", str(tmp_path))
    answer = edgeimg("check", "--board", "qemu-arm64")
    assert answer.status == 2
    assert "CONV_2D is version 3, and litert 2.1.6 has 1 to 2" in answer.stderr


def test_without_reference_kernels_the_default_mode_is_compared(
    tmp_path: Path, edgeimg: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "m.tflite").write_bytes(one_operator("ELU"))
    (tmp_path / "s.bin").write_bytes(bytes(16))
    (tmp_path / "m.yaml").write_text(
        "version: 1\nname: m\nsummary: x\nlicense: MIT\nfile: m.tflite\nsamples: [{file: s.bin}]\n"
    )
    monkeypatch.chdir(tmp_path)
    plan = ["plan", "--board", "qemu-arm64", "--model", "./m.yaml", "--output", "json"]
    answer = edgeimg(*plan)
    found = json.loads(answer.stdout)
    assert found["kernel modes"] == ["default"]
    assert "ELU has no reference kernel" in found["notes"][0]
    assert edgeimg("model", "run", "./m.yaml").status == 0
    refused = edgeimg("model", "run", "./m.yaml", "--kernels", "reference")
    assert refused.status == 2
    assert "Didn't find op" in refused.stderr
