"""Builds HTML and SVG as text, with every value escaped unless it was built here."""

import math
from collections.abc import Iterable
from html import escape

__all__ = ["Child", "Markup", "number", "tag", "together"]

_VOID = {"link", "meta", "input", "br", "hr", "img"}


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


Child = str | None | Iterable["Child"]
"""Text (escaped), Markup (as it is), None (nothing), or several of them."""
_Value = str | float | bool | None


def tag(name: str, /, *children: Child, **attributes: _Value) -> Markup:
    """Return an element.

    Parameters
    ----------
    attributes
        ``class_`` is class, ``data_row`` is data-row; None and False leave an attribute out, True gives it no value.

    Raises
    ------
    ValueError
        An attribute is not a number (NaN) or has no end: nothing could be drawn there.

    Examples
    --------
    >>> tag("p", "a < b", tag("b", "c"), class_="note", hidden=True)
    '<p class="note" hidden>a &lt; b<b>c</b></p>'
    """
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Markup(opened if name in _VOID else f"{opened}{together(children)}</{name}>")


def together(children: Child) -> Markup:
    """Return one after the other, escaped where they are not markup."""
    if children is None:
        return Markup()
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(escape(children))
    return Markup("".join(together(child) for child in children))


def _attribute(key: str, value: _Value) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = value if isinstance(value, str) else number(value)
    return f' {name}="{escape(text)}"'


def number(value: float) -> str:
    """Return a coordinate with at most two decimals.

    >>> [number(1.0), number(2.345), number(-0.001)]
    ['1', '2.35', '0']
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} has no place in a drawing")
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
