import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codec.bits import BitPacker


def _one_by_one(parts: list[list[tuple[int, int]]]) -> bytes:
    """The same by the book: bits in a string, ones to fill up, a zero byte behind each FF."""
    text = "".join(format(code, f"0{length}b") if length else "" for part in parts for code, length in part)
    text += "1" * (-len(text) % 8)
    return int("0" + text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


codes = st.integers(0, 64).flatmap(lambda length: st.tuples(st.integers(0, (1 << length) - 1), st.just(length)))


@settings(deadline=None, max_examples=300)
@given(st.lists(st.lists(codes, max_size=40), max_size=4))
def test_packs_as_if_bit_by_bit(parts: list[list[tuple[int, int]]]) -> None:
    packer = BitPacker(8)
    packed = b""
    for part in parts:
        values = np.array([0, *(code for code, _ in part)], np.uint64)
        missing = np.array([0, *(64 - length for _, length in part)], np.uint64)
        packed += packer.pack(values, missing)
    assert packed + packer.finish() == _one_by_one(parts)


def test_codes_of_whole_words_follow_each_other() -> None:
    packer = BitPacker(2)
    values = np.array([0, 0x0102030405060708, 0x1112131415161718], np.uint64)
    assert packer.pack(values, np.zeros(3, np.uint64)) == values[1:].astype(">u8").tobytes()
    assert packer.finish() == b""
