"""Packed texts: small, the same again, and readable for ever."""

import zlib
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.packing import UnreadableError, pack, unpack
from chalicelib.adapters.packing_words import WORDS_1

LINES = st.text().filter(lambda text: "\n" not in text)

#: What was packed on the day the first words were chosen.
FIRST_FORM = b64decode("AQqYF7VDrdAMDQxx1WlAKZR6yjkjMbOoWKkWAA==")


@given(st.lists(LINES, min_size=1, max_size=3), LINES)
def test_what_was_packed_is_unpacked_the_same(texts: list[str], known: str) -> None:
    assert unpack(pack(*texts, known=known), known=known) == texts


def test_what_is_known_beforehand_takes_next_to_nothing() -> None:
    summary = '{"purpose":"Größere Büros für das Prüfungsteam im dritten Stock"}'

    assert len(pack(summary, known=summary)) < 10 < len(pack(summary)) - 40


def test_what_was_packed_with_the_first_words_stays_readable() -> None:
    assert zlib.crc32(WORDS_1) == 1978945085
    assert unpack(FIRST_FORM) == [
        '{"id":20260000101,"requestCode":"BR-2026-101","purpose":"Chairs"}'
    ]


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"\x01",
        b"\x00" * 9,
        b"\xff" + pack("a")[1:],
        b"\x01" * 9,
        pack("abc")[:-3],
    ],
)
def test_what_is_in_no_known_form_is_told_from_a_text(odd: bytes) -> None:
    with pytest.raises(UnreadableError):
        unpack(odd)


def test_what_was_packed_beside_something_else_is_not_taken_for_a_text() -> None:
    packed = pack('{"purpose":"Something long enough to be referred to"}', known="Something long")

    with pytest.raises(UnreadableError):
        unpack(packed)
