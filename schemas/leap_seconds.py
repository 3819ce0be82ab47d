"""Reads leap seconds, which RFC 3339 has and no clock of ours: 23:59:60 UTC is the instant at which the next day begins."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["with_leap_second"]

_LEAP = re.compile(r"(?<=:\d\d:)60(?!\d)")
_SECOND = timedelta(seconds=1)
_LAST = (23, 59, 59)


def with_leap_second(text: str, parse: Callable[[str], datetime]) -> datetime:
    """Return what `parse` makes of a time, and of a leap second the instant after the second before it.

    Raises
    ------
    ValueError
        As `parse` does; or the second 60 is not the last one of a day in UTC.

    >>> with_leap_second("2016-12-31T15:59:60.5-08:00", datetime.fromisoformat).isoformat()
    '2016-12-31T16:00:00.500000-08:00'
    """
    plain = _LEAP.sub("59", text, count=1)
    found = parse(plain)
    if plain == text:
        return found
    try:
        utc = found.astimezone(UTC) if found.tzinfo else found
        if (utc.hour, utc.minute, utc.second) != _LAST:
            raise ValueError("second 60 is at the end of a day in UTC, 23:59:60")
        return found + _SECOND
    except OverflowError:
        raise ValueError("a time beyond the year 9999") from None
