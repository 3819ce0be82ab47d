"""Describes customers as people know them: by what kinds of handle, and where they were last."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from journey.identity.handle import KINDS
from streams.clock import aware
from streams.page.scope import Scope
from streams.store.clickhouse import ClickHouse

__all__ = ["Described", "described", "known_by"]

_NAMES = {
    "user": "account", "email": "e-mail", "phone": "phone", "loyalty": "loyalty card", "social": "social account",
    "cookie": "browser", "device": "device",
}  # fmt: skip
_SAID = 3  # kinds that are named
_HANDLES = "SELECT handle, kind, customer FROM customers WHERE customer IN {customers:Array(UInt64)}"
_LAST = """
SELECT handle, argMaxIf(toString(place), time, place != '') AS spot, maxIf(time, place != '') AS at
FROM interactions_kept
WHERE brand = {brand:String} AND handle IN {handles:Array(UInt64)} AND time <= {now:DateTime64(6, 'UTC')} AND NOT startsWith(type, 'identity.')
GROUP BY handle HAVING spot != ''
"""


@dataclass(frozen=True, slots=True)
class Described:
    """A customer: kinds of handle in words, the latest place, and when that was; "" and None for none."""

    known: str
    place: str = ""
    at: datetime | None = None

    @property
    def where(self) -> str:
        """The latest place in words, "" for none."""
        return f"last at {self.place} on {self.at:%-d %b %Y}" if self.at else ""


def known_by(kinds: Collection[str]) -> str:
    """Return kinds of handle in words, the three first by priority by name.

    >>> known_by({"email", "loyalty", "cookie"}), known_by({"email", "loyalty", "cookie", "user", "phone"})
    ('E-mail, loyalty card, browser', 'Account, e-mail, phone and 2 more')
    """
    names = [_NAMES[kind] for kind in KINDS if kind in kinds]
    said = ", ".join(names[:_SAID]) + (f" and {len(names) - _SAID} more" if names[_SAID:] else "")
    return said[:1].upper() + said[1:]


def described(store: ClickHouse, scope: Scope, customers: Collection[int]) -> Mapping[int, Described]:
    """Return those who are known, by their number."""
    if not customers:
        return {}
    found = store.rows(_HANDLES, {"customers": list(customers)})
    kinds: dict[int, set[str]] = {}
    for row in found:
        kinds.setdefault(row["customer"], set()).add(row["kind"])
    asked = {**scope.parameters, "handles": [row["handle"] for row in found]}
    last = {row["handle"]: (aware(row["at"]), row["spot"]) for row in store.rows(_LAST, asked)}
    latest: dict[int, tuple[datetime, str]] = {}
    for row in found:
        if (there := last.get(row["handle"])) is not None:
            latest[row["customer"]] = max(latest.get(row["customer"], there), there)
    return {
        customer: Described(
            known_by(of),
            *((latest[customer][1], scope.local(latest[customer][0])) if customer in latest else ()),
        )
        for customer, of in kinds.items()
    }
