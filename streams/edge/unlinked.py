"""Applies what a sender may send to events, and to what was refused: the first handle alone where no link may be made."""

import json
from collections.abc import Callable, Sequence
from typing import Protocol

from journey.identity.handle import KIND_CODE
from streams.edge.reasons import DENIED, Refused
from streams.edge.redact import FORMS, PREFIX
from streams.edge.rows import Rows
from streams.text.json_parts import BOM

__all__ = ["Letters", "Screen", "alone", "alone_in", "barred_too"]

_ID_BYTES = 8
_HEX = 17  # characters of a hash with its prefix

Letters = list[tuple[int, Refused]]  # by the place of the line


class Screen(Protocol):
    """A check of what the sender of each line may send, by the place of the line."""

    def barred(self, rows: Rows) -> Letters:
        """Return the events that their senders had no right to say."""

    def judged(self, place: int, brand: str, kind: str, source: str) -> Refused | None:
        """Return why a sender had no right to say what was refused for another reason; None where they had."""

    def may_link(self, place: int) -> bool:
        """Whether several handles of an event are one person; not, where it is of a brand that its sender may not say."""

    def left_out(self, place: int, count: int) -> None:
        """Take note that an event named so many handles more than it keeps."""


def barred_too(letters: Letters, lines: Sequence[bytes], screen: Screen) -> Letters:
    """Return what was refused, for another reason where the sender had no right to say it: it may be replayed one day."""
    found: Letters = []
    for place, reason in letters:
        named = None if reason.reason == DENIED else _named(lines[place])
        found.append((place, (named and screen.judged(place, *named)) or reason))
    return found


def _named(line: bytes) -> tuple[str, str, str] | None:
    """Return brand, type and source of what is no event, None where it could never be one."""
    try:
        event = json.loads(line.removeprefix(BOM))
        named = event["data"]["brand"], event["type"], event["source"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return named if all(isinstance(text, str) and text for text in named) else None


def alone(rows: Rows, screen: Screen) -> None:
    """Keep only the first handle of each event whose sender may make no links, and report it to the screen."""
    handles = rows.columns.values["handles"]
    for row, (codes, ids, primary, sizes) in enumerate(handles):
        own, *others = sizes or (1,) * len(codes)
        if others and not screen.may_link(rows.places[row]):
            handles[row] = codes[:own], ids[: own * _ID_BYTES], primary, (own,) if own > 1 else ()
            screen.left_out(rows.places[row], len(others))


def alone_in(line: bytes, rank: Callable[[int], int]) -> bytes:
    """Return a dead letter, its handles hashed, with the first of them alone: replayed, it makes no link.

    What cannot be a handle stays, so that what was refused for it is refused again. `rank` orders handles of one kind.
    """
    try:
        event = json.loads(line)
        handles = event["data"]["handles"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return line
    if not isinstance(handles, dict):
        return line
    named = [
        (KIND_CODE[kind], rank(int(value[len(PREFIX) : _HEX], 16)), kind, value)
        for kind, values in handles.items()
        for value in (values if isinstance(values, list) else [values])
        if kind in KIND_CODE and isinstance(value, str) and FORMS.fullmatch(value)
    ]
    if len(named) <= 1:
        return line
    _, _, first, kept = min(named)
    gone = {(kind, value) for _, _, kind, value in named} - {(first, kept)}
    event["data"]["handles"] = {
        kind: left for kind, values in handles.items() if (left := _without(kind, values, gone)) is not None
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _without(kind: str, values: object, gone: set[tuple[str, str]]) -> object:
    """Return what is left of the values of a kind, None where nothing is."""
    if not isinstance(values, list):
        return None if isinstance(values, str) and (kind, values) in gone else values
    left = [value for value in values if not (isinstance(value, str) and (kind, value) in gone)]
    return left if left or not values else None
