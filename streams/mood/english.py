"""Computes the sentiment of an English text by VADER's lexicon and rules.

Reference: Hutto & Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text" (2014).
"""

import re
import warnings
from importlib.metadata import version
from typing import Any

from streams.mood.methods import Method

__all__ = ["english"]

# What is read of a text: one of the library's rules compares each word with all before it, and an emoji becomes six words.
_MOST_WORDS, _MOST_SIGNS = 1_000, 200
_SIGNS = re.compile(f"(?:[^\u2000-\U0010ffff]*+[\u2000-\U0010ffff]){{{_MOST_SIGNS}}}")


def english() -> Method:
    """Return the method. Raises ImportError where the extra `sentiment` is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how the library opens its lexicon
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 - the extra sentiment

        class Bounded(SentimentIntensityAnalyzer):  # type: ignore[misc]  # the library has no types
            """The library's analyser, whose rules for a word are given that word's neighbours in place of the whole text.

            They look at three words before it and two after it, and copy all that they are given: of a text of a thousand
            moody words the library makes 4,000 copies.
            """

            @staticmethod
            def _negation_check(valence: float, words: list[str], start_i: int, i: int) -> Any:
                first = max(0, i - 3)
                check = SentimentIntensityAnalyzer._negation_check  # noqa: SLF001 - it is what this replaces
                return check(valence, words[first : i + 1], start_i, i - first)

            @staticmethod
            def _special_idioms_check(valence: float, words: list[str], i: int) -> Any:
                first = max(0, i - 3)
                check = SentimentIntensityAnalyzer._special_idioms_check  # noqa: SLF001 - as above
                return check(valence, words[first : i + 3], i - first)

        scores = Bounded().polarity_scores

    def read(text: str) -> float | None:
        if not text.isascii() and (signs := _SIGNS.match(text)):
            text = signs[0]
        found = scores(" ".join(text.split(maxsplit=_MOST_WORDS)[:_MOST_WORDS]))
        return float(found["compound"]) if found["pos"] or found["neg"] else None

    return Method(f"vaderSentiment {version('vaderSentiment')}", read)
