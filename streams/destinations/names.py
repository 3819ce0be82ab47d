"""Names an audience of a destination, as the table feed_positions and metrics have it."""

from collections.abc import Collection

from streams.store.clickhouse import ClickHouse

__all__ = ["former", "parts_of", "receiver_of"]

_BETWEEN = "/"  # in no name of a receiver


def receiver_of(destination: str, audience: str) -> str:
    """Return the name under which it is kept how far an audience of a destination is.

    >>> receiver_of("crm", "about-to-lapse")
    'crm/about-to-lapse'
    """
    return f"{destination}{_BETWEEN}{audience}"


def parts_of(receiver: str) -> tuple[str, str]:
    """Return destination and audience.

    >>> parts_of("crm/about-to-lapse")
    ('crm', 'about-to-lapse')
    """
    destination, _, audience = receiver.partition(_BETWEEN)
    return destination, audience


def former(store: ClickHouse, destination: str, audiences: Collection[str]) -> dict[str, str]:
    """Return the brand, by name, of audiences that a destination had and that are in the file no more: their members leave."""
    rows = store.rows(
        "SELECT toString(audience) AS audience, argMax(toString(brand), number) AS brand FROM audience_changes"
        " WHERE concat({prefix:String}, audience) IN (SELECT receiver FROM feed_positions)"
        " GROUP BY audience ORDER BY audience",
        {"prefix": destination + _BETWEEN},
    )
    return {row["audience"]: row["brand"] for row in rows if row["audience"] not in audiences}
