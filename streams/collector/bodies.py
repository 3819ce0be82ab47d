"""Reads and decompresses request bodies within limits of size and time."""

import asyncio
from collections.abc import AsyncIterator

from streams.collector.limits import BODY_S, MAX_BODY_BYTES
from streams.http.compression import CompressionError, EncodingError, TooLargeError, unpacked
from streams.http.problems import Problem
from streams.text.digits import whole_number

__all__ = ["decompressed", "received"]

_TOO_LARGE = f"at most {MAX_BODY_BYTES:,} bytes, as sent and after decompression: send smaller batches"


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
    if (whole_number(declared) or 0) > MAX_BODY_BYTES:
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
    try:
        return unpacked(body, encoding, MAX_BODY_BYTES)
    except EncodingError as error:
        raise Problem("media_type", str(error)) from None
    except TooLargeError as error:
        raise Problem("too_large", f"{error}: {_TOO_LARGE}") from None
    except CompressionError as error:
        raise Problem("malformed", str(error)) from None
