"""The mood of a text: by brand and language, as the library computes it, within bounds, and never an error of an event."""

import csv
import logging
import string
import sys
import time
import warnings
from importlib import import_module
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.mood import methods
from streams.mood.english import english
from streams.mood.methods import Method, MethodError, method_for
from streams.mood.moods import MAX_TEXT, Moods, moods_of
from streams.settings import SettingsError
from streams.settings.sentiment import languages
from tests.benchmarks.mood import POSTS, figures

ENGLISH = english()
ANGRY, HAPPY = "I hate this horrible service", "Love it!! 😍"
WORDS = [
    "good",
    "GOOD",
    "bad",
    "great",
    "hate",
    ":)",
    ":(",
    "😍",
    "😡",
    "not",
    "never",
    "no",
    "nor",
    "but",
    "kind",
    "of",
    "sort",
    "so",
    "this",
    "without",
    "doubt",
    "least",
    "at",
    "very",
    "the",
    "shit",
    "bad",
    "ass",
    "yeah",
    "right",
    "to",
    "die",
    "for",
    "bus",
    "stop",
    "isn't",
    "really",
    "hardly",
    "a",
    "x",
    "!",
    "???",
    "don't",
    "LOVE",
    "ok,",
    "(sad)",
]


@pytest.fixture(scope="module")
def library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 - it warns

        return SentimentIntensityAnalyzer().polarity_scores


@given(words=st.lists(st.sampled_from(WORDS) | st.text(string.ascii_letters, max_size=6), max_size=40))
def test_english_is_what_the_library_says(library, words):
    text = " ".join(words)
    theirs = library(text)
    says_nothing = not (theirs["pos"] or theirs["neg"])
    assert ENGLISH.read(text) == (None if says_nothing else theirs["compound"])


def test_the_made_up_posts_are_told_apart_as_they_were_when_this_was_written():
    found = figures(POSTS)
    assert (found["texts"], found["angry"], found["happy"]) == (168, 66, 64)
    assert found["auc"] > 0.8
    assert found["angry_caught"] > 5 * found["happy_caught"]
    with POSTS.open(encoding="utf-8") as file:
        assert len({row["text"] for row in csv.DictReader(file)}) == 168


def test_a_brand_has_its_languages_and_a_text_its_own_or_the_first():
    moods = Moods(languages("en, quiet=off"))
    assert moods.read("any", "", ANGRY).sentiment < -0.3 < 0.3 < moods.read("any", "", HAPPY).sentiment
    assert (
        moods.read("any", "en-GB-oxendict", ANGRY)
        == moods.read("any", "EN", ANGRY)
        == moods.read("b", "", ANGRY)
    )
    assert moods.read("any", "", ANGRY).by.startswith("vaderSentiment 3.")
    assert moods.read("any", "", ANGRY).by.endswith(" en")
    for brand, language, text in (("quiet", "", ANGRY), ("quiet", "en", ANGRY), ("any", "fr", ANGRY), ("any", "e", ANGRY), ("any", "", "gate 4"), ("any", "", "")):  # fmt: skip
        assert moods.read(brand, language, text) is None
    assert {labels[0]: count for _, labels, count in moods.samples()} == {"read": 7, "no_method": 2, "nothing_found": 1}  # fmt: skip
    only = Moods(languages("loud=en"))
    assert (only.read("other", "en", ANGRY), bool(only), bool(Moods({})), bool(Moods(languages("off")))) == (None, True, False, False)  # fmt: skip
    assert only.read("loud", "", ANGRY)


@pytest.mark.parametrize(
    "wrong",
    ["en, de", "english language!", "nova=", "=en", "en en", "en off", "a=en, a=fr", "en=", "f", "en;de"],
)
def test_a_setting_that_is_wrong_is_refused(wrong):
    with pytest.raises(SettingsError, match="JOURNEY_SENTIMENT"):
        languages(wrong)


def test_a_setting_names_languages_by_brand():
    assert languages("") == {}
    assert languages(" EN  de-CH , nova = fr , x=off") == {"": ("en", "de-ch"), "nova": ("fr",), "x": ()}


def with_points(monkeypatch, *points):
    monkeypatch.setattr(methods, "entry_points", lambda **_: points)


def point(name, value):
    return EntryPoint(name, value, methods.GROUP)


def french():
    return Method("lexique 1.0", lambda text: -1.0 if "nul" in text else None)


def other():
    return Method("other", lambda _: 0.5)


def nonsense():
    return "no method"


def broken():
    raise OSError("no file")


def missing():
    import_module("a_package_that_is_not_there")


HERE = f"{__name__}:"


def test_a_package_brings_another_language_and_goes_before_our_own(monkeypatch):
    with_points(monkeypatch, point("fr", HERE + "french"), point("en", "streams.mood.english:english"), point("EN", HERE + "other"))  # fmt: skip
    moods = Moods(languages("fr en"))
    assert moods.read("b", "", "c'est nul").by == "lexique 1.0 fr"
    assert moods.read("b", "en", ANGRY).sentiment == 0.5


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "no package"),
        ([("fr", "french"), ("fr", "other")], "several packages"),
        ([("fr", "nonsense")], "makes no"),
        ([("fr", "broken")], r"OSError"),
        ([("fr", "missing")], r"ModuleNotFoundError"),
    ],
)
def test_a_language_without_a_method_is_told_at_the_start(monkeypatch, points, why):
    with_points(monkeypatch, *(point(name, HERE + value) for name, value in points))
    with pytest.raises(MethodError, match=why):
        Moods({"": ("fr",)})


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    with pytest.raises(MethodError, match=r"pip install 'customer-journey-engine\[sentiment\]'"):
        method_for("en")


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("the text: zzplanted"),
        RecursionError(),
        float("nan"),
        float("inf"),
        1.5,
        -2,
        "high",
        [1],
        object(),
    ],
)
def test_a_method_that_fails_is_counted_and_told_once_without_the_text(monkeypatch, caplog, answer):
    def read(text):
        if isinstance(answer, Exception):
            raise answer
        return answer

    with_points(monkeypatch, point("en", HERE + "other"))
    moods = Moods({"": ("en",)})
    moods._methods["en"] = Method("m", read)
    with caplog.at_level(logging.DEBUG):
        assert [moods.read("b", "", "zzplanted") for _ in range(3)] == [None] * 3
    assert [(labels, count) for _, labels, count in moods.samples()] == [(("failed",), 3)]
    assert len(caplog.records) == 1
    assert "zzplanted" not in caplog.text


ODD = [
    "\0", "\ud800", "\udc00 bad \ud83d", "\ufeffbad", "\u202eterrible\u202c", "a\u0301" * 5_000, "\U0010ffff" * 3, "<" * 9_999, "\x1b[31mbad",
    ":) " * 4_000, "good but " * 2_000, "but " + "😍" * 12_000, "a 😍 but " * 2_000, "not good so bad " * 900, "x" * 1_000_000, "bad " * 250_000,
    "!" * 50_000, "\n" * 50_000, "kind of " * 2_000, "漢" * 50_000, "never so good but " * 1_000, "' \" \\ {} %s",
]  # fmt: skip


def test_odd_texts_are_read_within_bounds():
    moods = Moods({"": ("en",)})
    started_s = time.process_time()
    for text in ODD:
        mood = moods.read("b", "", text)
        assert mood is None or -1 <= mood.sentiment <= 1
    assert time.process_time() - started_s < 5, "each takes some milliseconds"
    assert not [labels for _, labels, _ in moods.samples() if labels == ("failed",)]


def test_what_is_beyond_the_longest_is_not_read():
    moods = Moods({"": ("en",)})
    assert moods.read("b", "", "word " * (MAX_TEXT // 5) + "horrible") is None
    assert moods.read("b", "", "horrible " + "word " * MAX_TEXT) is not None


@given(text=st.text(alphabet=st.characters(codec=None), max_size=200))
def test_any_text_is_safe(text):
    mood = moods_of({"": ("en",)}).read("b", "", text)
    assert mood is None or -1 <= mood.sentiment <= 1
