"""Masks personal data in the texts of events, by its form or as one of the event's handles."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey.identity.handle_key import AnyKey, HandleKey
from streams.edge.codes import CODES, is_code
from streams.edge.fast_path import Columns
from streams.edge.lookalikes import ODD
from streams.edge.own_handles import Repeated, needles
from streams.edge.personal_forms import PLAINLY, decoded, hidden
from streams.edge.personal_properties import without_personal
from streams.edge.rows import Rows

__all__ = ["Hiding"]

_WORDS = ("content", *CODES)
_REMEMBERED = 100_000  # texts in the cache; when it is full, it is cleared


class Hiding:
    """A masker of texts under one key. The same text has the same mask, so that ids and causes still match."""

    def __init__(self, key: AnyKey) -> None:
        self._key = HandleKey.of(key)
        self._known: dict[tuple[str, str], tuple[str, bool]] = {}
        self._sources: dict[str, str] = {}

    def name(self, text: str) -> str:
        """Return an id, source or cause with personal data, by its form, replaced by hashes."""
        return hidden(text, self.hash)

    def hash(self, text: str) -> str:
        """Return the hash that replaces a text in ids."""
        return f"#{self._key.id('text', text.encode('utf-8', 'replace').decode()):016x}"

    def _word(self, name: str, text: str) -> tuple[str, bool]:
        """Return the text of a field with personal data masked by its form, and whether it holds an encoding."""
        found = self._known.get((name, text))
        if found is None:
            kept = hidden(text, is_code=is_code(name, text))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[name, text] = kept, bool(decoded(text))
        return found

    def applied(self, rows: Rows, lines: Sequence[bytes]) -> Rows:
        """Return the rows as they are kept; `lines` are those that they were read from."""
        if not len(rows):
            return rows
        values = rows.columns.values | {
            "id": self._ids(rows.columns.values["id"]),
            "source": [
                self._sources.get(text) or self._source(text) for text in rows.columns.values["source"]
            ],
        }
        texts, suspects = dict(rows.columns.texts), set(rows.suspects)
        for name in (*_WORDS, "cause"):
            texts[name], encoded = self._column(texts[name], name)
            suspects.update(rows.places[row] for row in encoded)
        kept = Rows(rows.places, Columns(values, texts), rows.time_us)
        return self._without_own(kept, lines, suspects) if suspects else kept

    def _ids(self, ids: list[str]) -> list[str]:
        column = pa.array(ids, pa.string())
        forms = PLAINLY if "".join(ids).isascii() else (*PLAINLY, ODD)
        found = [pc.match_substring_regex(column, form).to_numpy(zero_copy_only=False) for form in forms]
        some = np.flatnonzero(np.logical_or.reduce(found))
        if len(some):
            ids = list(ids)
            for row in some.tolist():
                ids[row] = self.name(ids[row])
        return ids

    def _source(self, text: str) -> str:
        if len(self._sources) >= _REMEMBERED:
            self._sources.clear()
        found = self._sources[text] = self.name(text)
        return found

    def _column(self, column: pa.StringArray, name: str) -> tuple[pa.StringArray, list[int]]:
        """Return a column as it is kept, and its rows with an encoding of anything."""
        found = column.dictionary_encode()
        before = found.dictionary.to_pylist()
        if name == "cause":
            pairs = [(self.name(text), bool(decoded(text))) for text in before]
        else:
            pairs = [self._word(name, text) for text in before]
        encoded = [place for place, (_, has) in enumerate(pairs) if has]
        rows = np.flatnonzero(np.isin(found.indices, encoded)).tolist() if encoded else []
        after = [text for text, _ in pairs]
        return (column if after == before else pa.array(after, pa.string()).take(found.indices)), rows

    def _without_own(self, rows: Rows, lines: Sequence[bytes], suspects: set[int]) -> Rows:
        values, texts = rows.columns.values, rows.columns.texts
        words = {name: texts[name].to_pylist() for name in (*_WORDS, "cause")}
        properties = list(values["properties"])
        for row, place in enumerate(rows.places):
            if place in suspects:
                own = Repeated(needles(json.loads(lines[place])["data"]["handles"]))
                for name, column in words.items():
                    column[row] = own.hidden(column[row], self.hash if name == "cause" else _mark)
                properties[row] = _without(properties[row], own)
        changed = {name: pa.array(column, pa.string()) for name, column in words.items()}
        return Rows(rows.places, Columns(values | {"properties": properties}, texts | changed), rows.time_us)


def _mark(_: str) -> str:
    return "#"


def _without(properties: bytes, own: Repeated) -> bytes:
    if not properties:
        return properties
    before: dict[str, Any] = json.loads(properties)
    after = without_personal(before, own.hidden, own.tells)
    return (
        properties
        if after == before
        else json.dumps(after, ensure_ascii=False, separators=(",", ":")).encode()
    )
