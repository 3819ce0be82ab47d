"""Reads the clock, as the only module that does, and converts times to and from microseconds."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timezone, tzinfo
from zoneinfo import ZoneInfo

__all__ = [
    "EPOCH",
    "Clock",
    "aware",
    "duration",
    "exact",
    "from_us",
    "in_zone",
    "is_zone",
    "system_clock",
    "to_us",
    "with_offset",
]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Clock = Callable[[], int]  # int64 microseconds since 1970, UTC


def system_clock() -> int:
    """Return the time now, in microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def from_us(at_us: int) -> datetime:
    """Return an aware datetime.

    >>> from_us(1_735_689_600_000_000).isoformat()
    '2025-01-01T00:00:00+00:00'
    """
    seconds, rest = divmod(at_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def to_us(at: datetime) -> int:
    """Return microseconds since 1970, UTC; `at` must be aware."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def in_zone(at_us: int, zone: str) -> datetime:
    """Return an instant in a time zone.

    >>> f"{in_zone(1_750_000_000_000_000, 'Europe/Paris'):%H:%M %Z}"
    '17:06 CEST'
    """
    return from_us(at_us).astimezone(ZoneInfo(zone))


def with_offset(at: datetime, zone: tzinfo) -> datetime:
    """Return an instant in a time zone, with the offset that it has there then.

    Of two instants that have the zone itself, Python would subtract what clocks show, and lose the hour that a clock is put.

    >>> begins, ends = (with_offset(from_us(s * 10**6), ZoneInfo("Europe/Paris")) for s in (1_792_879_200, 1_792_969_200))
    >>> f"{begins:%-d %b %H:%M} to {ends:%-d %b %H:%M}: {ends - begins}"
    '25 Oct 00:00 to 26 Oct 00:00: 1 day, 1:00:00'
    """
    shown = at.astimezone(zone)
    if (offset := shown.utcoffset()) is None or zone is UTC:
        return shown
    return shown.replace(tzinfo=timezone(offset, shown.tzname() or ""), fold=0)


def is_zone(name: str) -> bool:
    """Return whether a text names a time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # of a name that is a path, or a folder
        return False
    return True


def exact(at: datetime) -> str:
    """Return an instant for a parameter of a query: of a datetime ClickHouse's client cuts the microseconds off.

    >>> exact(from_us(1_735_689_600_000_001))
    '2025-01-01 00:00:00.000001'
    """
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def duration(seconds: float) -> str:
    """Return how long something lasts, for people.

    >>> duration(5_400), duration(59), duration(200_000)
    ('1.5 h', '59 s', '2.3 d')
    """
    for unit, name in _UNITS:
        if abs(seconds) >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def aware(at: datetime) -> datetime:
    """Return an instant with its zone: the store's client leaves UTC out."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
