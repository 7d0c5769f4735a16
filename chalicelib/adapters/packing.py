"""Texts packed into a few hundred bytes: deflate that knows our own names beforehand.

A write costs a unit a started KB, twice that in a transaction, and a page of a list by the bytes
of its rows. Most of a request's JSON is the names of its fields, and most of what is told of a
change stands in the request as well.
"""

import struct
import zlib

from chalicelib.adapters.packing_words import WORDS_1

#: The words by the first byte of what was packed with them; the newest packs.
_WORDS = {1: WORDS_1}
_NEWEST = max(_WORDS)

_LEVEL = 6  # 9 takes longer, three times for 50 lines, and finds nothing more
_RAW = -zlib.MAX_WBITS  # our own header is half as long as zlib's
_MEMORY = zlib.DEF_MEM_LEVEL

#: What stands before what is packed: the number of its words, and the checksum of its text.
_HEADER = struct.Struct(">BL")

#: Between texts that are packed together: JSON on one line has none.
_SEPARATOR = "\n"


class UnreadableError(Exception):
    """What is stored was packed in no form that is known here."""


def pack(*texts: str, known: str = "") -> bytes:
    """Return `texts`, each without a line break, as bytes that `unpack` reads.

    `known` is a text that these repeat, and that is there when they are read.
    """
    text, words = _SEPARATOR.join(texts).encode(), _WORDS[_NEWEST] + known.encode()
    packer = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _RAW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, zdict=words
    )
    return _HEADER.pack(_NEWEST, zlib.crc32(text)) + packer.compress(text) + packer.flush()


def text_of(stored: bytes | str) -> str:
    """Return the one text that a row keeps: packed, or as rows of the form before have it.

    Raises UnreadableError.
    """
    return unpack(stored)[0] if isinstance(stored, bytes) else stored


def unpack(packed: bytes, *, known: str = "") -> list[str]:
    """Return the texts that were packed beside `known`; raises UnreadableError."""
    if len(packed) < _HEADER.size or packed[0] not in _WORDS:
        raise UnreadableError(f"packed in a form that is not known: {packed[:1].hex()}")
    number, checksum = _HEADER.unpack_from(packed)
    unpacker = zlib.decompressobj(_RAW, zdict=_WORDS[number] + known.encode())
    try:
        text = unpacker.decompress(packed[_HEADER.size :])
    except zlib.error as error:
        raise UnreadableError(f"not what was packed: {error}") from None
    if zlib.crc32(text) != checksum:
        raise UnreadableError("not what was packed, or not beside what it was packed beside")
    return text.decode().split(_SEPARATOR)
