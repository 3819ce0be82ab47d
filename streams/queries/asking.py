"""A request in ClickHouse's HTTP protocol: the statement, its parameters, the format and compression of the answer."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import zstandard

from streams.queries import blocks

__all__ = ["Asked", "BadRequestError", "compressed", "in_blocks", "read"]

_MOST_BYTES = 1_000_000  # of a statement, after decompression
_PARAMETER = "param_"
_FORMAT = "TabSeparated"


class BadRequestError(ValueError):
    """A request that cannot be answered; the message says what to send instead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement ("" for none), its parameters, the format where it names none, the encoding of the answer.

    `blocks` is whether the answer is to come in ClickHouse's own blocks, within that encoding. `protocol` is the
    revision of the native protocol that the client announced, 0 for none.
    """

    sql: str
    parameters: Mapping[str, str]
    format: str
    encoding: str
    blocks: bool = False
    protocol: int = 0


def read(arguments: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Asked:
    """Read a request; names of headers in lower case. Settings that clients send along are passed over.

    Raises
    ------
    BadRequestError
        It is too large, no text, in an unknown encoding, or asks for what is not spoken here.
    """
    if _is_on(arguments, "decompress"):
        raise BadRequestError(
            f"decompress={arguments['decompress']}: a statement in ClickHouse's own blocks is not read here; set"
            " decompress=0, and Content-Encoding where it is to be compressed"
        )
    try:
        statement = _plain(body, headers.get("content-encoding", "")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequestError("the statement is no UTF-8") from error
    query = arguments.get("query", "")
    return Asked(
        sql="\n".join(part for part in (query, statement) if part.strip()),
        parameters={
            name.removeprefix(_PARAMETER): value
            for name, value in arguments.items()
            if name.startswith(_PARAMETER)
        },
        format=headers.get("x-clickhouse-format") or arguments.get("default_format") or _FORMAT,
        encoding=_encoding(headers.get("accept-encoding", ""))
        if _is_on(arguments, "enable_http_compression")
        else "",
        blocks=in_blocks(arguments),
        protocol=int(version) if (version := arguments.get("client_protocol_version", "")).isdecimal() else 0,
    )


def in_blocks(arguments: Mapping[str, str]) -> bool:
    """Return whether the answer, or the error, is to come in ClickHouse's own blocks."""
    return _is_on(arguments, "compress")


def _is_on(arguments: Mapping[str, str], name: str) -> bool:
    return arguments.get(name, "0") not in {"", "0", "false"}


def _encoding(accepted: str) -> str:
    names = [part.split(";")[0].strip().lower() for part in accepted.split(",")]
    return next((name for name in ("zstd", "gzip", "deflate") if name in names), "")


def _plain(body: bytes, encoding: str) -> bytes:
    try:
        plain = _decompressed(body, encoding.lower())
    except (zlib.error, zstandard.ZstdError) as error:
        raise BadRequestError(f"the body is no {encoding}") from error
    if len(plain) > _MOST_BYTES:
        raise BadRequestError(f"a statement has at most {_MOST_BYTES:,} bytes")
    return plain


def _decompressed(body: bytes, encoding: str) -> bytes:
    """Return at most one byte more than is allowed."""
    most = _MOST_BYTES + 1
    match encoding:
        case "" | "identity":
            return body
        case "gzip":
            return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body, most)
        case "deflate":
            return zlib.decompressobj().decompress(body, most)
        case "zstd":
            with zstandard.ZstdDecompressor().stream_reader(body) as source:
                return source.read(most)
    raise BadRequestError(f"Content-Encoding {encoding}: there are gzip, deflate and zstd")


def compressed(body: bytes, asked: Asked) -> bytes:
    """Return an answer as it was asked for: in blocks, in an encoding."""
    if asked.blocks:
        body = blocks.packed(body)
    match asked.encoding:
        case "gzip":
            return gzip.compress(body, 1)
        case "deflate":
            return zlib.compress(body, 1)
        case "zstd":
            return zstandard.ZstdCompressor(1).compress(body)
    return body
