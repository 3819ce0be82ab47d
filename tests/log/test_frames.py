"""Frames survive the way, and whatever is damaged on it is an error."""

import struct
import zlib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.log.frame import LETTERS, FrameError, decode, encode
from tests.edge.lines import AHEAD, GOOD, NOW_US, line, pack

HEADER = struct.Struct("<4sII")


@pytest.fixture(scope="module")
def frame():
    lines = [line(id=str(number), data={"rating": number % 10}) for number in range(50)]
    return pack(*lines, b"{", AHEAD, partition=3, first_offset=10, topic="événements")


def test_frames_survive_the_way(frame):
    again = decode(encode(frame))
    assert again.events.to_pylist() == frame.events.to_pylist()
    assert again.letters.to_pylist() == frame.letters.to_pylist()
    assert (again.topic, again.packed_us, again.received) == ("événements", NOW_US, 52)
    assert encode(again) == encode(frame)


def test_a_frame_without_letters_survives_the_way():
    again = decode(encode(pack(GOOD)))
    assert (len(again.events), len(again.letters)) == (1, 0)
    assert again.letters.schema.equals(LETTERS)


def test_a_frame_cut_anywhere_is_an_error(frame):
    data = encode(frame)
    for size in (*range(200), *range(200, len(data), 37), len(data) - 1):
        with pytest.raises(FrameError):
            decode(data[:size])


def test_a_frame_that_lost_its_letters_is_an_error(frame):
    data = encode(frame)
    _, events, _ = HEADER.unpack_from(data)
    with pytest.raises(FrameError, match="cut short or damaged"):
        decode(data[: HEADER.size + events])


def test_a_frame_of_another_version_says_so(frame):
    with pytest.raises(FrameError, match=r"not a frame of version 1: starts with b.AJF2"):
        decode(b"AJF2" + encode(frame)[4:])


@given(st.binary(max_size=300))
def test_garbage_is_no_frame(data):
    for garbage in (data, b"AJF1" + data):
        with pytest.raises(FrameError):
            decode(garbage)


@settings(max_examples=200)
@given(st.data())
def test_a_flipped_bit_anywhere_is_an_error(frame, data):
    damaged = bytearray(encode(frame))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(FrameError):
        decode(bytes(damaged))


def checked(body, size):
    """A frame of this body, with the checksum that belongs to it."""
    return HEADER.pack(b"AJF1", size, zlib.crc32(body, size)) + body


@given(st.binary(max_size=200), st.integers(0, 300))
def test_garbage_with_the_right_checksum_is_an_error_too(body, size):
    with pytest.raises(FrameError):
        decode(checked(body, size))


def test_other_columns_are_an_error(frame):
    table = pa.RecordBatch.from_pydict({"event": ["x"]}).replace_schema_metadata(
        {"topic": "t", "packed_us": "1"}
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_batch(table)
    body = sink.getvalue().to_pybytes()
    with pytest.raises(FrameError, match="other columns"):
        decode(checked(body, len(body)))
