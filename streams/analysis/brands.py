"""Queries what every view of the page needs: a version that changes with the tables, and the brands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from streams.clock import aware
from streams.store.clickhouse import ClickHouse

__all__ = ["Brand", "brands", "said", "version"]

_SAID = 10  # names in an error


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand with the first and the last day on which it has touches; before `horizon` they have expired, None for none."""

    name: str
    first: datetime
    last: datetime
    horizon: datetime | None = None


# Of every table that is written to: a batch is an insert into one after the other, and an answer from between two of them
# is not that of the version after the last. A merge may change a count too: then it is only asked once more.
_COUNTED = (
    "interactions", "identity_links", "identity_map", "evidence", "minute_counts", "stage_changes", "dead_letters",
    "deliveries", "models", "targets", "alerts", "alert_marks", "retention", "expiries", "audience_changes",
)  # fmt: skip
_VERSION = "SELECT " + ", ".join(f"(SELECT count() FROM {table})" for table in _COUNTED)
_BRANDS = """
SELECT b.brand AS brand, b.first AS first, b.last AS last, if(h.brand = '', NULL, h.horizon) AS horizon FROM
(
    SELECT toString(brand) AS brand, min(minute) AS first, max(minute) AS last, sum(touches) AS n FROM minute_counts GROUP BY brand
) AS b
LEFT JOIN (SELECT toString(brand) AS brand, horizon FROM horizons) AS h ON h.brand = b.brand
ORDER BY b.n DESC, brand
"""


def version(store: ClickHouse) -> str:
    """Return a text that changes whenever the tables do."""
    return "-".join(str(count) for count in store.query(_VERSION, {})[0])


def brands(store: ClickHouse) -> list[Brand]:
    """Return the brands that have touches, the busiest first."""
    return [
        Brand(row["brand"], aware(row["first"]), aware(row["last"]), row["horizon"] and aware(row["horizon"]))
        for row in store.rows(_BRANDS)
    ]


def said(names: Sequence[str]) -> str:
    """Return names of brands for an error: the first of them, and how many more there are."""
    return ", ".join(names[:_SAID]) + (f" and {len(names) - _SAID} more" if names[_SAID:] else "")
