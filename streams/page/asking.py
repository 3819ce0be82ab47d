"""What the page asks of the store for every view: whether its tables changed, and which brands it has."""

from streams.page.scope import Brand, aware
from streams.store import ClickHouse

__all__ = ["brands", "version"]

# Of every table that is written to: a batch is an insert into one after the other, and an answer from between two of them
# is not that of the version after the last. A merge may change a count too: then it is only asked once more.
_COUNTED = (
    "interactions", "identity_links", "identity_map", "evidence", "minute_counts", "stage_changes", "dead_letters",
    "deliveries", "models", "targets", "alerts", "alert_marks",
)  # fmt: skip
_VERSION = "SELECT " + ", ".join(f"(SELECT count() FROM {table})" for table in _COUNTED)
_BRANDS = """
SELECT brand, min(minute) AS first, max(minute) AS last, sum(touches) AS n FROM minute_counts
WHERE brand != 'identity' GROUP BY brand ORDER BY n DESC, brand
"""


def version(store: ClickHouse) -> str:
    """Return a text that changes whenever the tables do."""
    return "-".join(str(count) for count in store.query(_VERSION, {})[0])


def brands(store: ClickHouse) -> list[Brand]:
    """Return the brands that have touches, the busiest first."""
    return [Brand(row["brand"], aware(row["first"]), aware(row["last"])) for row in store.rows(_BRANDS)]
