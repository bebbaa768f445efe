"""What a user of the command line relies on, beside the errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PRODUCT = "version: 1\nname: demo\nboard: qemu-arm64\nmodels: [digits]\n"

Edgeimg = Callable[..., Any]


def test_check_without_a_product_says_what_it_assumes(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = edgeimg("check", "--board", "qemu-arm64")
    assert answer.status == 0
    assert answer.stderr.startswith("No edgeimg.yaml here")
    assert "'digits'" in answer.stderr.splitlines()[0]
    assert list(tmp_path.iterdir()) == []


def test_json_is_one_object_and_nothing_else(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    for command in ("check", "plan"):
        for builder in ("debian", "buildroot", "yocto"):
            answer = edgeimg(command, "--builder", builder, "--output", "json")
            assert json.loads(answer.stdout)
            assert answer.stderr == ""


def test_a_product_is_found_above(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    (tmp_path / "src/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "src/deep")
    assert "demo: digits on qemu-arm64" in edgeimg("check").stdout


def test_options_win_over_the_file(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    words = ("--board", "qemu-x86-64", "--model", "digits-onnx", "--set", "threads=2")
    plan = json.loads(edgeimg("plan", *words, "--output", "json").stdout)
    assert plan["board"] == "qemu-x86-64"
    assert plan["runtime"].startswith("onnxruntime")
    assert plan["threads"] == 2


def test_what_init_writes_passes_check(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert edgeimg("init", "--non-interactive", "--name", "door").status == 0
    assert edgeimg("check").status == 0
    again = edgeimg("init", "--non-interactive")
    assert again.status == 2
    assert "It was not touched" in again.stderr


@pytest.mark.parametrize("name", ["12", "yes", "null", "1e5", "a-b", "on"])
def test_a_name_that_yaml_reads_otherwise_is_quoted(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert edgeimg("init", "--non-interactive", "--name", name).status == 0
    assert f"ok: {name}: " in edgeimg("check").stdout


def test_init_writes_paths_from_the_folder_that_it_writes_to(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from edgeimg.resources import data

    monkeypatch.chdir(tmp_path)
    shutil.copytree(data("models") / "digits", "mine")
    words = ("--model", "mine/digits.yaml", "--non-interactive")
    assert edgeimg("init", "door", *words).status == 0
    assert 'models: ["../mine/digits.yaml"]' in Path("door/edgeimg.yaml").read_text()
    assert edgeimg("check", "-f", "door/edgeimg.yaml").status == 0


def test_init_writes_any_letter_of_a_path(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from edgeimg.resources import data

    monkeypatch.chdir(tmp_path)
    shutil.copytree(data("models") / "digits", "größe \N{GRINNING FACE}")
    model = "größe \N{GRINNING FACE}/digits.yaml"
    assert edgeimg("init", "--model", model, "--non-interactive").status == 0
    assert edgeimg("check").status == 0


@pytest.mark.parametrize(("board", "step"), [("qemu-arm", "verify"), ("rock-5b", "build")])
def test_init_names_a_next_step_that_the_board_has(
    edgeimg: Edgeimg, tmp_path: Path, board: str, step: str
) -> None:
    answer = edgeimg("init", tmp_path, "--board", board, "--non-interactive")
    assert answer.stdout.endswith(f"then `edgeimg {step}`.\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--name", "My Door"), "--name: 'My Door' is not a name"),
        (("--board", "qemu-arm46"), "--board: no board 'qemu-arm46'. Perhaps you meant"),
        (("--model", "digit"), "--model: no model 'digit'. Perhaps you meant 'digits'?"),
        (("--model", "no.yaml"), "--model: model no.yaml does not exist"),
        (
            ("--model", "../m.onnx"),
            "--model: ../m.onnx is a file; a model is named by its manifest",
        ),
        (("--model", "../m\udcff.yaml"), "--model: the path is not UTF-8"),
    ],
)
def test_init_refuses_before_it_writes(
    edgeimg: Edgeimg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: str,
) -> None:
    for name in ("m.onnx", "m\udcff.yaml"):
        (tmp_path / name).touch()
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    answer = edgeimg("init", "--non-interactive", *words)
    assert answer.status == 2
    assert expected in answer.stderr
    assert list(folder.iterdir()) == []


def test_init_asks_again_and_is_interrupted(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer

    folder = tmp_path / "My Door_2"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    answers = ["qemu-arm46", "qemu-arm64", "digits"]
    defaults = []

    def prompt(text: str, default: str) -> str:
        defaults.append(default)
        if answers:
            return answers.pop(0)
        raise typer.Abort

    monkeypatch.setattr(typer, "prompt", prompt)
    answer = edgeimg("init")
    assert answer.status == 130
    assert "Perhaps you meant 'qemu-arm64'?" in answer.stderr
    assert defaults[-1] == "my-door-2"
    assert answer.stderr.endswith("error: interrupted. Nothing was written.\n")
    assert list(folder.iterdir()) == []


def test_two_products_in_one_folder_have_two_locks(tmp_path: Path) -> None:
    from edgeimg.manifest.select import select

    for name in ("edgeimg.yaml", "other.yaml"):
        (tmp_path / name).write_text(PRODUCT)
    assert select(file=tmp_path / "edgeimg.yaml").locks == (tmp_path / "edgeimg.lock",)
    assert select(file=tmp_path / "other.yaml").locks == (tmp_path / "other.lock",)


def test_everything_that_is_hidden_is_shown(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from edgeimg.resources import data

    monkeypatch.chdir(tmp_path)
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ000000000000000000000000000000000000000000 me"
    (tmp_path / "edgeimg.yaml").write_text(
        f"{PRODUCT}features: {{ssh: {{authorized_keys: {key}}}}}\n"
    )
    ours = tmp_path / "ours/catalog"
    (ours / "features").mkdir(parents=True)
    for name in ("debian.yaml", "features/network.yaml"):
        shutil.copy(data("catalog") / name, ours / name)
    monkeypatch.setenv("EDGEIMG_PATH", str(tmp_path / "ours"))
    said = edgeimg("plan").stdout
    assert f"feature network: {ours}/features/network.yaml hides" in said
    assert f"file catalog/debian.yaml: {ours}/debian.yaml hides" in said


def test_a_catalogue_of_ones_own_wins_and_plan_says_so(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeimg.resources import data

    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    text = (data("boards") / "qemu-arm64.yaml").read_text()
    (tmp_path / "ours/boards").mkdir(parents=True)
    own = tmp_path / "ours/boards/qemu-arm64.yaml"
    own.write_text(text.replace("console: ttyAMA0", "console: ttyX7"))
    monkeypatch.setenv("EDGEIMG_PATH", str(tmp_path / "ours"))
    answer = edgeimg("plan")
    assert "console=ttyX7" in answer.stdout
    assert f"board qemu-arm64: {own} hides" in answer.stdout


def test_a_mirror_of_the_environment_must_be_an_address(
    edgeimg: Edgeimg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEIMG_MIRROR", "debian please")
    answer = edgeimg("lock", "--board", "qemu-arm64")
    assert answer.status == 2
    assert "EDGEIMG_MIRROR: 'debian please' is not an address" in answer.stderr


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m edgeimg schema product | head -n 1"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "{\n"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["product", "board", "model"])
def test_the_schema_is_json_schema(kind: str, edgeimg: Edgeimg) -> None:
    schema = json.loads(edgeimg("schema", kind).stdout)
    assert schema["additionalProperties"] is False
    assert "version" in schema["properties"]


def test_a_wrong_option_is_an_error_like_any_other(edgeimg: Edgeimg) -> None:
    answer = edgeimg("check", "--bogus", "--output", "json")
    assert answer.status == 2
    assert json.loads(answer.stdout)["errors"][0]["message"] == "No such option: --bogus"
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("ending", ["TERM", "HUP", "INT"])
def test_a_signal_ends_it_with_130(ending: str, tmp_path: Path) -> None:
    # An address that never answers: a CI job whose time is up ends us like this.
    words = [sys.executable, "-m", "edgeimg", "lock", "--board", "qemu-arm64"]
    words += ["--output", "json"]
    mirror = {"EDGEIMG_MIRROR": "http://192.0.2.1/"}
    with subprocess.Popen(
        # Here it may be ignored, as under nohup.
        ["env", f"--default-signal={ending}", *words],
        cwd=tmp_path,
        env={**os.environ, **mirror},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # by then it has begun
        process.send_signal(signal.Signals[f"SIG{ending}"])
        answer, said = process.communicate()
    assert process.returncode == 130
    assert json.loads(answer)["errors"][0]["message"] == "interrupted"
    assert "interrupted; the next run goes on from here" in said
    assert "Traceback" not in said


def test_under_nohup_it_outlives_its_terminal(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "edgeimg", "lock", "--board", "qemu-arm64"]
    with subprocess.Popen(
        ["env", "--ignore-signal=HUP", "--default-signal=TERM", *words],
        cwd=tmp_path,
        env={**os.environ, "EDGEIMG_MIRROR": "http://192.0.2.1/"},
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # by then it has begun
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.terminate()


def test_an_impatient_user_gets_no_traceback(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "edgeimg", "lock", "--board", "qemu-arm64"]
    mirror = {"EDGEIMG_MIRROR": "http://192.0.2.1/"}
    with subprocess.Popen(
        words, cwd=tmp_path, env={**os.environ, **mirror}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)  # SIGINT is the same, but may be ignored here
            time.sleep(0.0002)
        said += process.stderr.read()
    assert process.returncode == 130
    assert said.count("interrupted; the next run goes on from here") == 1
    assert "Traceback" not in said


def test_a_full_disk_under_the_answer_is_one_line(tmp_path: Path) -> None:
    command = f"{sys.executable} -m edgeimg schema board >/dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: the output: no space left on device. Make room, and run it again."
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("build", "--dry-run"), "the builder debian has no dry run"),
        (("shell",), "the builder debian has no shell"),
        (("menuconfig",), "the builder debian has no menu"),
        (("build", "--container"), "the builder debian runs in no container"),
        (("verify", "--builder", "yocto", "--boot", "disk"), "without a boot chain"),
    ],
)
def test_what_a_builder_does_not_do_is_said_first(
    edgeimg: Edgeimg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgeimg.yaml").write_text(PRODUCT)
    answer = edgeimg(*words)
    assert answer.status == 2
    assert message in answer.stderr
    assert sorted(tmp_path.iterdir()) == [tmp_path / "edgeimg.yaml"]
