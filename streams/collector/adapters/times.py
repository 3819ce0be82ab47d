"""Parses the times of foreign formats, texts and numbers, to RFC 3339 in UTC, corrected for the sender's clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.leap_seconds import with_leap_second
from streams.clock import EPOCH, from_us

__all__ = ["corrected", "moment", "rfc3339"]

_MILLISECONDS = (
    1e11  # larger numbers are milliseconds since 1970, not seconds: this many seconds is the year 5138
)
_LONGEST = 40
_DAY, _YEAR = timedelta(days=1), timedelta(days=365)


def moment(value: Any) -> datetime | None:
    """Return an instant from ISO 8601 (without an offset: UTC) or a number of seconds or milliseconds since 1970."""
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            return EPOCH + timedelta(seconds=value / 1000 if value >= _MILLISECONDS else value)
        if not isinstance(value, str) or len(value) > _LONGEST:
            return None
        found = with_leap_second(value.strip(), datetime.fromisoformat)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def corrected(at: datetime, sent: datetime | None, received_us: int) -> datetime:
    """Return when it happened by our clock: what the sender's clock is wrong by, it is wrong by at both times.

    That holds of one clock. A time of sending that is no time (year 1, 1970, 9999) is of none: nothing is sent a day
    before it happened, and no clock that is years away stamped what is years away from it. Then `at` stays as it is.
    """
    if sent is None:
        return at
    skew = from_us(received_us) - sent
    if at - sent > _DAY or (abs(skew) > _YEAR and sent - at > _YEAR):
        return at
    try:
        return at + skew
    except OverflowError:
        return at


def rfc3339(at: datetime | int) -> str:
    """Return an instant, or microseconds since 1970, as the contract has it."""
    if isinstance(at, int):
        at = from_us(at)
    return at.isoformat().replace("+00:00", "Z")
