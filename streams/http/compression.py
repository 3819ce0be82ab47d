"""Decompresses bodies in gzip, deflate or zstd, in time linear in their bytes, and no further than a limit."""

import zlib
from collections.abc import Callable
from typing import Any

import zstandard

__all__ = [
    "MOST_MEMBERS",
    "MOST_WINDOW_BYTES",
    "CompressionError",
    "EncodingError",
    "TooLargeError",
    "is_compressed",
    "unpacked",
]

MOST_MEMBERS = 64  # each costs a decompressor, whatever it holds
MOST_WINDOW_BYTES = 2**23  # that RFC 8878 asks every decoder to have
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_ZLIB_PIECE = 4_096  # bytes, of which 4 MB may be made at once: a byte of deflate makes a thousand at most
_ZSTD_PIECE = 256  # bytes, of which 11 MB may be made at once: four bytes of zstd make 128 KiB at most
_ZSTD = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW_BYTES)


class CompressionError(ValueError):
    """An error of a body that is not compressed as it says; the message says why."""


class EncodingError(CompressionError):
    """An error of a Content-Encoding that is not supported."""


class TooLargeError(CompressionError):
    """An error of a body that decompresses to more than is allowed."""


def is_compressed(encoding: str) -> bool:
    """Return whether a Content-Encoding leaves anything to do."""
    return encoding.strip().lower() not in {"", "identity"}


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """Return a body as its Content-Encoding has it: gzip, deflate, zstd or none; one of them only.

    Parameters
    ----------
    most
        Bytes that may come of it; no more than a piece beyond is ever made.

    Raises
    ------
    CompressionError
        Another encoding, damaged, cut short, or too large.
    """
    name = encoding.strip().lower()
    if not is_compressed(name):
        whole = body
    elif name in {"gzip", "x-gzip", "deflate"}:
        whole = _joined(body, most, _ZLIB_PIECE, _inflater)
    elif name == "zstd":
        whole = _joined(body, most, _ZSTD_PIECE, _ZSTD.decompressobj)
    else:
        raise EncodingError("Content-Encoding may be gzip, deflate, zstd or absent")
    if len(whole) > most:
        raise TooLargeError(f"more than {most:,} bytes")
    return whole


def _joined(body: bytes, most: int, piece_bytes: int, begin: Callable[[], Any]) -> bytes:
    """Return what is in all members, each a gzip file, zlib stream or zstd frame."""
    left, parts, made, members = memoryview(body), [], 0, 0
    try:
        while left:
            members += 1
            if members > MOST_MEMBERS:
                raise TooLargeError(f"more than {MOST_MEMBERS} compressed members")
            stream = begin()
            while not stream.eof:
                if not left:
                    raise CompressionError("the compressed body is cut short")
                piece, left = left[:piece_bytes], left[piece_bytes:]
                part = stream.decompress(piece)
                made += len(part)
                if made > most:
                    raise TooLargeError(f"more than {most:,} bytes")
                parts.append(part)
            unused = len(stream.unused_data)
            left = memoryview(body)[len(body) - len(left) - unused :]
    except (zlib.error, zstandard.ZstdError):
        raise CompressionError("the body is not compressed as Content-Encoding says") from None
    return b"".join(parts)


def _inflater() -> Any:
    return zlib.decompressobj(_GZIP_OR_ZLIB)
