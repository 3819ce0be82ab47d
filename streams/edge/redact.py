"""Dead letters keep what came in, but for handles: each is replaced by its hash, or by null."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from journey.handle import KIND_CODE, KINDS, NOBODY, handle_id, normalise
from schemas.event import MAX_NAME

__all__ = ["HASHED", "PREFIX", "redact", "shown"]

PREFIX = "#"  # "#" and 16 hex digits stand for a handle by its id
HASHED = re.compile(PREFIX + "[0-9a-f]{16}")
_IDENTITY = ("id", "source")  # an event is the same event by these; accepted ones keep them too
_ELSEWHERE = frozenset(KINDS) - {"device"}  # handles out of place; `device` is also the class of a device

# Every pattern begins where no earlier match can have begun, so that no line takes more than linear time.
_WORD = r"[^\s\"'<>,;:{}\[\]()]"
_EMAIL = re.compile(rf"(?<!{_WORD}){_WORD}+@{_WORD}+")
_PHONE = re.compile(r"\+\d(?:[\s().\-]{0,3}\d){6,}")
_NUMBER = re.compile(
    r"(?<!\w)(?!\d{4}-\d\d-\d\d)\+?\d(?:[\s().\-]{0,3}\d){6,}"
)  # phones and cards, not dates
_ESCAPE = re.compile(r"\\u00([2-7][0-9a-fA-F])")
_NAMED = re.compile(
    rf"""\b({"|".join(KINDS)}|handles)([\\"']*\s*[:=]\s*)"""
    r"""(?:{[^}]*|\[[^\]]*|"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;}\]]+)""",
    re.IGNORECASE,
)
_SHOWN = re.compile(r"(?!.*\d{5})[\w .$:/~\-]{1,64}")


def redact(line: bytes, key: bytes, nobody: Collection[str] = NOBODY, *, trusted: bool = False) -> bytes:
    """Return the line with every handle, and whatever else looks like an e-mail address or phone, hashed.

    Where the line is JSON, a replay of the result by a trusted edge is the same event: the hash is the handle.
    What could never be a handle (a fraction, a text that is too long, half a surrogate pair) becomes null, and so
    does every handle in what is no JSON: a replay is refused again. `trusted` lines may hold hashes already.
    """
    hashing = _Hashing(key, nobody, trusted=trusted)
    try:
        event = json.loads(line)
        text = json.dumps(hashing.event(event), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        text = hashing.text(line.replace(b"\0", b"").decode("utf-8", "backslashreplace"))
    return text.encode("utf-8", "backslashreplace")


def shown(name: str) -> str:
    """Return the name of a field as a message may show it: nothing long, nothing that looks personal."""
    return name if _SHOWN.fullmatch(name) else "?"


@dataclass(frozen=True, slots=True)
class _Hashing:
    key: bytes
    nobody: Collection[str]
    trusted: bool

    def event(self, event: Any) -> Any:
        """Hash all handles of an event, or of whatever came in its place."""
        redacted = self._walk("", event)
        if isinstance(event, dict):
            redacted |= {name: event[name] for name in _IDENTITY if isinstance(event.get(name), str)}
        return redacted

    def _walk(self, name: str, value: Any) -> Any:
        if name == "handles":
            return self._handles(value)
        if name in _ELSEWHERE:
            return self._values(name, value)
        if isinstance(value, dict):
            return {self._scrub(key): self._walk(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._walk("", item) for item in value]
        return self._scrub(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """Hide handles, and all that looks like an e-mail address, a phone or a card, in what is no JSON."""
        text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
        return _NUMBER.sub(self._hidden, self._scrub(_NAMED.sub(r"\1\2null", text)))

    def _handles(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return self._values("text", value)
        return {
            shown(kind): self._values(kind if kind in KIND_CODE else "text", item)
            for kind, item in value.items()
        }

    def _values(self, kind: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._values(kind, item) for item in value]
        if isinstance(value, dict):
            return {shown(name): self._values(kind, item) for name, item in value.items()}
        if isinstance(value, bool):
            return value
        return self._handle(kind, str(value)) if isinstance(value, str | int) else None

    def _handle(self, kind: str, value: str) -> str | None:
        if len(value) > MAX_NAME or not _is_text(value):
            return None
        if self.trusted and HASHED.fullmatch(value):
            return value
        if normalise("text", value, self.nobody) is None:
            return value  # nobody: nothing personal
        normal = normalise(kind, value, self.nobody)
        return "null" if normal is None else f"#{handle_id(self.key, kind, normal):016x}"

    def _scrub(self, text: str) -> str:
        return _PHONE.sub(self._hidden, _EMAIL.sub(self._hidden, text))

    def _hidden(self, match: re.Match[str]) -> str:
        kind = "email" if "@" in match[0] else "phone"
        known = match[0].encode("utf-8", "replace").decode()[:MAX_NAME]
        return self._handle(kind, known) or "#"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
