"""A change to send, made by hand."""

from typing import Any

from journey.alerts import Alert, Change, Scope
from streams.alerts.ledger import StoredChange

NOW_US = 1_780_617_600_000_000
REASON = {
    "carried_by": [{"kind": "content", "value": "movie", "people": 31}],
    "new_customers": 0.25,
    "stages_before": {"audience": 20, "none": 11},
    "examples": [{"at": "2026-06-05T00:00:00+00:00", "type": "social.share", "content": "movie"}],
    "cascade": None,
    "curve": [["2026-06-04T23:58:00+00:00", 0, 0.4], ["2026-06-04T23:59:00+00:00", 31, 0.4]],
    "sql": "SELECT 1",
}


def told(
    sequence: int = 1, what: Any = "opened", *, at_us: int = NOW_US, silenced: bool = False, **more: Any
) -> StoredChange:
    fields: dict[str, Any] = {
        "id": "00000000000000aa", "brand": "acme", "direction": "for", "scope": Scope("content", "movie"),
        "severity": "warning", "since_us": NOW_US - 120_000_000, "last_hot_us": NOW_US, "people": 31, "expected": 0.8,
    }  # fmt: skip
    return StoredChange(sequence, Change(what, Alert(**fields | more), at_us), silenced, REASON)
