"""What Go's driver (Grafana's) asks first: in which revision blocks of the format Native come.

The engine in this process writes revision 0, so that is the answer; but this one answer is read in the revision that
the driver announced itself.
"""

import struct

__all__ = ["QUESTION", "told"]

QUESTION = "SELECT displayName(), version(), revision(), timezone()"
_CUSTOM_SERIALIZATION = 54_454  # from this revision on, a byte for each column
_BLOCK_INFO = bytes([1, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0])  # no overflow, no bucket


def told(protocol: int, version: str, timezone: str) -> bytes:
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
