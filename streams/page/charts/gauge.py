"""Draws a bar of a share beside a figure; the figure says what it shows."""

from streams.page.markup import Markup, tag

__all__ = ["gauge"]


def gauge(share: float, class_: str, *, tracked: bool = False) -> Markup:
    """Return the bar of a share, 0 to 1; `tracked` shows the whole behind it."""
    return tag(
        "svg",
        tag("rect", width=100, height=6, class_="track") if tracked else None,
        tag("rect", width=100 * share, height=6, class_=class_),
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        aria_hidden="true",
        class_="figure gauge",
    )
