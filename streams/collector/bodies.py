"""Bodies of requests: read with an end in size and time, decompressed no further than the limit."""

import asyncio
import zlib
from collections.abc import AsyncIterator

import numpy as np
import zstandard

from streams.collector.limits import BODY_S, MAX_BODY_BYTES
from streams.collector.problems import Problem

__all__ = ["decompressed", "depth", "received"]

_TOO_LARGE = f"at most {MAX_BODY_BYTES:,} bytes, as sent and after decompression: send smaller batches"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_ZSTD = zstandard.ZstdDecompressor(max_window_size=2**23)
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1


async def received(chunks: AsyncIterator[bytes], declared: str) -> bytes:
    """Return a body as it was sent.

    Parameters
    ----------
    declared
        Content-Length, "" without one: what is too large is refused unread.

    Raises
    ------
    Problem
        Too large, or not there in time.
    """
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise Problem("too_large", _TOO_LARGE)
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in chunks:
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise Problem("too_large", _TOO_LARGE)
                parts.append(chunk)
    except TimeoutError:
        raise Problem("too_slow", f"the body has {BODY_S:g} s") from None
    return b"".join(parts)


def decompressed(body: bytes, encoding: str) -> bytes:
    """Return a body as its Content-Encoding has it: gzip, deflate, zstd or none; one of them only.

    Raises
    ------
    Problem
        Another encoding, damaged or cut short, or too large: no more than the limit is ever made of it.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name in {"gzip", "x-gzip", "deflate"}:
        whole = _inflated(body)
    elif name == "zstd":
        whole = _unpacked(body)
    else:
        raise Problem("media_type", "Content-Encoding may be gzip, deflate, zstd or absent")
    if len(whole) > MAX_BODY_BYTES:
        raise Problem("too_large", _TOO_LARGE)
    return whole


def _inflated(body: bytes) -> bytes:
    parts, left, room = [], body, MAX_BODY_BYTES + 1
    try:
        while left and room > 0:  # gzip files may follow one another
            stream = zlib.decompressobj(_GZIP_OR_ZLIB)
            parts.append(stream.decompress(left, room))
            room -= len(parts[-1])
            if room > 0 and not stream.eof:
                raise Problem("malformed", "the compressed body is cut short")
            left = stream.unused_data
    except zlib.error:
        raise Problem("malformed", "the body is not compressed as Content-Encoding says") from None
    return b"".join(parts)


def _unpacked(body: bytes) -> bytes:
    try:
        if not _is_bounded(body):
            raise Problem("too_large", _TOO_LARGE)
        parts, left = [], body
        while left:  # the reader above would take a frame that is cut short for a whole one
            stream = _ZSTD.decompressobj()
            parts.append(stream.decompress(left))
            if not stream.eof:
                raise Problem("malformed", "the compressed body is cut short")
            left = stream.unused_data
    except zstandard.ZstdError:
        raise Problem("malformed", "the body is not compressed as Content-Encoding says") from None
    return b"".join(parts)


def _is_bounded(body: bytes) -> bool:
    """Whether no more than the limit would be made of it; no more is made to find out."""
    stream, room = _ZSTD.stream_reader(body, read_across_frames=True), MAX_BODY_BYTES + 1
    while room > 0 and (part := stream.read(room)):
        room -= len(part)
    return room > 0


def depth(body: bytes) -> int:
    """Return how many brackets are open at once, at most; those in texts count, so it may say too much."""
    if not body:
        return 0
    return int(np.cumsum(_STEPS[np.frombuffer(body, np.uint8)], dtype=np.int64).max())
