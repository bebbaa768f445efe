"""Manifests: syntax, types, places, and what must not be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeimg.errors import UserError, UserErrors
from edgeimg.manifest.board import Board
from edgeimg.manifest.load import MAX_BYTES, load
from edgeimg.manifest.model import Model
from edgeimg.manifest.product import Product
from edgeimg.resources import data_root

GOOD = "version: 1\nname: a\nboard: b\nmodels: [c]\n"


def _error(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "edgeimg.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as raised:
        load(path, Product)
    return str(raised.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    "path", sorted((data_root() / "boards").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_shipped_board_loads_under_its_own_name(path: Path) -> None:
    assert load(path, Board).name == path.stem


@pytest.mark.parametrize(
    "path", sorted((data_root() / "models").glob("*/*.yaml")), ids=lambda p: p.stem
)
def test_every_shipped_model_loads_under_its_own_name(path: Path) -> None:
    assert load(path, Model).name == path.stem


def test_all_errors_come_at_once_each_at_its_place(tmp_path: Path) -> None:
    text = "version: 1\nname: A b\nbord: x\nmodels: []\nthreads: many\nthreads: 2\n"
    assert _error(tmp_path, text).splitlines() == [
        "edgeimg.yaml:1:1: board: is missing. It is required.",
        "edgeimg.yaml:2:7: name: 'A b' is not of the form ^[a-z0-9][a-z0-9-]*$",
        "edgeimg.yaml:3:1: bord: not a key. Perhaps you meant 'board'?",
        "edgeimg.yaml:4:9: models: tuple should have at least 1 item after validation, not 0",
        "edgeimg.yaml:5:10: threads: input should be a valid integer",
        "edgeimg.yaml:6:1: 'threads' is here twice. Keep one of them.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "edgeimg.yaml: is empty. A manifest is a YAML mapping."),
        ("- a\n", "edgeimg.yaml: is not a mapping. Write `key: value` lines."),
        ("\tname: a\n", "edgeimg.yaml:1:1: a tab in the indentation. YAML wants spaces."),
        ("a: &x [*x]\n", "edgeimg.yaml:1:4: an alias that contains itself. Write the values out."),
        (b"\xff\xfe\x00", "edgeimg.yaml: is not UTF-8 text. Is it a manifest?"),
        (b"ELF\x00", "edgeimg.yaml: is a binary file. Is it a manifest?"),
        (b"a: [\n", "edgeimg.yaml:2:1: not YAML: did not find expected node content"),
    ],
)
def test_what_is_no_manifest(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert expected in _error(tmp_path, text).splitlines()


def test_a_tag_builds_no_object(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    text = f"name: !!python/object/apply:os.system ['touch {ran}']\n"
    assert "the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not read" in _error(
        tmp_path, text
    )
    assert not ran.exists()


def test_a_hundred_megabytes_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "edgeimg.yaml"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(UserError, match=f"104,857,600 bytes. A manifest has at most {MAX_BYTES:,}"):
        load(path, Product)


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "nested too deeply or too many aliases" in _error(tmp_path, "\n".join(lines))


@pytest.mark.parametrize("bad", ["../up.pgm", "/etc/passwd", "a/../../b", "", "a\x07b"])
def test_a_model_manifest_reads_files_below_itself_only(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(
        "version: 1\nname: m\nsummary: s\nlicense: MIT\nfile: m.tflite\n"
        f"samples: [{{file: {bad!r}}}]\n".replace("'a\\x07b'", '"a\\x07b"')
    )
    with pytest.raises(UserErrors, match=r"samples\.0\.file"):
        load(path, Model)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_broken_manifests_are_user_errors_only(tmp_path: Path, data: st.DataObject) -> None:
    source = (data_root() / "boards/qemu-arm64.yaml").read_bytes()
    text = bytearray(source)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "delete"])):
            case "flip":
                text[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                text = text[: at + 1]
            case "insert":
                text[at:at] = data.draw(
                    st.sampled_from([b"\t", b": ", b"- ", b"&a ", b"*a", b"!x ", b"{", b"\0"])
                )
            case _:
                del text[at : at + data.draw(st.integers(1, 20))]
        if not text:
            break
    path = tmp_path / "board.yaml"
    path.write_bytes(bytes(text))
    try:
        load(path, Board)
    except UserError as error:
        assert str(path.name) in str(error)
