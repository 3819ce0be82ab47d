"""Reads the mood of texts by brand and language, and counts what became of them; it keeps no text."""

import logging
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from schemas.event import SENTIMENT_BY
from streams.mood.methods import Method, method_for

__all__ = ["MAX_TEXT", "NO_MOODS", "Mood", "Moods", "moods_of"]

MAX_TEXT = 10_000  # characters of a text that are read
_LONGEST_NAME = 100  # characters of a method's name
_METRIC = "journey_sentiment_texts_total"
_HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair
_log = logging.getLogger(__name__)

Languages = Mapping[str, tuple[str, ...]]
"""The languages that are read, by brand, in lower case; those of "" are for all others. The first is that of texts which name none."""


@dataclass(frozen=True, slots=True)
class Mood:
    """A sentiment (-1 to 1), and what computed it, in which language."""

    sentiment: float
    by: str

    @property
    def properties(self) -> dict[str, str]:
        """What an event says beside such a sentiment."""
        return {SENTIMENT_BY: self.by}


class Moods:
    """A reader of moods; any thread may use it.

    Raises
    ------
    MethodError
        A language has no method.
    """

    def __init__(self, languages: Languages) -> None:
        self._languages = dict(languages)
        self._methods: dict[str, Method] = {
            language: method_for(language)
            for language in sorted({one for some in languages.values() for one in some})
        }
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()

    def __bool__(self) -> bool:
        """Whether any language is read."""
        return bool(self._methods)

    def read(self, brand: str, language: str, text: str) -> Mood | None:
        """Return the mood of a text, None where the brand does not have it read, or nothing is found in it.

        Parameters
        ----------
        language
            As the event names it (BCP 47), "" where it names none: then it is the brand's first.
        text
            Of any length; what is beyond MAX_TEXT characters is not read. Half a surrogate pair is read as U+FFFD.
        """
        read = self._languages.get(brand, self._languages.get("", ()))
        if not read or not text:
            return None
        spoken = _spoken(language.lower(), read) if language else read[0]
        outcome, mood = self._read(spoken, text) if spoken else ("no_method", None)
        with self._lock:
            self._outcomes[outcome] += 1
        return mood

    def _read(self, language: str, text: str) -> tuple[str, Mood | None]:
        """Return what became of a text, and its mood."""
        method = self._methods[language]
        try:
            found = method.read(_HALF.sub("\ufffd", text[:MAX_TEXT]))
            sentiment = None if found is None else float(found)
        except Exception as error:  # noqa: BLE001 - whatever it is, the event is taken; its message may quote the text
            return self._failed(language, type(error).__name__)
        if sentiment is None:
            return "nothing_found", None
        if not abs(sentiment) <= 1:
            return self._failed(language, "no number from -1 to 1")
        return "read", Mood(round(sentiment, 4), f"{method.name[:_LONGEST_NAME]} {language}")

    def samples(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """Return the metric of what became of texts."""
        with self._lock:
            outcomes = dict(self._outcomes)
        return [(_METRIC, (outcome,), count) for outcome, count in outcomes.items()]

    def _failed(self, language: str, what: str) -> tuple[str, None]:
        if not self._outcomes["failed"]:
            _log.error("the method for %s fails at texts, their events have no sentiment: %s", language, what)
        return "failed", None


def _spoken(language: str, read: tuple[str, ...]) -> str:
    """Return which of the languages that are read a text is in, as RFC 4647 looks up: de-CH-1996 is de-ch, else de."""
    while language:
        if language in read:
            return language
        language = language.rpartition("-")[0]
    return ""


NO_MOODS = Moods({})


def moods_of(languages: Languages) -> Moods:
    """Return the reader of these, one for the whole process. Raises MethodError."""
    return _moods(tuple(sorted(languages.items())))


@lru_cache(16)
def _moods(languages: tuple[tuple[str, tuple[str, ...]], ...]) -> Moods:
    return Moods(dict(languages)) if languages else NO_MOODS
