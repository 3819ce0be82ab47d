"""Reads and writes the tables alerts, alert_marks and alert_deliveries: every change once, in order."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from journey.alerts import Alert, Change, Figure, Scope
from streams.alerts.counts import Queryable, Watched

__all__ = ["AlertMark", "Delivered", "Heard", "Insert", "Ledger", "StoredChange"]

Insert = Callable[[str, pa.Table], None]
_WHEN = pa.timestamp("us", "UTC")
_COLUMNS = (
    "alert, sequence, change, toUnixTimestamp64Micro(at), brand, direction, kind, value, state, severity,"
    " toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(last_hot), people, expected,"
    " acknowledged, silenced, reason"
)


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A change as it is stored: `sequence` orders all changes, `reason` is the content of the message."""

    sequence: int
    change: Change
    silenced: bool
    reason: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AlertMark:
    """A mark that somebody set: ack of an alert, or silence of a scope until an instant; empty is any."""

    mark: str
    by: str
    set_us: int
    alert: str = ""
    brand: str = ""
    direction: str = ""
    value: str = ""
    until_us: int = 0

    def silences(self, alert: Alert, now_us: int) -> bool:
        """Return whether this mark keeps an alert from receivers now."""
        return (
            self.mark == "silence"
            and now_us < self.until_us
            and self.brand in {"", alert.brand}
            and self.direction in {"", alert.direction}
            and self.value in {"", alert.scope.value}
        )


@dataclass(frozen=True, slots=True)
class Delivered:
    """The outcome of a change at a receiver: delivered, refused or expired."""

    receiver: str
    sequence: int
    outcome: str
    attempts: int
    detail: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Heard:
    """The state of an alert in the last change that was sent to receivers."""

    open: bool
    severity: str


class Ledger:
    """The tables of alerts: reads with `store`, writes with `insert`, which adds one atomic block or raises StoreError."""

    def __init__(self, store: Queryable, insert: Insert) -> None:
        self._store, self._insert = store, insert

    def brands(self) -> list[str]:
        """Return the brands that have touches, or alerts."""
        sql = "SELECT DISTINCT toString(brand) AS name FROM (SELECT brand FROM minute_counts UNION ALL SELECT brand FROM alerts) WHERE name != '' ORDER BY name"
        return [str(row[0]) for row in self._store.query(sql, {})]

    def last_sequence(self) -> int:
        """Return the number of the latest change, 0 without any."""
        return int(self._store.query("SELECT max(sequence) FROM alerts", {})[0][0])

    def changes(self, after: int = 0, *, most: int = 10_000) -> list[StoredChange]:
        """Return changes after a number, in order, at most `most`."""
        sql = f"SELECT {_COLUMNS} FROM alerts WHERE sequence > {{after:UInt64}} ORDER BY sequence LIMIT {{most:UInt32}}"
        return [_stored_change(row) for row in self._store.query(sql, {"after": after, "most": most})]

    def newest(self, alert: str = "") -> list[StoredChange]:
        """Return the latest change of every alert, or of those whose id begins so, by sequence; of spikes and rules."""
        sql = (
            f"SELECT {_COLUMNS} FROM alerts WHERE startsWith(alert, {{alert:String}})"
            " ORDER BY sequence DESC LIMIT 1 BY alert"
        )
        return [_stored_change(row) for row in reversed(self._store.query(sql, {"alert": alert}))]

    def heard(self) -> dict[str, Heard]:
        """Return, for each alert of which receivers ever got a change, its state in the last one."""
        rows = self._store.query(
            "SELECT alert, argMax(state, sequence), argMax(severity, sequence) FROM alerts WHERE NOT silenced GROUP BY alert",
            {},
        )
        return {str(alert): Heard(state == "open", str(severity)) for alert, state, severity in rows}

    def history(self, alert: str) -> list[StoredChange]:
        """Return every change of one alert."""
        sql = f"SELECT {_COLUMNS} FROM alerts WHERE alert = {{alert:String}} ORDER BY sequence"
        return [_stored_change(row) for row in self._store.query(sql, {"alert": alert})]

    def latest(self) -> dict[Watched, Alert]:
        """Return the latest alert of each brand and direction; none of rules."""
        newest = (told.change.alert for told in self.newest())
        return {(alert.brand, alert.direction): alert for alert in newest if not alert.is_of_rule}

    def latest_of_rules(self) -> dict[tuple[str, str, str], Alert]:
        """Return the latest alert of each rule, brand and label."""
        newest = (told.change.alert for told in self.newest())
        return {
            (alert.direction, alert.brand, alert.scope.value): alert for alert in newest if alert.is_of_rule
        }

    def figures_before(self, rule: str, first_us: int, last_us: int) -> dict[tuple[str, str], float]:
        """Return a rule's figures by brand and label as they were last seen in a period."""
        rows = self._store.query(
            "SELECT brand, label, argMax(figure, at) FROM alert_figures WHERE rule = {rule:String}"
            " AND at >= fromUnixTimestamp64Micro({first:Int64}) AND at <= fromUnixTimestamp64Micro({last:Int64})"
            " GROUP BY brand, label",
            {"rule": rule, "first": first_us, "last": last_us},
        )
        return {(str(brand), str(label)): float(figure) for brand, label, figure in rows}

    def add_figures(self, rule: str, figures: Sequence[Figure]) -> None:
        """Write what a rule has found; again adds nothing."""
        rows = [
            {"rule": rule, "brand": seen.brand, "label": seen.label, "at": seen.at_us, "figure": seen.value}
            for seen in figures
        ]
        if rows:
            self._write("alert_figures", rows, when=("at",))

    def add(self, told: StoredChange) -> None:
        """Write one change."""
        alert = told.change.alert
        row: dict[str, Any] = {
            "alert": alert.id, "sequence": told.sequence, "change": told.change.what, "at": told.change.at_us,
            "brand": alert.brand, "direction": alert.direction, "kind": alert.scope.kind, "value": alert.scope.value,
            "state": "open" if alert.open else "resolved", "severity": alert.severity, "since": alert.since_us,
            "last_hot": alert.last_hot_us, "people": float(alert.people), "expected": alert.expected,
            "acknowledged": alert.acknowledged, "silenced": told.silenced,
            "reason": json.dumps(told.reason, ensure_ascii=False, separators=(",", ":")),
        }  # fmt: skip
        self._write("alerts", [row], when=("at", "since", "last_hot"), wide=("sequence",))

    def marks(self, since_us: int = 0) -> list[AlertMark]:
        """Return the marks that were set since an instant, and silences that last longer, in order."""
        rows = self._store.query(
            "SELECT mark, by, toUnixTimestamp64Micro(set_at), alert, brand, direction, value, toUnixTimestamp64Micro(until) FROM alert_marks FINAL"
            " WHERE toUnixTimestamp64Micro(set_at) >= {since:Int64} OR toUnixTimestamp64Micro(until) >= {since:Int64}"
            " ORDER BY set_at",
            {"since": since_us},
        )
        return [AlertMark(*row) for row in rows]

    def mark(self, mark: AlertMark) -> None:
        """Write a mark."""
        row: dict[str, Any] = {
            "mark": mark.mark, "alert": mark.alert, "brand": mark.brand, "direction": mark.direction,
            "value": mark.value, "until": mark.until_us, "by": mark.by, "set_at": mark.set_us,
        }  # fmt: skip
        self._write("alert_marks", [row], when=("until", "set_at"))

    def reached(self) -> dict[str, int]:
        """Return, for each receiver that ever took one, the number of the last change that it is done with."""
        rows = self._store.query("SELECT receiver, max(sequence) FROM alert_deliveries GROUP BY receiver", {})
        return {str(receiver): int(sequence) for receiver, sequence in rows}

    def delivered(self, all_of: Sequence[Delivered]) -> None:
        """Write what became of changes."""
        rows = [
            {
                "receiver": one.receiver, "sequence": one.sequence, "outcome": one.outcome, "attempts": one.attempts,
                "detail": one.detail, "at": one.at_us,
            }
            for one in all_of
        ]  # fmt: skip
        self._write("alert_deliveries", rows, when=("at",), wide=("sequence",))

    def _write(
        self, table: str, rows: list[dict[str, Any]], *, when: Sequence[str], wide: Sequence[str] = ()
    ) -> None:
        made = pa.Table.from_pylist(rows)
        for names, kind in ((when, _WHEN), (wide, pa.uint64())):
            for name in names:
                made = made.set_column(
                    made.schema.get_field_index(name), name, made.column(name).cast(pa.int64()).cast(kind)
                )
        if "attempts" in made.schema.names:
            made = made.set_column(
                made.schema.get_field_index("attempts"), "attempts", made.column("attempts").cast(pa.uint32())
            )
        self._insert(table, made)


def _stored_change(row: Sequence[Any]) -> StoredChange:
    (alert, sequence, what, at, brand, direction, kind, value, state, severity, since, last_hot, people, expected,
     acknowledged, silenced, reason) = row  # fmt: skip
    return StoredChange(
        int(sequence),
        Change(
            what,
            Alert(
                id=alert,
                brand=str(brand),
                direction=str(direction),
                scope=Scope(str(kind), str(value)),
                severity=str(severity),
                since_us=int(since),
                last_hot_us=int(last_hot),
                people=people,
                expected=expected,
                open=state == "open",
                acknowledged=acknowledged,
            ),
            int(at),
        ),
        bool(silenced),
        json.loads(reason) if reason else {},
    )
