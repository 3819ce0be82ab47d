"""Takes what a person wrote, and in which language, out of events: only a mood is ever made of it.

What is not taken out here, since the line is odd, the contract leaves behind: no column and no dead letter has it.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from pydantic_core import from_json, to_json

from schemas.event import LANGUAGE, MAX_PROPERTIES_BYTES
from streams.edge.fast_path import Columns
from streams.edge.rows import Rows
from streams.mood.moods import MAX_TEXT, Mood, Moods
from streams.text.json_parts import BOM

__all__ = ["Spoken", "mended", "parted", "shortened", "taken", "with_moods"]

_TEXT = b'"text"'
_MOST = 8  # keys of one name in a line that are looked at
# A text of JSON as RFC 8259 has it, behind its key; halves of surrogate pairs are allowed.
_VALUE = rb'\s*:\s*("(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*+")\s*(,?)'
_MEMBERS = {name: re.compile(rb'(?<!\\)"' + name.encode() + b'"' + _VALUE) for name in ("text", "language")}
_LANGUAGE = re.compile(LANGUAGE.encode())
# Escapes: whole surrogate pairs, halves of them, and all others, so that none is found inside another.
_ESCAPE = re.compile(
    rb"\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|(\\u[Dd][89A-Fa-f][0-9A-Fa-f]{2})|\\.",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text as JSON, and the language that its event names, "" where it names none."""

    json: bytes
    language: str

    @property
    def text(self) -> str:
        """The text."""
        return str(json.loads(self.json))


class _Data(msgspec.Struct):
    text: msgspec.Raw = msgspec.Raw()
    language: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct):
    data: _Data


_in_data = msgspec.json.Decoder(_Data).decode
_in_event = msgspec.json.Decoder(_Event).decode


def taken(lines: Sequence[bytes], places: Iterable[int]) -> tuple[list[bytes], dict[int, Spoken]]:
    """Return all lines, those at these places without what was written, and that by its place."""
    kept, found = list(lines), dict[int, Spoken]()
    for place in places:
        kept[place], spoken = parted(lines[place])
        if spoken is not None:
            found[place] = spoken
    return kept, found


def parted(line: bytes) -> tuple[bytes, Spoken | None]:
    """Return an event without what was written, and that; None where there is none, or it is no text."""
    if _TEXT not in line:
        return line, None
    bare = mended(line.removeprefix(BOM))
    if (data := _seen(bare)) is None or (kept := _without(bare, "text", bytes(data.text))) is None:
        return line, None
    said = bytes(data.language)
    if _LANGUAGE.fullmatch(said[1:-1]) and (without := _without(kept, "language", said)) is not None:
        return without, Spoken(bytes(data.text), said[1:-1].decode())
    return kept, Spoken(bytes(data.text), "")


def mended(line: bytes) -> bytes:
    """Return a line with U+FFFD for each half of a surrogate pair in what is called text: what cuts texts leaves them."""
    return _MEMBERS["text"].sub(_with_whole_pairs, line) if b"\\u" in line else line


def _with_whole_pairs(member: re.Match[bytes]) -> bytes:
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], member[0])


def _seen(line: bytes) -> _Data | None:
    try:
        return _in_event(line).data
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _without(line: bytes, name: str, value: bytes) -> bytes | None:
    """Return an event without this member of its data, None where it is no text, or not found."""
    if not (value[:1] == b'"' and (value.isascii() or _is_utf_8(value))):
        return None
    for number, member in enumerate(_MEMBERS[name].finditer(line)):
        if number >= _MOST:
            break
        if member[1] != value:
            continue
        before, after = line[: member.start()], line[member.end() :]
        if not member[2]:  # the last one: the comma is before it
            before = before.rstrip().removesuffix(b",")
        without = before + after
        if line.count(member[0][: len(name) + 2]) == 1:
            return without
        # Elsewhere, and twice in the data, there may be the same.
        if (left := _seen(without)) is not None and not bytes(getattr(left, name)):
            return without
    return None


def _is_utf_8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def shortened(data: bytes) -> bytes:
    """Return the data of an event with no more of its text than is read, and without halves of surrogate pairs."""
    if _TEXT not in data:
        return data
    whole = mended(data)
    try:
        raw = bytes(_in_data(whole).text)
        text = str(json.loads(raw)) if raw[:1] == b'"' else ""
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return data
    return whole if len(text) <= MAX_TEXT else whole.replace(raw, to_json(text[:MAX_TEXT]))


def with_moods(rows: Rows, spoken: dict[int, Spoken], moods: Moods) -> Rows:
    """Return the rows with the sentiment of what was written, where an event brings none of its own, and no rating."""
    values = rows.columns.values
    says_nothing = np.isnan(np.array([values["sentiment"], values["rating"]], np.float64)).all(axis=0)
    sentiments, properties = list(values["sentiment"]), list(values["properties"])
    brands = rows.columns.texts["brand"]
    for row in np.flatnonzero(says_nothing & np.isin(rows.places, list(spoken))).tolist():
        said = spoken[rows.places[row]]
        mood = moods.read(brands[row].as_py(), said.language, said.text)
        if mood is not None and (more := _with_mood(properties[row], mood)) is not None:
            sentiments[row], properties[row] = mood.sentiment, more
    columns = Columns(values | {"sentiment": sentiments, "properties": properties}, rows.columns.texts)
    return Rows(rows.places, columns, rows.time_us, rows.suspects)


def _with_mood(properties: bytes, mood: Mood) -> bytes | None:
    """Return properties that say what computed a sentiment; None where they have no room for that."""
    more = to_json((from_json(properties) if properties else {}) | mood.properties)
    return more if len(more) <= MAX_PROPERTIES_BYTES else None
