"""Batches as they are fetched: every compression, and records that must not hold up those around them."""

import gzip

import kafka.codec
import pyarrow as pa
import pytest
import zstandard
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from streams.kafka.records import MAX_BATCH_BYTES, TolerantBatch

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)


class NotUtf8(str):
    """A header's key as a client in another language sends it."""

    __slots__ = ()

    def encode(self, *_):
        return b"\xe9t\xe9"


def batch(values, codec=NONE, headers=None, base=0) -> bytearray:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=2**26,
    )  # fmt: skip
    for offset, value in enumerate(values):
        builder.append(offset, 1_000, None, value, (headers or {}).get(offset, []))
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8)
    return built


def rebuilt(built: bytearray, codec: int, body: bytes) -> bytes:
    """Return a batch with another body, which its attributes say is compressed so."""
    head = bytearray(built[: DefaultRecordBatch.HEADER_STRUCT.size])
    head[22] = codec
    return bytes(head + body)


def body(built: bytearray) -> bytes:
    return bytes(built[DefaultRecordBatch.HEADER_STRUCT.size :])


def read(built) -> list[tuple[int, bytes]]:
    return [(record.offset, record.value) for record in TolerantBatch(built)]


def snappy(data: bytes) -> bytes:
    return pa.Codec("snappy").compress(data, asbytes=True)


def xerial(data: bytes) -> bytes:
    """As Kafka's Java clients do it: a header, and blocks with their lengths."""
    blocks = [snappy(data[start : start + 32_768]) for start in range(0, len(data), 32_768)]
    head = b"\x82SNAPPY\x00" + (1).to_bytes(4) + (1).to_bytes(4)
    return head + b"".join(len(block).to_bytes(4) + block for block in blocks)


VALUES = [b'{"n": %d, "text": "%s"}' % (number, b"abc" * 30) for number in range(2_000)]


@pytest.mark.parametrize(
    ("codec", "compress"),
    [
        (NONE, bytes),
        (GZIP, gzip.compress),
        (SNAPPY, snappy),
        (SNAPPY, xerial),
        (LZ4, kafka.codec.lz4_encode),
        (ZSTD, zstandard.compress),
        (ZSTD, lambda data: zstandard.compress(data[:5_000]) + zstandard.compress(data[5_000:])),
    ],
)
def test_every_compression_that_kafka_knows_can_be_read(codec, compress):
    plain = batch(VALUES)
    assert read(rebuilt(plain, codec, compress(body(plain)))) == list(enumerate(VALUES))


def test_a_record_whose_header_is_not_utf_8_does_not_hold_up_the_others():
    built = batch([b"a", b"b", b"c", b"d"], headers={1: [(NotUtf8("x"), b"1")], 3: [("ok", b"2")]}, base=70)
    found = read(built)
    assert [offset for offset, _ in found] == [70, 71, 72, 73]
    assert [value for _, value in found if value in {b"a", b"c", b"d"}] == [b"a", b"c", b"d"]
    assert found[1][1].startswith(b"unreadable record: ")
    assert b"\xe9t\xe9" in found[1][1]


@pytest.mark.parametrize(
    ("codec", "bomb"),
    [
        (GZIP, gzip.compress(bytes(MAX_BATCH_BYTES + 1))),
        (LZ4, kafka.codec.lz4_encode(bytes(MAX_BATCH_BYTES + 1))),
        (ZSTD, zstandard.compress(bytes(MAX_BATCH_BYTES + 1))),
        (SNAPPY, b"\xff\xff\xff\xff\x7f" + bytes(10)),
        (SNAPPY, b"\x82SNAPPY\x00" + bytes(8) + (7).to_bytes(4) + b"\xff\xff\xff\xff\x7f\x00\x00"),
        (GZIP, b"no gzip"), (LZ4, b"no lz4"), (ZSTD, b"no zstd"), (SNAPPY, b"\x05no snappy"), (SNAPPY, b""), (5, b"what"),
    ],
)  # fmt: skip
def test_a_batch_that_cannot_be_expanded_is_one_record_that_says_so(codec, bomb):
    ((offset, value),) = read(rebuilt(batch([b"x"] * 9, base=40), codec, bomb))
    assert offset == 40
    assert value.startswith(b"9 records in a batch that cannot be expanded: ")


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_damaged_body_is_read_to_its_end(flip):
    built = batch([b"first", b"second", b"third"], headers={1: [("name", b"value")]})
    for place in range(DefaultRecordBatch.HEADER_STRUCT.size, len(built)):
        torn = bytearray(built)
        torn[place] ^= flip
        assert 1 <= len(read(torn)) <= 3
