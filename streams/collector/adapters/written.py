"""Reads the mood of what a person wrote, as providers and networks send it: plain, or with tags of HTML."""

import html
import re
from collections.abc import Mapping
from typing import Any

from schemas.event import LANGUAGE
from streams.collector.adapters.fields import text
from streams.collector.adapters.tolerant import Unusable
from streams.mood.moods import MAX_TEXT, Mood, Moods

__all__ = ["language_of", "mood_of", "plain"]

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_LANGUAGE = re.compile(LANGUAGE)


def mood_of(moods: Moods, brand: str, language: Any, value: Any, fields: Mapping[str, Any]) -> Mood | None:
    """Return the mood of a text; None where it is no text, the brand does not have it read, or the event's fields say it.

    A rating says by itself how somebody felt, as a sentiment does.
    """
    feels = fields.get("sentiment") is not None or fields.get("rating") is not None
    if not moods or feels or not isinstance(value, str):
        return None
    return moods.read(brand, language_of(language), plain(value))


def language_of(value: Any) -> str:
    """Return a language tag; "" for what is none, also of a list, unless it has one alone."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) and _LANGUAGE.fullmatch(value) else ""


def plain(value: str) -> str:
    """Return a text without tags of HTML and its references, as far as it is read.

    >>> plain("<p>not <b>bad</b> &amp; cheap<br>I <3 it</p>")
    'not  bad  & cheap I <3 it'
    """
    try:
        whole = text(value, 2 * MAX_TEXT) or ""
    except Unusable:
        return ""
    return html.unescape(_TAG.sub(" ", whole)).strip()
