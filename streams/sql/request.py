"""Parses a request in ClickHouse's HTTP protocol: the statement, its parameters, format and compression of the answer."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import zstandard

from streams.http.compression import CompressionError, unpacked
from streams.sql import native
from streams.sql.reader_settings import chosen
from streams.text.digits import whole_number

__all__ = ["BadRequestError", "SqlRequest", "compressed", "in_blocks", "read"]

_MOST_BYTES = 1_000_000  # of a statement, after decompression
_PARAMETER = "param_"
_FORMAT = "TabSeparated"


class BadRequestError(ValueError):
    """An error of a request that cannot be answered; the message says what to send instead."""


@dataclass(frozen=True, slots=True)
class SqlRequest:
    """A statement ("" for none), its parameters, the format where it names none, the encoding of the answer.

    `blocks` is whether the answer is to come in ClickHouse's own blocks, within that encoding. `protocol` is the
    revision of the native protocol that the client announced, 0 for none. `settings` are those to run it with.
    """

    sql: str
    parameters: Mapping[str, str]
    format: str
    encoding: str
    blocks: bool = False
    protocol: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)


def read(arguments: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> SqlRequest:
    """Read a request; names of headers in lower case.

    Raises
    ------
    BadRequestError
        It is too large, no text, in an unknown encoding, or asks for what is not spoken here.
    RefusedSettingError
        It has a setting that is not for readers.
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
    return SqlRequest(
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
        protocol=whole_number(arguments.get("client_protocol_version", "")) or 0,
        settings=chosen(arguments),
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
        return unpacked(body, encoding, _MOST_BYTES)
    except CompressionError as error:
        raise BadRequestError(f"the statement cannot be read: {error}") from error


def compressed(body: bytes, asked: SqlRequest) -> bytes:
    """Return an answer as it was asked for: in blocks, in an encoding."""
    if asked.blocks:
        body = native.packed(body)
    match asked.encoding:
        case "gzip":
            return gzip.compress(body, 1)
        case "deflate":
            return zlib.compress(body, 1)
        case "zstd":
            return zstandard.ZstdCompressor(1).compress(body)
    return body
