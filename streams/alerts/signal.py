"""Counts of distinct customers who praise or attack, from the store: exact as of now, whatever came twice or late."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from journey.alerts import MINUTE_US, Scope
from streams.clock import exact, from_us

__all__ = ["DIRECTIONS", "Asked", "Minutes", "Signal", "Watched"]

DIRECTIONS = ("for", "against")
_HOUR_US = 60 * MINUTE_US

Watched = tuple[str, str]  # brand and direction
Minutes = Mapping[int, Mapping[Scope, int]]  # start of the minute to people by scope


class Asked(Protocol):
    """What is asked: `streams.store.ClickHouse`, or what answers like it."""

    def query(
        self, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Run a query and return rows."""


class Signal:
    """Asks the views of migration 0013, by the model in force when `counts` was asked last."""

    def __init__(self, store: Asked) -> None:
        self._store = store
        self._model = ""

    def first_minutes(self) -> dict[str, int]:
        """Return, for each brand, the minute of its earliest interaction."""
        rows = self._store.query(
            "SELECT brand, toUnixTimestamp(min(minute)) FROM minute_counts GROUP BY brand", {}
        )
        return {str(brand): int(minute_s) * 1_000_000 for brand, minute_s in rows}

    def counts(self, since_us: int, until_us: int, brand: str | None = None) -> dict[Watched, Minutes]:
        """Return the people of each minute that begins in a period, of one brand or all; minutes with nobody are absent."""
        self._model = ""
        where = "minute >= {first:DateTime('UTC')}" + ("" if brand is None else " AND brand = {brand:String}")
        rows = self._store.query(
            f"SELECT brand, direction, kind, value, toUnixTimestamp(minute), people FROM {_VIEW} WHERE {where}",
            self._period(since_us - _HOUR_US, until_us) | {"first": from_us(since_us), "brand": brand or ""},
        )
        found: dict[Watched, dict[int, dict[Scope, int]]] = defaultdict(lambda: defaultdict(dict))
        for of, direction, kind, value, minute_s, people in rows:
            found[str(of), str(direction)][int(minute_s) * 1_000_000][Scope(str(kind), str(value))] = int(
                people
            )
        return dict(found)

    def people(self, watched: Watched, scope: Scope, since_us: int, until_us: int) -> int:
        """Return the distinct customers of a scope in a period."""
        sql = f"SELECT uniqExact(customer) FROM {TOUCHES} WHERE {OF_SCOPE}"
        return int(self._store.query(sql, self._period(since_us, until_us) | of_scope(watched, scope))[0][0])

    def _period(self, since_us: int, until_us: int) -> dict[str, Any]:
        return {"model": self.model(), "since": exact(from_us(since_us)), "until": exact(from_us(until_us))}

    def model(self) -> str:
        """Return the hash of the model; raises LookupError where there is none."""
        if not self._model:
            rows = self._store.query("SELECT model FROM model_in_force", {})
            if not rows:
                raise LookupError("no A-Path model is in force: run journey migrate")
            self._model = str(rows[0][0])
        return self._model


_ARGUMENTS = (
    "model = {model:String}, since = {since:DateTime64(6, 'UTC')}, until = {until:DateTime64(6, 'UTC')}"
)
_VIEW = f"advocates_by_minute({_ARGUMENTS})"
TOUCHES = f"advocacy_touches({_ARGUMENTS})"
OF_SCOPE = (
    "brand = {brand:String} AND direction = {direction:String}"
    " AND ({kind:String} = 'brand' OR multiIf({kind:String} = 'channel', toString(channel), {kind:String} = 'place', toString(place),"
    " {kind:String} = 'product', product, content) = {value:String})"
)


def of_scope(watched: Watched, scope: Scope) -> dict[str, str]:
    """Return the parameters of OF_SCOPE."""
    return {"brand": watched[0], "direction": watched[1], "kind": scope.kind, "value": scope.value}
