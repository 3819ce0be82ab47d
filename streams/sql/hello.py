"""Answers the handshakes of drivers: the protocol revision that Go's driver asks for, settings that Python's asks for.

Go's driver (Grafana's) asks in which revision blocks of the format Native come. The engine in this process writes
revision 0, so that is the answer; but this one answer is read in the revision that the driver announced itself.
"""

import struct
from collections.abc import Collection

__all__ = ["QUESTION", "first_block", "of_settings"]

QUESTION = "SELECT displayName(), version(), revision(), timezone()"
_CUSTOM_SERIALIZATION = 54_454  # from this revision on, a byte for each column
_BLOCK_INFO = bytes([1, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0])  # no overflow, no bucket


_SETTINGS = "SELECT name, value, readonly FROM system.settings"


def of_settings(sql: str, sent: Collection[str]) -> str:
    """Return the answer to clickhouse-connect's query of which settings there are and which it may send, as it reads it.

    The engine would say that none may be sent, as the connection is made for reading; every other statement comes back
    as it is.

    >>> of_settings("SELECT name, value, readonly FROM system.settings LIMIT 9", ["limit"])
    "SELECT name, value, toUInt8(name NOT IN ('limit')) AS readonly FROM system.settings LIMIT 9"
    """
    if not sql.lstrip().startswith(f"{_SETTINGS} LIMIT "):
        return sql
    names = ", ".join(f"'{name}'" for name in sent)
    return sql.replace("readonly", f"toUInt8(name NOT IN ({names})) AS readonly", 1)


def first_block(protocol: int, version: str, timezone: str) -> bytes:
    """Return the answer as one block, in a client's revision of the protocol.

    Parameters
    ----------
    version, timezone
        Of the engine.
    """
    columns = (
        ("displayName()", "String", _text("journey")),
        ("version()", "String", _text(version)),
        ("revision()", "UInt32", struct.pack("<I", 0)),
        ("timezone()", "String", _text(timezone)),
    )
    custom = b"\0" if protocol >= _CUSTOM_SERIALIZATION else b""
    body = b"".join(_text(name) + _text(kind) + custom + value for name, kind, value in columns)
    return (_BLOCK_INFO if protocol else b"") + bytes([len(columns), 1]) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return bytes([len(data)]) + data
