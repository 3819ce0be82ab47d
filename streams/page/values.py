"""Formats values: for people in tables and labels, for programs in CSV."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from streams.clock import duration
from streams.text.spreadsheets import inert

__all__ = ["change", "for_people", "for_programs"]

NOTHING = "–"


def for_people(value: Any, kind: str = "text") -> str:
    """Return a value as text, times as clocks of their zone show them; what is not there is a dash, never a word of the program's.

    >>> [for_people(1234, "number"), for_people(0.256, "share"), for_people(5400, "duration"), for_people(None)]
    ['1,234', '25.6 %', '1.5 h', '–']
    """
    if value is None or value == "":
        return NOTHING
    return _FORMS.get(kind, _plain)(value)


def change(value: float) -> str:
    """Return a difference with its sign.

    >>> change(1234), change(-3), change(0)
    ('+1,234', '\u22123', '±0')
    """
    said = _number(abs(value))
    return f"+{said}" if value > 0 else f"\u2212{said}" if value < 0 else "±0"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, Mapping):
        return ", ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(value.items())) or NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each) for each in value) or NOTHING
    return str(value)


_FORMS: dict[str, Callable[[Any], str]] = {
    "number": _number,
    "amount": lambda value: f"{value:,.2f}",
    "score": lambda value: f"{value:.3f}",
    "share": lambda value: f"{100 * value:.1f} %",
    "change": change,
    "duration": duration,
    "customer": lambda value: f"#{value:016x}",
}


def for_programs(value: Any, kind: str = "text") -> str:
    """Return a value for a cell of CSV: full precision, times in ISO 8601 with their offset, text that no spreadsheet runs.

    >>> for_programs("=1+1"), for_programs(-1), for_programs(None)
    ("'=1+1", '-1', '')
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool | int | float | Decimal):
        return f"{value:016x}" if kind == "customer" and isinstance(value, int) else str(value)
    text = "" if value in ({}, [], ()) else _plain(value)
    return inert(text)
