"""Draws evidence that decays: the score of each stage over time, against the threshold of the stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from streams.page.charts.svg import Scale, TimeScale, axis, figure, mark, path, text
from streams.page.markup import Markup, tag

__all__ = ["Evidence", "Score", "fading"]

_WIDTH, _LEFT, _RIGHT, _ROW, _PLOT = 1040.0, 118.0, 190.0, 74.0, 56.0
_SAMPLES = 120
_DENSE = 500  # pieces of evidence; a curve through more has the even instants alone


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence that one interaction added to a score."""

    at: datetime
    weight: float


@dataclass(frozen=True, slots=True)
class Score:
    """The evidence for one stage, in the order of time.

    Attributes
    ----------
    now
        The score at the end of the period.
    verdict
        What it means, in a few words.
    """

    position: int
    name: str
    evidence: Sequence[Evidence]
    half_life: timedelta
    threshold: float
    now: float | None
    verdict: str


def fading(
    title: str, scores: Sequence[Score], period: tuple[datetime, datetime], zone: tzinfo = UTC
) -> Markup:
    """Return the figure: a row for each stage, in the order given."""
    scale = TimeScale(*period, _LEFT, _WIDTH - _RIGHT, zone)
    height = _ROW * len(scores) + 34
    said = [f"{score.name}: {_figure(score)}, {score.verdict}" for score in scores]
    rows = [
        mark(told, _row(score, scale, period, n * _ROW))
        for n, (score, told) in enumerate(zip(scores, said, strict=True))
    ]
    return figure(
        "fading", title, "; ".join(said), (_WIDTH, height), rows, axis(scale, _ROW * len(scores) + 6, most=8)
    )


def _figure(score: Score) -> str:
    return "no evidence" if score.now is None else f"{score.now:.3f}, needs {score.threshold:g}"


def _row(score: Score, scale: TimeScale, period: tuple[datetime, datetime], top: float) -> list[Markup]:
    points = _points(score, period)
    most = max([score.threshold, *(value for _, value in points)]) * 1.1
    up = Scale(0, most, top + _PLOT + 8, top + 8)
    curve = [(scale(at), up(max(value, 0))) for at, value in points]
    ground = up(0)
    area = path([(curve[0][0], ground), *curve, (curve[-1][0], ground)], closed=True) if curve else ""
    level = up(score.threshold)
    return [
        tag("rect", x=0, y=top + 2, width=_WIDTH, height=_ROW - 4, class_="hit"),
        text(0, top + 40, score.name, "strong", hidden=True),
        tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=ground, y2=ground, class_="grid"),
        tag("path", d=area, class_=f"fade stage-{score.position}"),
        tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=level, y2=level, class_="threshold"),
        text(_WIDTH - _RIGHT + 14, top + 34, _figure(score), "figure-text", hidden=True),
        text(_WIDTH - _RIGHT + 14, top + 51, score.verdict, "small", hidden=True),
    ]


def _points(score: Score, period: tuple[datetime, datetime]) -> list[tuple[datetime, float]]:
    """Return the curve, in one walk along time: at even instants, and on both sides of each interaction."""
    if not score.evidence:
        return []
    since, until = period
    even = [since + (until - since) * n / _SAMPLES for n in range(_SAMPLES + 1)]
    stops = sorted(
        [(at, 0.0) for at in even] + [(each.at, each.weight) for each in score.evidence if each.at <= until]
    )
    value, last, found = 0.0, stops[0][0], []
    is_dense = len(score.evidence) > _DENSE
    for at, weight in stops:
        value *= 0.5 ** ((at - last) / score.half_life)
        last = at
        if weight and at >= since and not is_dense:
            found.append((at, value))
        value += weight
        if at >= since and not (weight and is_dense):
            found.append((at, value))
    return found
