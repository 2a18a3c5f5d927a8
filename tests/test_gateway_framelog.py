import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import framelog

DOCUMENTS = [b'{"n":1}', b"[2]", b'"' + b"long " * 400 + b'"', b"null"]
FILE = b"".join(framelog.encode(number, document) for number, document in enumerate(DOCUMENTS))
ENDS = [frame.end for frame in framelog.scan(FILE)[0]]


def test_frames_come_back_as_they_went_in() -> None:
    frames, damaged = framelog.scan(FILE)
    assert [frame.number for frame in frames] == [0, 1, 2, 3]
    assert [frame.document() for frame in frames] == [{"n": 1}, [2], "long " * 400, None]
    assert damaged == []
    assert ENDS[-1] == len(FILE)


@given(st.integers(0, len(FILE)))
def test_a_cut_costs_only_the_frame_that_it_hits(size: int) -> None:
    frames, damaged = framelog.scan(FILE[:size])
    whole = [end for end in ENDS if end <= size]
    assert len(frames) == len(whole)
    good = whole[-1] if whole else 0
    assert damaged == ([(good, size)] if size > good else [])


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_flipped_byte_costs_only_the_frame_that_it_hits(position: int, flip: int) -> None:
    data = bytearray(FILE)
    data[position] ^= flip
    hit = next(index for index, end in enumerate(ENDS) if position < end)
    frames, damaged = framelog.scan(bytes(data))
    assert [frame.number for frame in frames] == [number for number in range(4) if number != hit]
    assert damaged == [(ENDS[hit - 1] if hit else 0, ENDS[hit])]


@given(st.binary(max_size=200), st.binary(max_size=200))
@example(b"?PUf1 is no frame, nor is PUf1", b"PUf1")
def test_scan_steps_over_whatever_lies_between_two_frames(garbage: bytes, tail: bytes) -> None:
    first, second = framelog.encode(1, b"[1]"), framelog.encode(2, b"[2]")
    frames, _ = framelog.scan(first + garbage + second + tail)
    assert [frame.document() for frame in frames] == [[1], [2]]


def test_a_frame_of_another_make_is_a_value_error() -> None:
    (frame,), _ = framelog.scan(framelog.encode(1, b"not json"))
    with pytest.raises(ValueError, match="Expecting value"):
        frame.document()
