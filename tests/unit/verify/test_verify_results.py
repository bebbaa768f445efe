"""The guest's stream: whatever comes, it is either read right or named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.verify.kit import ANSWERS, SHARE, Stream, sums, tar

from edgeimg.guest.errors import CorruptedError, GuestError, TruncatedError
from edgeimg.guest.results import read_results


def test_a_whole_stream() -> None:
    results = read_results(Stream(stderr=b"\xffwarning\n").data())
    assert results.inputs[f"{SHARE}/samples/b with space.pgm"]
    run = results.runs["toy", "default"]
    assert run.status == 0
    assert run.stderr == "\ufffdwarning\n"
    assert run.lines == ('{"frame":"a.pgm"}',)
    assert run.raw["b with space.pgm", 0] == ANSWERS["b with space.pgm"]


def test_long_names_survive() -> None:
    stream = Stream()
    name = "x" * 150 + ".pgm"
    stream.raw["default", name] = b"123"
    assert read_results(stream.data()).runs["toy", "default"].raw[name, 0] == b"123"


def test_nothing_at_all() -> None:
    with pytest.raises(TruncatedError, match="the guest sent no results"):
        read_results(b"")


def test_every_cut_is_truncated() -> None:
    data = Stream().data()
    whole = data.index(b"END\0") + 512 + 2  # END's content
    for length in range(1, whole, 97):
        with pytest.raises(TruncatedError, match=r"cut short: \d+ entries"):
            read_results(data[:length])
    read_results(data[: whole + 512])


def test_padding_after_the_end_is_ignored() -> None:
    read_results(Stream().data() + b"\0" * 10_000)


def test_a_changed_result_is_corrupted() -> None:
    data = bytearray(Stream().data())
    place = data.rindex(ANSWERS["a.pgm"])
    data[place] ^= 1
    with pytest.raises(CorruptedError, match=r"raw/a\.pgm\.0\.bin was changed on its way"):
        read_results(bytes(data))


def test_a_changed_header_is_corrupted() -> None:
    data = bytearray(Stream().data())
    data[data.index(b"toy/default/stderr")] ^= 1
    with pytest.raises(CorruptedError, match=r"damaged at byte \d+"):
        read_results(bytes(data))


def test_a_guest_that_could_not_collect() -> None:
    with pytest.raises(CorruptedError, match="END is not 0"):
        read_results(Stream(end=b"1\n").data())


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../b", "a//b", "a\nb", "."])
def test_names_that_leave_the_stream(name: str) -> None:
    with pytest.raises(CorruptedError, match="a file with the name"):
        read_results(tar({name: b"", "END": b"0\n"}))


def test_foreign_files_and_missing_checksums() -> None:
    entries = Stream().entries()
    entries = {"toy/default/core": b"", **entries}
    with pytest.raises(CorruptedError, match="no checksum of toy/default/core"):
        read_results(tar(entries))
    del entries["END"], entries["SHA256SUMS"]
    entries |= {"SHA256SUMS": sums(entries), "END": b"0\n"}
    with pytest.raises(CorruptedError, match="toy/default/core, which is not a result"):
        read_results(tar(entries))


def test_an_entry_that_has_only_a_checksum() -> None:
    entries = Stream().entries()
    del entries["toy/default/stderr"]
    with pytest.raises(CorruptedError, match="lack toy/default/stderr, which has a checksum"):
        read_results(tar(entries))


def test_an_entry_that_claims_to_be_huge() -> None:
    data = bytearray(tar({"INPUTS.sha256": b"x"}))
    data[124:136] = b"77777777777\0"
    data[148:156] = b"        "
    data[148:156] = f"{sum(data[:512]):06o}\0 ".encode()
    with pytest.raises(CorruptedError, match="too large"):
        read_results(bytes(data))


def test_not_a_tar_at_all() -> None:
    with pytest.raises(CorruptedError, match="damaged at byte 0"):
        read_results(b"Segmentation fault" * 100)


@settings(max_examples=300)
@given(st.data())
def test_any_damage_is_named_or_harmless(data: st.DataObject) -> None:
    """A flipped bit never changes an answer without notice."""
    good = bytearray(Stream().data())
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(good)))
    try:
        results = read_results(bytes(good[:cut]))
    except GuestError as error:
        assert error.message
        return
    assert results == read_results(Stream().data())
