"""Compiling for an accelerator: Vela's recorded answers, and a compiler that misbehaves."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeimg.errors import UserError
from edgeimg.model.look import look_at
from edgeimg.prepare import compile as compiling
from edgeimg.prepare import compilers
from edgeimg.prepare.compilers import Job
from edgeimg.resources import data_root

Edgeimg = Callable[..., Any]
RECORDED = Path(__file__).parent / "recorded"
DIGITS = data_root() / "models" / "digits"
SOURCES = {
    "digits-int8": DIGITS / "digits_int8.tflite",
    "digits-float": DIGITS / "digits_float.tflite",
    "mixed": RECORDED / "mixed.tflite",
}

# Stands for the Python of the compiler's environment: it gets what `Job.run` gives.
FAKE = """\
#!{python}
import os, shutil, signal, sys, time
from pathlib import Path
said, word = Path({recorded!r}), os.environ["FAKE_VELA"]
with open(os.environ["FAKE_VELA_LOG"], "a") as log:
    log.write(" ".join(sys.argv[6:]) + "\\n")
folder = Path(sys.argv[sys.argv.index("--output-dir") + 1])
if word == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
if word == "hang":
    time.sleep(60)
if word == "refuse":
    sys.exit("Error: Invalid tflite file.")
if word == "nothing":
    sys.exit(0)
for file in (said / word).iterdir():
    shutil.copyfile(file, folder / file.name)
print((said / word / "stdout").read_text(), end="")
"""


@pytest.fixture
def vela(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A Vela that answers with a recording, or misbehaves; calls are logged."""
    fake = tmp_path / "python"
    fake.write_text(FAKE.format(python=sys.executable, recorded=str(RECORDED)))
    fake.chmod(0o755)
    monkeypatch.setattr(compiling, "tool_python", lambda *_, **__: fake)
    monkeypatch.setenv("FAKE_VELA_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("EDGEIMG_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return lambda word: monkeypatch.setenv("FAKE_VELA", word)


def test_the_verb_writes_file_report_and_page_and_runs_once(
    edgeimg: Edgeimg, vela: Callable[[str], None], tmp_path: Path
) -> None:
    vela("vela-3.12.0-digits-int8")
    command = ["model", "compile", "--board", "imx93-evk", "--html", "page.html"]
    told = edgeimg(*command)
    assert told.status == 0, told.stderr
    assert "100% of MACs on ethos-u65; 5 operators there, 0 on the CPU" in told.stdout
    assert "compiled: {ethos-u65: digits-ethos-u65.tflite}" in told.stdout
    assert "no image can use ethos-u65 yet: " in told.stderr
    made = tmp_path / "build/compiled/digits-ethos-u65.tflite"
    assert look_at(made, "tflite").targets == ("ethos-u65-256",)
    report = json.loads((made.parent / "placement.json").read_text())
    assert report["models"][0]["placement"]["share"] == 100
    assert "All 5 operators run on ethos-u65." in (tmp_path / "page.html").read_text()
    log = (tmp_path / "log").read_text()
    for option in (
        "--accelerator-config=ethos-u65-256",
        "--system-config=Ethos_U65_High_End",
        "--memory-mode=Dedicated_Sram",
        "--arena-cache-size 393216",
    ):
        assert option in log
    again = json.loads(edgeimg(*command, "--output", "json").stdout)
    assert again["models"][0]["cached"] is True
    assert (tmp_path / "log").read_text() == log
    cleared = json.loads(edgeimg("cache", "--clear", "compiled", "--output", "json").stdout)
    assert cleared["removed"] > 0
    assert "compiled" not in [one["name"] for one in cleared["usage"]]
    assert edgeimg("cache", "--clear", "compiled").status == 2


# One that an image can have, as a vendor's own catalogue would say it.
SUPPORTED = """\
version: 1
name: testnpu
summary: The same unit, with a delegate
homepage: https://example.org
source: this test
checked: now
needs: ethos-u65
runtimes: [tflite]
precompiled: {format: tflite, targets: [ethos-u65-256]}
memory_kib: 384
delegate: {library: /usr/lib/libtestnpu.so}
buildroot: {config: {BR2_PACKAGE_TESTNPU: y}}
releases:
  - version: "1.0"
    source: this test
    checked: now
    compiler:
      module: vela
      requirements: ["ethos-u-vela==3.12.0", "numpy<2"]
      options: [--accelerator-config=ethos-u65-256]
"""


def test_the_image_has_the_compiled_model_beside_the_model(
    edgeimg: Edgeimg,
    vela: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    entry = tmp_path / "mine/catalog/accelerators/testnpu.yaml"
    entry.parent.mkdir(parents=True)
    entry.write_text(SUPPORTED)
    monkeypatch.setenv("EDGEIMG_PATH", str(tmp_path / "mine"))
    vela("vela-3.12.0-digits-int8")
    words = ("generate", "--board", "imx93-evk", "--builder", "buildroot")
    words += ("--set", "accelerator=testnpu")
    made = edgeimg(*words)
    assert made.status == 0, made.stderr
    (root,) = tmp_path.glob("build/*/external/package/edge-model/root")
    folder = root / "usr/share/edge-infer/digits"
    assert look_at(folder / "model-testnpu.tflite", "tflite").targets == ("ethos-u65-256",)
    assert (folder / "model.tflite").read_bytes() == SOURCES["digits-int8"].read_bytes()
    config = json.loads((root / "etc/edge-infer/digits.json").read_text())
    assert config["model"] == "/usr/share/edge-infer/digits/model.tflite"
    assert config["delegate"] == {
        "library": "/usr/lib/libtestnpu.so",
        "options": {},
        "model": "/usr/share/edge-infer/digits/model-testnpu.tflite",
    }
    vela("vela-3.12.0-digits-float")
    refused = edgeimg(*words, "--model", "digits-float")
    assert refused.status == 2
    assert "digits-float: 0% of its MACs run on testnpu, and 100% are asked for" in refused.stderr
    assert not list(tmp_path.glob("build/digits-float*"))


def test_a_float_model_fails_and_says_why(
    edgeimg: Edgeimg, vela: Callable[[str], None], tmp_path: Path
) -> None:
    vela("vela-3.12.0-digits-float")
    told = edgeimg("model", "compile", "--board", "imx93-evk", "--model", "digits-float")
    assert told.status == 2
    assert (
        "digits-float: 0% of its MACs run on ethos-u65, and 100% are asked for; on the CPU: "
        "all 5 operators. They compute in float" in told.stderr
    )
    assert not list(tmp_path.glob("build/compiled/*.tflite"))


def test_less_may_be_asked_for_and_no_fallback_is_more(
    edgeimg: Edgeimg, vela: Callable[[str], None], tmp_path: Path
) -> None:
    shutil.copy(SOURCES["mixed"], tmp_path / "mixed.tflite")
    (tmp_path / "s.bin").write_bytes(bytes(256))
    (tmp_path / "mixed.yaml").write_text(
        "version: 1\nname: mixed\nsummary: x\nlicense: MIT\nfile: mixed.tflite\n"
        "samples: [{file: s.bin}]\n"
    )
    vela("vela-3.12.0-mixed")
    command = ["model", "compile", "--board", "imx93-evk", "--model", "./mixed.yaml"]
    assert edgeimg(*command).status == 0
    told = edgeimg(*command, "--fail-on-cpu-fallback")
    assert told.status == 2
    assert "no operator may stay on the CPU; on the CPU: REVERSE_V2 'turned'" in told.stderr
    vela("vela-3.12.0-digits-float")  # other models are not asked again
    accepted = edgeimg(
        "model", "compile", "--board", "imx93-evk", "--model", "digits-float",
        "--set", "accelerator={name: ethos-u65, min_placement: 0}",
    )  # fmt: skip
    assert accepted.status == 0


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("crash", "Vela crashed (signal 11)"),
        ("hang", "Vela took more than 0 minutes and was ended"),
        ("refuse", "Vela does not compile it: Error: Invalid tflite file."),
        ("nothing", "Vela ended well and wrote no compiled model"),
    ],
)
def test_a_compiler_that_misbehaves_is_one_line(
    word: str,
    says: str,
    edgeimg: Edgeimg,
    vela: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    vela(word)
    monkeypatch.setattr(compilers, "WALL_SECONDS", 1.0 if word == "hang" else 60.0)
    told = edgeimg("model", "compile", "--board", "imx93-evk")
    assert told.status == 2
    errors = [line for line in told.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and says in errors[0] and "digits_int8.tflite" in errors[0]
    assert not (tmp_path / "build").exists()


def test_limits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real launcher, with a module of the standard library for a compiler."""
    job = Job(
        python=Path(sys.executable), model=Path("m"), folder=tmp_path, options=(), memory_kib=None
    )
    with pytest.raises(UserError, match="It does not compile it: MemoryError"):
        job.run("It", "timeit", ["-n1", "-r1", "bytearray(1 << 40)"])
    with pytest.raises(UserError, match=r"It crashed \(signal 6\)"):
        job.run("It", "timeit", ["-n1", "-r1", "import os; os.abort()"])
    monkeypatch.setattr(compilers, "CPU_SECONDS", 1)
    with pytest.raises(UserError, match="It crashed"):
        job.run("It", "timeit", ["-n1", "-r1", "while True: pass"])


def test_more_fast_memory_than_there_is_is_refused(
    edgeimg: Edgeimg,
    vela: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    entry = data_root() / "catalog/accelerators/ethos-u65.yaml"
    mine = tmp_path / "mine/catalog/accelerators/ethos-u65.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text(entry.read_text().replace("memory_kib: 384", "memory_kib: 4"))
    monkeypatch.setenv("EDGEIMG_PATH", str(tmp_path / "mine"))
    vela("vela-3.12.0-digits-int8")
    told = edgeimg("model", "compile", "--board", "imx93-evk")
    assert told.status == 2
    assert "digits: it uses 6 KiB of fast memory, and ethos-u65 has 4 KiB" in told.stderr
    assert "--arena-cache-size 4096" in (tmp_path / "log").read_text()


def test_a_compiler_that_cannot_be_had_is_one_line(
    edgeimg: Edgeimg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The real pip, without an index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("EDGEIMG_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platform, "python_version", lambda: "3.11.7")  # any that it knows
    told = edgeimg("model", "compile", "--board", "imx93-evk")
    assert told.status == 2
    assert "Vela cannot be installed (ethos-u-vela==3.12.0 numpy<2): ERROR: No mat" in told.stderr


def test_a_release_that_is_not_there_is_refused(edgeimg: Edgeimg) -> None:
    told = edgeimg(
        "model", "compile", "--board", "imx93-evk",
        "--set", "accelerator={name: ethos-u65, release: '9.9'}",
    )  # fmt: skip
    assert told.status == 2
    assert "accelerator ethos-u65 has no release 9.9. Releases of the catalogue: 2" in told.stderr


def test_the_model_must_be_of_a_format_that_it_reads(
    edgeimg: Edgeimg, vela: Callable[[str], None]
) -> None:
    vela("nothing")
    pytest.importorskip("onnx")
    told = edgeimg("model", "compile", "--board", "imx93-evk", "--model", "digits-onnx")
    assert told.status == 2
    assert "Vela compiles tflite, and this is onnx" in told.stderr


def test_a_compiled_model_is_not_compiled_again(
    edgeimg: Edgeimg, vela: Callable[[str], None], tmp_path: Path
) -> None:
    vela("nothing")
    shutil.copy(RECORDED / "vela-3.12.0-digits-int8/model_vela.tflite", tmp_path / "m.tflite")
    (tmp_path / "s.bin").write_bytes(bytes(64))
    (tmp_path / "m.yaml").write_text(
        "version: 1\nname: m\nsummary: x\nlicense: MIT\nfile: m.tflite\nsamples: [{file: s.bin}]\n"
    )
    told = edgeimg("model", "compile", "--board", "imx93-evk", "--model", "./m.yaml")
    assert told.status == 2
    assert "it is compiled for ethos-u65-256 already" in told.stderr


def test_a_board_without_such_an_accelerator_is_refused(edgeimg: Edgeimg) -> None:
    told = edgeimg("model", "compile", "--board", "qemu-arm64")
    assert told.status == 2
    assert "qemu-arm64 offers no accelerator that models are compiled for here" in told.stderr
    told = edgeimg("model", "compile", "--board", "qemu-arm64", "--accelerator", "ethos-u65")
    assert "accelerator ethos-u65 needs ethos-u65, and qemu-arm64 offers nothing" in told.stderr
    told = edgeimg("model", "compile", "--board", "raspberrypi5", "--accelerator", "hailo8l")
    assert "no compiler for hailo8l runs here" in told.stderr


def test_a_python_that_the_compiler_does_not_know(
    edgeimg: Edgeimg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platform, "python_version", lambda: "3.13.5")
    told = edgeimg("model", "compile", "--board", "imx93-evk", "--model", "digits")
    assert told.status == 2
    assert "Vela installs on Python <3.13, and this is 3.13.5. Install edgeimg with" in told.stderr


@pytest.mark.network
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="its numpy has no wheel for 3.13")
def test_vela_from_the_index_places_int8_and_not_float(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["model", "compile", "--board", "imx93-evk", "--output", "json"]
    told = edgeimg(*command, "--fail-on-cpu-fallback")
    assert told.status == 0, told.stderr
    found = json.loads(told.stdout)["models"][0]
    assert found["placement"]["share"] == 100
    assert found["targets"] == ["ethos-u65-256"]
    recorded = (RECORDED / "vela-3.12.0-digits-int8/model_vela.tflite").read_bytes()
    assert Path(found["file"]).read_bytes() == recorded
    told = edgeimg(*command, "--model", "digits-float")
    assert told.status == 2
    assert "They compute in float" in told.stderr
