"""Compresses an answer in ClickHouse's own block format (`compress=1`), which JDBC's driver asks for by default.

The answer is cut into blocks: 16 bytes of checksum, then what it is of: the method, the size from here on, the size
when expanded, and the data, packed with LZ4.
"""

import struct
from collections.abc import Iterator

import pyarrow as pa
from clickhouse_cityhash.cityhash import CityHash128

__all__ = ["BLOCK_BYTES", "packed"]

BLOCK_BYTES = 1_048_576  # of the answer in one block, as a server cuts it
_LZ4 = 0x82
_HEAD = struct.Struct("<BII")
_CHECKSUM = struct.Struct("<QQ")
_CODEC = pa.Codec("lz4_raw")


def packed(body: bytes) -> bytes:
    """Return an answer in blocks; of an empty one there are none."""
    return b"".join(_blocks(body))


def _blocks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), BLOCK_BYTES):
        piece = body[start : start + BLOCK_BYTES]
        data = _CODEC.compress(piece, asbytes=True)
        block = _HEAD.pack(_LZ4, _HEAD.size + len(data), len(piece)) + data
        yield _checksum(block)
        yield block


def _checksum(block: bytes) -> bytes:
    """Return CityHash128 as ClickHouse has it, of CityHash 1.0.2; later versions of CityHash give others."""
    found = CityHash128(block)
    return _CHECKSUM.pack(found >> 64, found & (2**64 - 1))
