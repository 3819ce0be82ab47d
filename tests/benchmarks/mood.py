"""How well the sentiment of English texts tells angry from happy ones, by labels that people gave, and what a text costs.

`python -m tests.benchmarks mood FILE.csv` measures on a file with the columns text and label (negative, positive, or another, which
is neither); without a file, on the posts of tests/mood/posts.csv, which were made up for this and say little of other texts.
"""

import csv
import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streams.mood.moods import moods_of

__all__ = ["auc", "figures", "run"]

POSTS = Path(__file__).parents[1] / "mood" / "posts.csv"
_RESAMPLED = 1_000
_CLEARLY = -0.3  # at most this is clearly negative, by the default A-Path model
_WORDS = [
    "the",
    "a",
    "to",
    "we",
    "and",
    "was",
    "is",
    "it",
    "they",
    "at",
    "film",
    "store",
    "time",
    "bad",
    "good",
    "great",
    "late",
    "again",
    "never",
    "thanks",
    "really",
    "love",
    "hate",
    "wait",
    "food",
]
_GENERATED = 20_000


def auc(angry: NDArray[np.float64], happy: NDArray[np.float64]) -> float:
    """Return how often a happy text has more than an angry one; equal ones count half."""
    ordered = np.sort(angry)
    below = np.searchsorted(ordered, happy, "left") + np.searchsorted(ordered, happy, "right")
    return float(below.sum() / (2 * len(angry) * len(happy)))


def figures(path: Path) -> dict[str, float]:
    """Return what is measured on a file: counts, the area under the curve with its 95 % interval, shares, and µs a text."""
    moods = moods_of({"": ("en",)})
    with path.open(encoding="utf-8", newline="") as file:
        posts = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    moods.read("", "", "warm")
    started_s = time.process_time()
    found = [moods.read("", "", text) for text, _ in posts]
    took_s = time.process_time() - started_s
    scores = np.array(
        [0.0 if mood is None else mood.sentiment for mood in found]
    )  # as a text that says nothing
    labels = np.array([label for _, label in posts])
    angry, happy = scores[labels == "negative"], scores[labels == "positive"]
    chance = np.random.default_rng(7)
    drawn = [
        auc(chance.choice(angry, len(angry)), chance.choice(happy, len(happy))) for _ in range(_RESAMPLED)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {
        "texts": len(posts), "angry": len(angry), "happy": len(happy), "without": sum(mood is None for mood in found),
        "auc": auc(angry, happy), "low": float(low), "high": float(high), "angry_caught": float(np.mean(angry <= _CLEARLY)),
        "happy_caught": float(np.mean(happy <= _CLEARLY)), "others_caught": _share(scores[~np.isin(labels, ["negative", "positive"])]),
        "us": took_s / len(posts) * 1e6,
    }  # fmt: skip


def _share(others: NDArray[np.float64]) -> float:
    return float(np.mean(others <= _CLEARLY)) if len(others) else 0.0


def run(paths: Sequence[Path]) -> None:
    """Print the figures of each file, and of generated texts what one costs."""
    for path in paths or [POSTS]:
        found = figures(path)
        print(
            f"{path.name}: {found['texts']:,} texts, {found['angry']:,} angry, {found['happy']:,} happy; area under the curve"
            f" {found['auc']:.3f} ({found['low']:.3f} to {found['high']:.3f}); at most {_CLEARLY}: {found['angry_caught']:.1%} of the"
            f" angry, {found['happy_caught']:.1%} of the happy, {found['others_caught']:.1%} of the others; nothing found in"
            f" {found['without']:,}; {found['us']:.0f} µs of CPU a text"
        )
    moods, chance = moods_of({"": ("en",)}), random.Random(7)
    for words in (5, 20, 50, 200):
        texts = [" ".join(chance.choices(_WORDS, k=words)) for _ in range(_GENERATED // words)]
        started_s = time.process_time()
        for text in texts:
            moods.read("", "", text)
        print(
            f"generated, of {words} words: {(time.process_time() - started_s) / len(texts) * 1e6:.0f} µs of CPU a text"
        )
