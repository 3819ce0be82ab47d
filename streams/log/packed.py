"""Carries a timestamp in Kafka headers: when the oldest frame was packed from which a record between workers follows."""

from collections.abc import Mapping, Sequence

from streams.text.digits import whole_number

__all__ = ["headers_of", "packed_us_of"]

_NAME = "packed_us"

Headers = Sequence[tuple[str, bytes]]


def headers_of(packed_us: int) -> list[tuple[str, bytes]]:
    """Return the headers of a record; none where the instant is not known (0)."""
    return [(_NAME, str(packed_us).encode())] if packed_us else []


def packed_us_of(headers: Headers | Mapping[str, bytes] | None) -> int:
    """Return the instant in the headers of a record, 0 without any.

    >>> packed_us_of(headers_of(1_735_689_600_000_000))
    1735689600000000
    >>> packed_us_of([("packed_us", b"yesterday")])
    0
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    for name, value in pairs:
        if name == _NAME and value is not None:
            return whole_number(value.decode("latin-1")) or 0
    return 0
