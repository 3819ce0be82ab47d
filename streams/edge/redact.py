"""Redacts dead letters: handles are kept by their hash, fields as a stored event has them, all else as its shape."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from journey.identity.handle import KIND_CODE, KINDS, NOBODY
from journey.identity.handle_key import AnyKey, HandleKey
from journey.identity.nobody import is_word_for_nobody
from journey.identity.rules import HandleRules
from schemas.event import JSON_TYPE, LANGUAGE, MAX_AMOUNT, MAX_NAME, MAX_PROPERTIES_BYTES
from streams.edge.codes import CODES, is_code
from streams.edge.own_handles import SHORTEST, Repeated, needles
from streams.edge.personal_forms import hidden
from streams.edge.personal_properties import is_number_of_card, without_personal
from streams.edge.shapes import is_shape, of_text, shape, shown

__all__ = ["FORMS", "HASHED", "PREFIX", "redact", "shown"]

PREFIX = "#"  # "#" and 16 hex digits stand for a handle by its id
HASHED = re.compile(PREFIX + "[0-9a-f]{16}")
FORMS = re.compile("(?:#[0-9a-f]{16}){1,15}")  # a handle in its forms under all rules, one behind the other
NAMES = (
    "id",
    "source",
    "cause",
)  # by these events find each other: a hash takes the place of what is personal
_ELSEWHERE = frozenset(KINDS) - {"device"}  # handles out of place; `device` is also the class of a device
_ENVELOPE = frozenset({"id", "source", "type", "time", "specversion", "datacontenttype", "data"})
_TEXTS = frozenset({"brand", "content", *NAMES, *CODES})
_NUMBERS = frozenset({"amount", "rating", "sentiment"})
_DATA = (_TEXTS | _NUMBERS | {"properties", "currency", "consent", "language"}) - {"id", "source"}
_WRITTEN = "text"  # of it, nothing is kept, not even its shape
_MOST = 200  # texts that are looked for in the others of one event
_ROOM = (
    2 * MAX_PROPERTIES_BYTES
)  # as JSON in ASCII; longer properties are refused, and only their shape is kept
_RULES = HandleRules()
_UNSET = frozenset({"subject", "dataschema"})  # attributes that are not kept: null is unset
_JSON = "application/json"
_JSON_TYPE = re.compile(JSON_TYPE)

# Fields whose values are one of a few, or have a form of their own.
_FORMS = {
    "type": re.compile(r"(?=.{1,64}$)[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*"),
    "time": re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?"),
    "specversion": re.compile(r"\d\.\d{1,2}"),
    "currency": re.compile(r"[A-Za-z]{3}"),
    "consent": re.compile(r"granted|denied"),
    "language": re.compile(LANGUAGE),
}
# The same in a line that is no JSON, which may end in it.
_WRITTEN_THERE = re.compile(r'("text"\s*:\s*)"(?:[^"\\]++|\\.)*+(?:"|\\?$)', re.DOTALL)
_WORD = r"[^\s\"'<>,;:{}\[\]()]"
# What is known for a handle in a line that is no JSON: its hash lets an erasure find the letter.
_KNOWN = re.compile(
    rf"#[0-9a-f]{{16}}(?![0-9A-Za-z])|(?<!{_WORD}){_WORD}+@{_WORD}+|\+\d(?:[\s().\-]{{0,3}}\d){{6,}}"
)


def redact(
    line: bytes,
    key: AnyKey,
    nobody: Collection[str] = NOBODY,
    *,
    trusted: bool = False,
    rules: HandleRules = _RULES,
) -> bytes:
    """Return a line as a dead letter keeps it.

    Where it is an event but for what it was refused for, a replay of the result by a trusted edge is the same event: the
    hash is the handle, texts are as a stored event has them. What has no place in an event, or the wrong type, is kept
    as its shape, which no replay takes for a value; of what the person wrote nothing; and what could never be a handle becomes null; where brands are
    separate, so does every handle of a line that names no brand. Of what is no JSON, only the shape is kept, with a hash
    for what is an e-mail address or an international phone number where brands are shared: an erasure would not find the
    hash of no brand. `trusted` lines may hold hashes already.
    """
    redacting = _Redacting(HandleKey.of(key), nobody, rules, trusted=trusted)
    try:
        event = json.loads(line)
        own = Repeated(set(islice(_said(event), _MOST)) if isinstance(event, dict) else ())
        redacting = replace(redacting, brand=_brand_of(event), own=own)
        text = json.dumps(redacting.event(event), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        text = redacting.text(line.replace(b"\0", b"").decode("utf-8", "backslashreplace"))
    return text.encode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class _Redacting:
    key: HandleKey
    nobody: Collection[str]
    rules: HandleRules
    trusted: bool
    brand: str = ""
    own: Repeated = field(default_factory=lambda: Repeated(()))

    def event(self, event: Any) -> Any:
        """Return an event, or whatever came in its place, as it is kept."""
        if not isinstance(event, dict):
            return self.text(event) if isinstance(event, str) else shape(event)
        return {self._shown(name): self._of_envelope(name, value) for name, value in event.items()}

    def _shown(self, name: str) -> str:
        return shown(name, self.own.is_in)

    def _shape(self, value: Any) -> Any:
        return shape(value, self.own.is_in)

    def _of_envelope(self, name: str, value: Any) -> Any:
        if name == "data" and isinstance(value, dict):
            return {
                self._shown(inner): self._of_data(inner, item)
                for inner, item in value.items()
                if inner != _WRITTEN
            }
        if name in _UNSET:
            return "" if value == "" else None  # which is refused again
        if name == "datacontenttype" and isinstance(value, str) and _JSON_TYPE.search(value):
            return _JSON
        return self._field(name, value) if name in _ENVELOPE else self._elsewhere(name, value)

    def _of_data(self, name: str, value: Any) -> Any:
        return self._field(name, value) if name in _DATA else self._elsewhere(name, value)

    def _elsewhere(self, name: str, value: Any) -> Any:
        """Return values under a name of ours for handles, wherever it is; of the rest, its shape."""
        if name == "handles":
            return self._handles(value)
        return self._values(name, value) if name in _ELSEWHERE else self._shape(value)

    def _field(self, name: str, value: Any) -> Any:
        """Return the value of a field of the contract, as a stored event has it; its shape where it has no such value."""
        if name == "properties" and isinstance(value, dict) and len(json.dumps(value)) <= _ROOM:
            return without_personal(
                value,
                lambda text: self.own.hidden(hidden(text)),
                lambda number: is_number_of_card(number) or self.own.tells(number),
            )
        if isinstance(value, int | float) and name in _NUMBERS and abs(value) <= MAX_AMOUNT:
            return value
        is_text = isinstance(value, str) and len(value) <= MAX_NAME and (name in _TEXTS or name in _FORMS)
        return self._text_of(name, value) if is_text else self._shape(value)

    def _text_of(self, name: str, value: str) -> Any:
        if name in _FORMS:
            return value if _FORMS[name].fullmatch(value) else self._shape(value)
        if name in NAMES:
            text = hidden(value, self._hash)
            return self.own.hidden(text, self._hash) if name == "cause" else text
        return (
            hidden(value) if name == "brand" else self.own.hidden(hidden(value, is_code=is_code(name, value)))
        )

    def _hash(self, text: str) -> str:
        return f"{PREFIX}{self.key.id('text', text.encode('utf-8', 'replace').decode()):016x}"

    def text(self, text: str) -> str:
        """Return the shape of what is no JSON."""
        text = _WRITTEN_THERE.sub(r'\1""', text)
        parts, end = [], 0
        for found in _KNOWN.finditer(text):
            parts += [of_text(text[end : found.start()]), self._hidden(found[0])]
            end = found.end()
        return "".join([*parts, of_text(text[end:])])

    def _hidden(self, text: str) -> str:
        if text[0] == PREFIX:
            return text
        if self.key.separate and not self.brand:
            return PREFIX
        kind = "email" if "@" in text else "phone"
        return self._ids(kind, text.encode("utf-8", "replace").decode()[:MAX_NAME]) or PREFIX

    def _ids(self, kind: str, value: str) -> str:
        """Return the hash of a handle, one for each of its forms; "" for nobody."""
        forms = self.rules.forms(kind, value, self.nobody, self.brand, separate=self.key.separate)
        return "".join(f"{PREFIX}{self.key.id(kind, form, self.brand):016x}" for form in forms)

    def _handles(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return self._shape(value)
        return {
            self._shown(kind): self._values(kind, item) if kind in KIND_CODE else self._shape(item)
            for kind, item in value.items()
        }

    def _values(self, kind: str, value: Any) -> Any:
        if isinstance(value, list) and not is_shape(value):
            return [self._values(kind, item) for item in value]
        if isinstance(value, dict):
            return {self._shown(name): self._values(kind, item) for name, item in value.items()}
        if isinstance(value, bool):
            return value
        return self._handle(kind, str(value)) if isinstance(value, str | int) else None

    def _handle(self, kind: str, value: str) -> str | None:
        if len(value) > MAX_NAME or not _is_text(value):
            return None
        if self.trusted and FORMS.fullmatch(value):
            return value
        if is_word_for_nobody(value.strip(), self.nobody):
            return value  # nothing personal
        ids = self._ids(kind, value)
        if not ids:
            return "null"
        return None if self.key.separate and not self.brand else ids


def _said(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield what other texts of an event must not repeat: its handles, and values where none should be."""
    data = event.get("data")
    for fields, known in ((event, _ENVELOPE), (data if isinstance(data, dict) else {}, _DATA)):
        for name, value in fields.items():
            if name == "handles" and isinstance(value, dict):
                yield from needles({kind: list(_texts(item)) for kind, item in value.items()})
            elif name in KIND_CODE:
                yield from needles({name: list(_texts(value))})
            elif name not in known:
                yield from (text for text in map(str.lower, _texts(value)) if len(text) >= SHORTEST)


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts and whole numbers in a value of JSON."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield str(value).strip()


def _brand_of(event: Any) -> str:
    data = event.get("data") if isinstance(event, dict) else None
    brand = data.get("brand") if isinstance(data, dict) else None
    return brand if isinstance(brand, str) else ""


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
