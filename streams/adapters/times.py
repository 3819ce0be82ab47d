"""Times of foreign formats: texts and numbers in, RFC 3339 in UTC out."""

from datetime import UTC, datetime, timedelta
from typing import Any

from streams.clock import EPOCH, from_us

__all__ = ["corrected", "moment", "rfc3339"]

_MILLISECONDS = (
    1e11  # larger numbers are milliseconds since 1970, not seconds: this many seconds is the year 5138
)
_LONGEST = 40


def moment(value: Any) -> datetime | None:
    """Return an instant from ISO 8601 (without an offset: UTC) or a number of seconds or milliseconds since 1970."""
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            return EPOCH + timedelta(seconds=value / 1000 if value >= _MILLISECONDS else value)
        if not isinstance(value, str) or len(value) > _LONGEST:
            return None
        found = datetime.fromisoformat(value.strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def corrected(at: datetime, sent: datetime | None, received_us: int) -> datetime:
    """Return when it happened by our clock: what the sender's clock is wrong by, it is wrong by at both times."""
    if sent is None:
        return at
    try:
        return at + (from_us(received_us) - sent)
    except OverflowError:
        return at


def rfc3339(at: datetime | int) -> str:
    """Return an instant, or microseconds since 1970, as the contract has it."""
    if isinstance(at, int):
        at = from_us(at)
    return at.isoformat().replace("+00:00", "Z")
