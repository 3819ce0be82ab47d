"""Formats a query with its parameters as literals, to be read, copied and run."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from textwrap import dedent
from typing import Any

__all__ = ["CARRIED", "EXPIRED", "MINUTE", "OF_EXPIRED", "literal", "written"]

# What ends a text, or the query (NUL), or cannot be seen in one that is copied.
_ESCAPED = str.maketrans({"\\": r"\\", "'": r"\'", "\0": r"\0", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
_PARAMETER = re.compile(r"\{(\w+):([^{}]+)\}")


def written(sql: str, parameters: Mapping[str, Any]) -> str:
    r"""Return the query with each {name:Type} as a literal.

    >>> written("SELECT {brand:String}, {n:UInt8}", {"brand": "o'hara", "n": 3})
    "SELECT 'o\\'hara', 3"
    """
    return _PARAMETER.sub(lambda found: literal(parameters[found[1]], found[2]), dedent(sql).strip())


def literal(value: Any, kind: str) -> str:
    """Return a value as ClickHouse reads it; what is neither number nor text names its type."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'::{kind}"
    if isinstance(value, date):
        return f"'{value:%Y-%m-%d}'::{kind}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        inner = kind.removeprefix("Array(").removesuffix(")")
        return f"[{', '.join(literal(each, inner) for each in value)}]"
    return f"'{str(value).translate(_ESCAPED)}'"


CARRIED = "number IN (SELECT max(number) FROM expiries GROUP BY brand)"
"""The condition on sums of expired interactions that count: of each brand, those of its latest expiry."""

EXPIRED = "number IN (SELECT number FROM expiries)"
"""The condition on keys of expired events that count: not those of an expiry that was interrupted."""

OF_EXPIRED = ("carried_evidence", "carried_touches", "carried_handles", "expired_events")
"""Tables of what is kept of expired interactions, a row for a handle; carried_links has one for a pair."""

MINUTE = "fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Micro(time) / 60000000) * 60), 'UTC')"  # of `time`
