"""Dead letters keep what came in, but for values of handles: those are replaced by their hash."""

import json
import re
from typing import Any

from journey.handle import KINDS, handle_id, normalise

__all__ = ["PREFIX", "redact"]

PREFIX = "#"  # "#" and 16 hex digits stand for a handle by its id
_KEY = "|".join(KINDS)
_QUOTED_HANDLE = re.compile(rf'("(?:{_KEY})"\s*:\s*\[?\s*)"((?:[^"\\]|\\.)*)"?')
_EMAIL = re.compile(r"[^\s\"'<>,;:{}\[\]()]+@[^\s\"'<>,;:{}\[\]()]+")
_PHONE = re.compile(r"\+\d[\d\s().\-]{6,}\d")


def redact(line: bytes, key: bytes) -> bytes:
    """Return the line with every handle value, and whatever else looks like an e-mail address or phone, hashed.

    Where the line is JSON with `data.handles`, a replay of the result is the same event: the hash is the handle.
    """
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        text = line.decode("utf-8", "backslashreplace")
        text = _QUOTED_HANDLE.sub(lambda m: f'{m[1]}"{_hash(key, "text", m[2])}"', text)
    else:
        if isinstance(event, dict) and isinstance(data := event.get("data"), dict) and "handles" in data:
            event = event | {"data": data | {"handles": _handles(data["handles"], key)}}
            text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        else:
            text = line.decode("utf-8")
    text = _EMAIL.sub(lambda m: _hash(key, "email", m[0]), text)
    return _PHONE.sub(lambda m: _hash(key, "phone", m[0]), text).encode("utf-8", "backslashreplace")


def _handles(value: Any, key: bytes) -> Any:
    if not isinstance(value, dict):
        return _values("text", value, key)
    return {kind: _values(kind, values, key) for kind, values in value.items()}


def _values(kind: str, value: Any, key: bytes) -> Any:
    if isinstance(value, list):
        return [_values(kind, item, key) for item in value]
    if isinstance(value, dict):
        return {name: _values(kind, item, key) for name, item in value.items()}
    return value if value is None or isinstance(value, bool) else _hash(key, kind, str(value))


def _hash(key: bytes, kind: str, value: str) -> str:
    if re.fullmatch(PREFIX + "[0-9a-f]{16}", value):
        return value
    normal = normalise(kind, value)
    return value if normal is None else f"{PREFIX}{handle_id(key, kind, normal):016x}"
