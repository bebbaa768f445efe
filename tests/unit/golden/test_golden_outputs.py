"""Golden outputs of the shipped models, computed by the real interpreters."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import edgeimg
from edgeimg.cache import Cache
from edgeimg.errors import InternalError, UserError, UserErrors
from edgeimg.events import Event, Progress
from edgeimg.plan.models import plan_model
from edgeimg.plan.plan import Plan
from edgeimg.prepare import golden as module
from edgeimg.prepare.golden import make_goldens, read_values, top_index
from edgeimg.prepare.hosts import find_host
from edgeimg.resources import data

BOTH = ("reference", "default")


def plan_of(
    name: str, host: str = "litert", modes: tuple[str, ...] = BOTH, version: str | None = None
) -> Plan:
    runtime = SimpleNamespace(
        name=host,
        host=host,
        kernel_modes=modes,
        version=version or find_host(host, wanted=None).version,
        wheel=object(),
    )
    model = plan_model(data("models") / "digits" / f"{name}.yaml", None)
    return cast(Plan, SimpleNamespace(models=(model,), runtime=runtime))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("goldens"))


@pytest.mark.parametrize(
    ("name", "host", "modes"),
    [
        ("digits", "litert", BOTH),
        ("digits-float", "litert", BOTH),
        ("digits-onnx", "onnxruntime", ("default",)),
    ],
)
def test_the_host_knows_its_digits(
    name: str, host: str, modes: tuple[str, ...], cache: Cache
) -> None:
    events: list[Event] = []
    plan = plan_of(name, host, modes)
    goldens = make_goldens(plan, cache, events.append)
    assert [golden.mode for golden in goldens] == list(modes)
    for golden in goldens:
        assert (golden.right, golden.labelled) == (16, 16)
        assert golden.version == plan.runtime.version
        size = 10 if name == "digits" else 40
        assert all(len(sample.outputs[0]) == size for sample in golden.samples)
    assert sum(isinstance(event, Progress) for event in events) == len(modes)


def test_the_second_time_nothing_is_computed(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_goldens(plan_of("digits"), cache)
    monkeypatch.setattr(module, "_frames", None)
    assert make_goldens(plan_of("digits"), cache) == first


def test_a_warm_cache_needs_no_native_code(cache: Cache) -> None:
    make_goldens(plan_of("digits"), cache)
    plan = plan_of("digits")
    plan.runtime.wheel = True  # type: ignore[misc]
    code = f"""if True:
        import pickle, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(edgeimg.__file__).parents[1])!r})
        from edgeimg.cache import Cache
        from edgeimg.prepare.golden import make_goldens
        make_goldens(pickle.loads({pickle.dumps(plan)!r}), Cache(Path({str(cache.root)!r})))
        print([name for name in ("numpy", "PIL", "ai_edge_litert") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_spoilt_cache_entry_is_computed_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    first = make_goldens(plan_of("digits", modes=("reference",)), cache)
    (entry,) = (tmp_path / "goldens").iterdir()
    stored = json.loads(entry.read_text())
    stored["outputs"][0] = stored["outputs"][1]
    entry.write_text(json.dumps(stored))
    assert make_goldens(plan_of("digits", modes=("reference",)), cache) == first


def test_another_version_than_the_guests(cache: Cache) -> None:
    with pytest.raises(UserError) as error:
        make_goldens(plan_of("digits", version="1.4.0"), cache)
    assert "the guest runs ai-edge-litert 1.4.0 and this machine has" in error.value.message
    assert error.value.hint == "Install it: pip install 'ai-edge-litert==1.4.0'."


def test_a_distributions_runtime_may_have_another_version(cache: Cache) -> None:
    plan = plan_of("digits", version="0.1")
    plan.runtime.wheel = None  # type: ignore[misc]
    golden = make_goldens(plan, cache)[0]
    assert golden.guest_version == "0.1"
    assert golden.version == find_host("litert", wanted=None).version


def test_unknown_and_missing_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no host interpreter 'nothing'"):
        find_host("nothing", wanted=None)
    monkeypatch.setattr("edgeimg.prepare.hosts.litert.PACKAGE", "not-installed")
    with pytest.raises(UserError, match="pip install 'not-installed==1'"):
        find_host("litert", wanted="1")


def test_a_mode_that_the_host_lacks(cache: Cache) -> None:
    with pytest.raises(UserError, match="onnxruntime has no reference kernels"):
        make_goldens(plan_of("digits-onnx", "onnxruntime", ("reference",)), cache)


def test_broken_samples_are_reported_together(cache: Cache, tmp_path: Path) -> None:
    plan = plan_of("digits", modes=("reference",))
    model = plan.models[0]
    bad = tmp_path / "bad.pgm"
    bad.write_bytes(b"P5 8 8 255\n")
    digest = hashlib.sha256(bad.read_bytes()).hexdigest()
    samples = [replace(s, path=bad, sha256=digest) for s in model.samples[:2]]
    samples.append(replace(model.samples[2], sha256="0" * 64))
    plan.models = (replace(model, samples=tuple(samples)),)  # type: ignore[misc]
    with pytest.raises(UserErrors) as error:
        make_goldens(plan, cache)
    messages = [each.message for each in error.value.errors]
    assert messages[:2] == ["broken sample: PNM: truncated"] * 2
    assert messages[2] == "the sample was changed meanwhile"


def _with_model(plan: Plan, path: Path) -> Plan:
    model = plan.models[0]
    info = replace(model.info, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    plan.models = (replace(model, path=path, info=info),)  # type: ignore[misc]
    return plan


def test_a_model_that_the_interpreter_refuses(cache: Cache, tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(b"TFL3" * 100)
    with pytest.raises(UserError, match=r"ai-edge-litert .* does not run the model"):
        make_goldens(_with_model(plan_of("digits"), path), cache)


def test_a_model_that_was_changed(cache: Cache, tmp_path: Path) -> None:
    plan = plan_of("digits")
    path = tmp_path / "other.tflite"
    path.write_bytes(plan.models[0].path.read_bytes() + b"\0")
    plan.models = (  # type: ignore[misc]
        replace(plan.models[0], path=path, info=replace(plan.models[0].info, sha256="1" * 64)),
    )
    with pytest.raises(UserError, match="the file was changed since it was read"):
        make_goldens(plan, cache)


def test_a_crash_is_one_clear_error(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ai_edge_litert").mkdir()
    crash = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    (tmp_path / "ai_edge_litert/__init__.py").write_text(crash)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    plan = plan_of("digits", modes=("reference",))
    plan.models = (replace(plan.models[0], samples=plan.models[0].samples[:1]),)  # type: ignore[misc]
    with pytest.raises(InternalError, match=r"did not survive the model: .*SIGSEGV"):
        make_goldens(plan, cache)


@pytest.mark.parametrize(
    ("data", "kind", "values", "top"),
    [
        (b"\x01\xff\x02", "int8", [1, -1, 2], 2),
        (b"\x05\x05", "uint8", [5, 5], 0),
        (b"\x00\x3c\x00\x40", "float16", [1.0, 2.0], 1),
        (b"", "int64", [], None),
    ],
)
def test_values(data: bytes, kind: str, values: list[Any], top: int | None) -> None:
    assert list(read_values(data, kind)) == values
    assert top_index(read_values(data, kind)) == top


def test_a_nan_is_never_the_largest() -> None:
    assert top_index([float("nan"), 1.0, float("nan"), 2.0]) == 3
    assert top_index([float("nan")]) is None
