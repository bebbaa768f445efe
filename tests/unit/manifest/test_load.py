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
        "edgeimg.yaml:1:1: board: is missing. It is required. "
        "Name of a board, or path of its YAML.",
        "edgeimg.yaml:2:7: name: 'A b' is not a name. "
        "Lower-case letters, digits and hyphens, beginning with a letter or digit.",
        "edgeimg.yaml:3:1: bord: not a key. Perhaps you meant 'board'?",
        "edgeimg.yaml:4:9: models: give at least one",
        "edgeimg.yaml:5:10: threads: a whole number is wanted",
        "edgeimg.yaml:6:1: 'threads' is here twice. Keep one of them.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "edgeimg.yaml: is empty. A manifest is a YAML mapping."),
        ("- a\n", "edgeimg.yaml: is not a mapping. Write `key: value` lines."),
        ("\tname: a\n", "edgeimg.yaml:1:1: a tab in the indentation. YAML wants spaces."),
        (
            "a: b: c\t# d\n",
            "edgeimg.yaml:1:5: not YAML: mapping values are not allowed in this context",
        ),
        ("a: &x [*x]\n", "edgeimg.yaml:1:4: an alias that contains itself. Write the values out."),
        (b"\xff\xfe\x00", "edgeimg.yaml: is not UTF-8 text. Is it a manifest?"),
        (b"ELF\x00", "edgeimg.yaml: is a binary file. Is it a manifest?"),
        (b"a: [\n", "edgeimg.yaml:2:1: not YAML: did not find expected node content"),
    ],
)
def test_what_is_no_manifest(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert expected in _error(tmp_path, text).splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("models: ./x", "models: a list is wanted. Write [./x]."),
        ("models: [1]", "models.0: text is wanted. Put it in quotes."),
        ("features: [ssh]", "features: a mapping is wanted. Write {ssh: {...}}."),
        ("features: {ssh: {k: [{a: 1}]}}", "features.ssh.k.0: text is wanted"),
        (
            "features: {ssh: {k: {a: 1}}}",
            "features.ssh.k: text, a whole number, true or false or a list is wanted",
        ),
        (
            "features: {A b: {}}",
            "features.A b: 'A b' is not a name. "
            "Lower-case letters, digits and hyphens, beginning with a letter or digit.",
        ),
        (
            "features: {ssh: }",
            "features.ssh: a mapping is wanted. Write {}, or leave the key out.",
        ),
        ("runtime_version: 9.9", "runtime_version: text is wanted. Put it in quotes."),
        ("threads: 65", "threads: must be at most 64"),
        ("threads: '2'", "threads: a whole number is wanted. Write it without quotes."),
        ("budgets: {image_mib: 0}", "budgets.image_mib: must be more than 0"),
        ("budgets: {image_mib: .inf}", "budgets.image_mib: a finite number is wanted"),
        ("budgets: {image_mib: .nan}", "budgets.image_mib: a finite number is wanted"),
        ("budgets: {image_mib: 1e999}", "budgets.image_mib: a finite number is wanted"),
        ("summary: !x y", "the tag '!x' is not read. Write plain values."),
        (
            'board: "x\\ny"',
            "board: control characters are not allowed; write one line of text",
        ),
        (
            'runtime: "litert\\n"',
            "runtime: 'litert' is not a name. "
            "Lower-case letters, digits and hyphens, beginning with a letter or digit.",
        ),
        (
            "mirror: foo",
            "mirror: 'foo' is not right. Address (http, https or file) of a Debian mirror; "
            "default: the one of this machine's apt.",
        ),
        ("version: true", "version: 'True' is not a format that is read here; write 1"),
        ("version: 1.0", "version: '1.0' is not a format that is read here; write 1"),
    ],
)
def test_each_cause_is_one_line_in_plain_words(tmp_path: Path, line: str, expected: str) -> None:
    key = line.split(":")[0]
    kept = [one for one in GOOD.splitlines() if not one.startswith(f"{key}:")]
    said = _error(tmp_path, "\n".join([*kept, line, ""]))
    place, _, message = said.partition(": ")
    assert message == expected
    assert place.startswith(f"edgeimg.yaml:{len(kept) + 1}:")


MODEL = "version: 1\nname: m\nsummary: s\nlicense: MIT\nfile: m.tflite\nsamples: [{file: a.pgm}]\n"


@pytest.mark.parametrize(("text", "value"), [("1e-5", 1e-5), ("1e3", 1e3), ("2E4", 2e4)])
def test_a_number_with_an_exponent_is_a_number(tmp_path: Path, text: str, value: float) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{MODEL}tolerance: {{absolute: {text}}}\n")
    assert load(path, Model).tolerance.absolute == value
    path.write_text(f"{MODEL}tolerance: {{absolute: '{text}'}}\n")
    with pytest.raises(UserErrors, match=r"tolerance\.absolute: a number is wanted"):
        load(path, Model)


def test_one_number_needs_no_list(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{MODEL}inputs: [{{name: x, image: {{mean: 127.5, std: 128}}}}]\n")
    image = load(path, Model).inputs[0].image
    assert image is not None
    assert (image.means, image.stds) == ((127.5,) * 3, (128,) * 3)


def test_a_million_brackets_are_refused(tmp_path: Path) -> None:
    assert "nested too deeply" in _error(tmp_path, "a: " + "[" * 1_000_000)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{cmdline}", "{command}", "{command} is not filled in"),
        ("{initrd}", "x", "kernel does not hold {initrd}"),
        ("file={flash}", "file={kernel}", "{kernel} is not filled in; known are {flash}"),
        ("file={flash}", "file=x", "flash: boot.disk does not hold {flash}"),
        ("size_mib: 64", "size_mib: 0", "size_mib"),
        ("environment_kib: 256", "environment_kib: 1024000", "environment_kib"),
        (
            "environment_kib: 256\n    environment:",
            "environment_kib: 1\n    environment:\n"
            + "".join(f"      v{number}: {'x' * 400}\n" for number in range(3)),
            "does not fit into 1 KiB",
        ),
        ("bootdelay:", "boot=delay:", "'boot=delay' is not a name; it holds '='"),
        ("[squashfs,", "[fs/squashfs,", "'fs/squashfs' is not the name of a kernel module"),
        ("builders:", "default_builder: json\nbuilders:", "default_builder: no builder 'json'"),
    ],
)
def test_a_board_with_words_that_cannot_be(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    path = tmp_path / "board.yaml"
    text = (data_root() / "boards/qemu-arm64.yaml").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UserErrors) as raised:
        load(path, Board)
    assert expected in str(raised.value)


def test_what_is_to_be_filled_in_is_found_below_a_colon(tmp_path: Path) -> None:
    folder = tmp_path / "a:b"
    folder.mkdir()
    said = _error(folder, GOOD.replace("board: b", "# board:  # which?"))
    assert said.startswith("edgeimg.yaml:3: board: is to be filled in")


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
