"""Renders a few figures side by side, each with its change and a bar; they wrap on a phone."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.page.charts.gauge import gauge
from streams.page.markup import Markup, tag

__all__ = ["Stat", "stats"]


@dataclass(frozen=True, slots=True)
class Stat:
    """A figure.

    Attributes
    ----------
    name, value
        What it is, and how much, as text.
    notes
        Short remarks under it: its share, its change.
    share
        Length of the bar, 0 to 1; None for none.
    href
        Address that it leads to: exactly what it counts.
    class_
        Of the bar.
    """

    name: str
    value: str
    notes: Sequence[str] = ()
    share: float | None = None
    href: str | None = None
    class_: str = "accent"


def stats(label: str, shown: Sequence[Stat]) -> Markup:
    """Return the figures as a list that is named."""
    return tag("ul", (tag("li", _stat(each)) for each in shown), class_="stats", aria_label=label)


def _stat(each: Stat) -> Markup:
    bar = None if each.share is None else gauge(max(each.share, 0.01), each.class_, tracked=True)
    parts = (
        tag("span", each.name, class_="name"),
        tag("strong", each.value),
        bar,
        tag("span", (tag("span", note) for note in each.notes), class_="notes"),
    )
    return tag("a", parts, href=each.href) if each.href else tag("div", parts)
