"""Queries the counts of distinct customers who praise or attack a brand: exact as of now, late events included."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from journey.alerts import MINUTE_US, Scope
from streams.clock import exact, from_us

__all__ = ["DIRECTIONS", "Minutes", "Queryable", "Signal", "Stored", "Watched", "minutes_of_people"]

DIRECTIONS = ("for", "against")
_HOUR_US = 60 * MINUTE_US
_FIRST_US = -2_208_988_800_000_000  # 1900, where ClickHouse's times begin

Watched = tuple[str, str]  # brand and direction
Minutes = Mapping[int, Mapping[Scope, int]]  # start of the minute to people by scope


class Queryable(Protocol):
    """A store that runs queries: `streams.store.clickhouse.ClickHouse`, or a simulated one."""

    def query(
        self, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Run a query and return rows."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The stored history of a brand: its first minute, and its interactions in two periods of event time."""

    first_us: int
    before: int
    now: int


def minutes_of_people(model: str, since: str, until: str, where: str = "") -> str:
    """Return a query, in brackets, of brand, direction, kind, value, minute_s and people; parameters are SQL.

    It is the view advocates_by_minute with minutes in seconds since 1970, as Int64, without its conversions; `where` restricts
    the praise and attacks that it counts.
    """
    return f"""
(
    SELECT brand, direction, kind, value, minute_s, count() AS people
    FROM
    (
        SELECT brand, direction, kind, value, minute_s,
            lagInFrame(toNullable(minute_s), 1) OVER (PARTITION BY brand, direction, kind, value, customer ORDER BY minute_s ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before_s
        FROM
        (
            SELECT DISTINCT brand, direction, scope.1 AS kind, scope.2 AS value, customer, minute_s
            FROM
            (
                SELECT brand, direction, customer,
                    intDiv(toUnixTimestamp64Micro(time) - positiveModulo(toUnixTimestamp64Micro(time), 60000000), 1000000) AS minute_s,
                    arrayJoin(arrayFilter(s -> s.1 = 'brand' OR s.2 != '', [('brand', ''), ('channel', toString(channel)), ('place', toString(place)), ('product', product), ('content', content)])) AS scope
                FROM advocacy_touches(model = {model}, since = {since}, until = {until})
                {where}
            )
        )
    )
    WHERE before_s IS NULL OR minute_s - before_s > 3600
    GROUP BY brand, direction, kind, value, minute_s
)"""


class Signal:
    """The counts from the views of migration 0013, under the model that was active when `counts` last ran."""

    def __init__(self, store: Queryable) -> None:
        self._store = store
        self._model = ""

    def first_minutes(self) -> dict[str, int]:
        """Return, for each brand, the minute of its earliest interaction."""
        rows = self._store.query(
            f"SELECT brand, min({_MINUTE_S}) FROM minute_counts GROUP BY brand ORDER BY brand", {}
        )
        return {str(brand): int(minute_s) * 1_000_000 for brand, minute_s in rows}

    def stored(self, before: tuple[int, int], now: tuple[int, int]) -> dict[str, Stored]:
        """Return what the store has of each brand, of two periods in microseconds: [since, until) each."""
        bounds = [at_us // 1_000_000 for at_us in (*before, *now)]
        rows = self._store.query(
            f"SELECT brand, min({_MINUTE_S}) AS first_s,"
            f" sumIf(touches, {_MINUTE_S} >= {{a:Int64}} AND {_MINUTE_S} < {{b:Int64}}),"
            f" sumIf(touches, {_MINUTE_S} >= {{c:Int64}} AND {_MINUTE_S} < {{d:Int64}})"
            " FROM minute_counts GROUP BY brand",
            dict(zip("abcd", bounds, strict=True)),
        )
        return {str(brand): Stored(int(first) * 1_000_000, int(b), int(n)) for brand, first, b, n in rows}

    def days(self, brand: str, since_us: int, until_us: int) -> list[tuple[int, int]]:
        """Return the days of a period on which a brand has interactions, in order: the start of each, and how many."""
        rows = self._store.query(
            f"SELECT {_MINUTE_S} - positiveModulo({_MINUTE_S}, 86400) AS day_s, sum(touches) FROM minute_counts"
            f" WHERE brand = {{brand:String}} AND {_MINUTE_S} >= {{since:Int64}} AND {_MINUTE_S} < {{until:Int64}}"
            " GROUP BY day_s ORDER BY day_s",
            {"brand": brand, "since": since_us // 60_000_000 * 60, "until": -(-until_us // 1_000_000)},
        )
        return [(int(day_s) * 1_000_000, int(touches)) for day_s, touches in rows]

    def counts(
        self, since_us: int, until_us: int, brands: Sequence[str] | None = None
    ) -> dict[Watched, Minutes]:
        """Return the people of each minute that begins in a period, of some brands or all; minutes with nobody are absent."""
        self._model = ""
        where = "minute_s >= {first:Int64}" + (
            "" if brands is None else " AND brand IN {brands:Array(String)}"
        )
        rows = self._store.query(
            f"SELECT brand, direction, kind, value, minute_s, people FROM {_PEOPLE} WHERE {where}",
            self._period(since_us - _HOUR_US, until_us)
            | {"first": -(-since_us // 1_000_000), "brands": list(brands or ())},
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
        since, until = (exact(from_us(max(at_us, _FIRST_US))) for at_us in (since_us, until_us))
        return {"model": self.model(), "since": since, "until": until}

    def model(self) -> str:
        """Return the hash of the model; raises LookupError where there is none."""
        if not self._model:
            rows = self._store.query("SELECT model FROM model_in_force", {})
            if not rows:
                raise LookupError("no A-Path model is in force: run journey migrate")
            self._model = str(rows[0][0])
        return self._model


_MINUTE_S = "toInt64(minute)"  # of minute_counts, in seconds since 1970: toUnixTimestamp knows no time before
_ARGUMENTS = ("{model:String}", "{since:DateTime64(6, 'UTC')}", "{until:DateTime64(6, 'UTC')}")
_PEOPLE = minutes_of_people(*_ARGUMENTS)
TOUCHES = "advocacy_touches(model = {}, since = {}, until = {})".format(*_ARGUMENTS)
OF_SCOPE = (
    "brand = {brand:String} AND direction = {direction:String}"
    " AND ({kind:String} = 'brand' OR multiIf({kind:String} = 'channel', toString(channel), {kind:String} = 'place', toString(place),"
    " {kind:String} = 'product', product, content) = {value:String})"
)


def of_scope(watched: Watched, scope: Scope) -> dict[str, str]:
    """Return the parameters of OF_SCOPE."""
    return {"brand": watched[0], "direction": watched[1], "kind": scope.kind, "value": scope.value}
