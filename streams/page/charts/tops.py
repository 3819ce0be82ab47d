"""Renders ranked names in groups, each with a bar and its count; they wrap on a phone."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.page.charts.gauge import gauge
from streams.page.markup import Markup, tag, together

__all__ = ["Group", "Top", "tops"]


@dataclass(frozen=True, slots=True)
class Top:
    """A name with its count and what that is called, 0 to `most` of its group."""

    name: str
    count: int
    said: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Names under a heading, the first of each the most; `class_` is that of the bars."""

    heading: str
    lists: Sequence[tuple[str, Sequence[Top]]]
    class_: str = "accent"


def tops(groups: Sequence[Group]) -> Markup:
    """Return the groups beside each other, each list on the scale of its group."""
    return tag("div", (_group(group) for group in groups), class_="tops")


def _group(group: Group) -> Markup:
    most = max((top.count for _, found in group.lists for top in found), default=1)
    lists = [
        together([tag("h4", name), tag("ol", (tag("li", _top(top, most, group.class_)) for top in found))])
        for name, found in group.lists
    ]
    return tag("div", tag("h3", group.heading), lists)


def _top(top: Top, most: int, class_: str) -> list[Markup]:
    name = tag("a", top.name, href=top.href) if top.href else tag("span", top.name)
    return [name, tag("span", top.said, class_="said-of"), gauge(top.count / most, class_)]
