"""Reads fetched records one by one, so that an unreadable record or batch does not block those around it.

kafka-python refuses a whole batch for one record whose header has a key that is not UTF-8, which any producer may
send, and then gets that batch for ever. It also expands a batch to whatever size it claims, and needs a package for
each compression. Here such a record, or batch, is returned as bytes that are no event, so that it becomes a dead
letter with its place; and every compression that Kafka knows can be read.
"""

from typing import Any

import pyarrow as pa
from kafka.errors import CorruptRecordError  # type: ignore[import-untyped]
from kafka.record import memory_records  # type: ignore[import-untyped]
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch  # type: ignore[import-untyped]
from kafka.record.util import decode_varint  # type: ignore[import-untyped]

__all__ = ["MAX_BATCH_BYTES", "TolerantBatch", "install"]

MAX_BATCH_BYTES = 64 * 2**20  # of one batch, expanded; events.in takes 1 MB of it compressed
_PIECE = 2**20
_STREAMED = {
    DefaultRecordBatch.CODEC_GZIP: "gzip",
    DefaultRecordBatch.CODEC_LZ4: "lz4",
    DefaultRecordBatch.CODEC_ZSTD: "zstd",
}
_XERIAL = b"\x82SNAPPY\x00"  # the framing that Kafka's Java clients put around Snappy's blocks
_XERIAL_HEADER = 16  # bytes


class TolerantBatch(DefaultRecordBatch):  # type: ignore[misc]
    """A batch whose records are readable one by one, whatever the others are."""

    _buffer: bytearray
    _pos: int
    _decompressed: bool
    _next_record_index: int

    def __init__(self, buffer: Any) -> None:
        super().__init__(buffer)
        self._refused = b""

    def _maybe_uncompress(self) -> None:
        if self._decompressed:
            return
        self._decompressed = True
        if self.compression_type == self.CODEC_NONE:
            return
        try:
            self._buffer = bytearray(_expanded(self.compression_type, bytes(self._buffer[self._pos :])))
            self._pos = 0
        except (OSError, ValueError, IndexError) as error:
            self._refused = (
                f"{self._num_records} records in a batch that cannot be expanded: {error}".encode()
            )

    def __next__(self) -> Any:
        if self._next_record_index >= self._num_records:
            raise StopIteration
        if self._refused:
            self._next_record_index = self._num_records
            return self._record(self.base_offset, self._refused)
        try:
            return super().__next__()
        except CorruptRecordError:
            return self._as_bytes()

    def _as_bytes(self) -> Any:
        """Return the current record as raw bytes, and go on behind it."""
        offset = self.base_offset + self._next_record_index
        try:
            length, start = decode_varint(self._buffer, self._pos)
        except (ValueError, IndexError):
            length, start = -1, self._pos
        end = start + length
        if not start < end <= len(self._buffer):
            end, self._next_record_index = len(self._buffer), self._num_records
        self._pos = end
        self._next_record_index += 1
        return self._record(offset, b"unreadable record: " + bytes(self._buffer[start:end]))

    def _record(self, offset: int, value: bytes) -> Any:
        return DefaultRecord(len(value), offset, self.max_timestamp, self.timestamp_type, None, value, [])


def install() -> None:
    """Have every consumer of this process read batches so."""
    memory_records.DefaultRecordBatch = TolerantBatch


def _expanded(codec: int, data: bytes) -> bytes:
    if codec == DefaultRecordBatch.CODEC_SNAPPY:
        return b"".join(_snappy(data))
    if codec not in _STREAMED:
        raise ValueError(f"unknown compression {codec}")
    pieces, size = [], 0
    with pa.CompressedInputStream(pa.BufferReader(data), _STREAMED[codec]) as file:
        while piece := file.read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            _check(size)
    return b"".join(pieces)


def _snappy(data: bytes) -> list[bytes]:
    if not data.startswith(_XERIAL):
        return [_snappy_block(data)]
    blocks, at, size = [], _XERIAL_HEADER, 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4])
        blocks.append(_snappy_block(data[at + 4 : end]))
        size += len(blocks[-1])
        _check(size)
        at = end
    return blocks


def _snappy_block(data: bytes) -> bytes:
    size = shift = 0
    for byte in data[:5]:  # it begins with its expanded size, seven bits a byte
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the last byte lacks the eighth bit
            break
    _check(size)
    return bytes(pa.Codec("snappy").decompress(data, size, asbytes=True))


def _check(size: int) -> None:
    if size > MAX_BATCH_BYTES:
        raise ValueError(f"more than {MAX_BATCH_BYTES} bytes")
