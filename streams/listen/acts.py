"""Describes what a network says that somebody did, or took back, and makes the events of our contract of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from schemas.reversals import REVERSED
from streams.collector.adapters.lines import event_line
from streams.mood.moods import Mood

__all__ = ["Act", "Original", "digest", "line_of", "reversal_of"]


@dataclass(frozen=True, slots=True)
class Act:
    """An act of one person: an event to be.

    Attributes
    ----------
    key
        What the act and its removal have in common at the network; "" where it cannot be removed.
    who
        The person's account, as a social handle.
    is_named_later
        Whether a removal says who did it; else that has to be remembered.
    version
        Grows with each change of the record, where the network says so: what is not above is a repeat.
    text, language
        What the person wrote, of which only a mood is made, and the language that they name (BCP 47, "" for none).
    """

    key: str
    id: str
    type: str
    time: str
    who: str
    content: str | None = None
    cause: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    is_named_later: bool = True
    version: str = ""
    text: str = field(default="", repr=False)
    language: str = ""


@dataclass(frozen=True, slots=True)
class Original:
    """What is remembered of an act, so that it can be taken back; `who` is "" where the removal says it.

    Its mood goes with what takes it back, which scores as if nothing had happened then.
    """

    id: str
    type: str
    time: str
    content: str | None
    who: str = ""
    version: str = ""
    is_removed: bool = False
    mood: Mood | None = None

    @classmethod
    def of(cls, act: Act, mood: Mood | None) -> "Original":
        """Return what is remembered of an act."""
        who = "" if act.is_named_later else act.who
        return cls(act.id, act.type, act.time, act.content, who, act.version, mood=mood)


def digest(*names: str) -> str:
    """Return 32 hexadecimal digits, the same for the same names: an id in which nobody is named."""
    return sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def line_of(act: Act, source: str, brand: str, mood: Mood | None = None) -> bytes:
    """Return the event of an act, as JSON. Raises ValueError where a text in it is none."""
    return event_line(
        id=act.id,
        source=source,
        type=act.type,
        time=act.time,
        handles={"social": [act.who]},
        fields={"brand": brand or None, "content": act.content, "cause": act.cause} | _said(mood),
        properties={**(mood.properties if mood else {}), **act.properties},
    )


def reversal_of(original: Original, who: str, source: str, brand: str) -> bytes:
    """Return the event that takes an act back: of the same person, at the time of the act."""
    return event_line(
        id=f"{original.id}:undo",
        source=source,
        type=REVERSED[original.type],
        time=original.time,
        handles={"social": [who]},
        fields={"brand": brand or None, "content": original.content, "cause": original.id}
        | _said(original.mood),
        properties=original.mood.properties if original.mood else {},
    )


def _said(mood: Mood | None) -> dict[str, float]:
    return {"sentiment": mood.sentiment} if mood else {}
