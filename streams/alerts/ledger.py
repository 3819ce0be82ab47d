"""The tables alerts, alert_marks and alert_deliveries: every change once, in order."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from journey.alerts import Alert, Change, Figure, Scope
from streams.alerts.signal import Asked, Watched

__all__ = ["Delivered", "Insert", "Ledger", "Mark", "Told"]

Insert = Callable[[str, pa.Table], None]
_WHEN = pa.timestamp("us", "UTC")
_COLUMNS = (
    "alert, sequence, change, toUnixTimestamp64Micro(at), brand, direction, kind, value, state, severity,"
    " toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(last_hot), people, expected,"
    " acknowledged, silenced, reason"
)


@dataclass(frozen=True, slots=True)
class Told:
    """A change as it is stored: `sequence` orders all changes, `reason` is what the message says."""

    sequence: int
    change: Change
    silenced: bool
    reason: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """What somebody said: ack of an alert, or silence of a scope until an instant; empty is any."""

    mark: str
    by: str
    set_us: int
    alert: str = ""
    brand: str = ""
    direction: str = ""
    value: str = ""
    until_us: int = 0

    def silences(self, alert: Alert, now_us: int) -> bool:
        """Tell whether this keeps an alert from receivers now."""
        return (
            self.mark == "silence"
            and now_us < self.until_us
            and self.brand in {"", alert.brand}
            and self.direction in {"", alert.direction}
            and self.value in {"", alert.scope.value}
        )


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a change at a receiver: delivered, refused or expired."""

    receiver: str
    sequence: int
    outcome: str
    attempts: int
    detail: str
    at_us: int


class Ledger:
    """Reads with `store`, writes with `insert`, which adds one atomic block or raises StoreError."""

    def __init__(self, store: Asked, insert: Insert) -> None:
        self._store, self._insert = store, insert

    def last_sequence(self) -> int:
        """Return the number of the latest change, 0 without any."""
        return int(self._store.query("SELECT max(sequence) FROM alerts", {})[0][0])

    def changes(self, after: int = 0, *, most: int = 10_000) -> list[Told]:
        """Return changes after a number, in order, at most `most`."""
        sql = f"SELECT {_COLUMNS} FROM alerts WHERE sequence > {{after:UInt64}} ORDER BY sequence LIMIT {{most:UInt32}}"
        return [_told(row) for row in self._store.query(sql, {"after": after, "most": most})]

    def newest(self, alert: str = "") -> list[Told]:
        """Return the latest change of every alert, or of those whose id begins so, by sequence; of spikes and rules."""
        sql = (
            f"SELECT {_COLUMNS} FROM alerts WHERE startsWith(alert, {{alert:String}})"
            " ORDER BY sequence DESC LIMIT 1 BY alert"
        )
        return [_told(row) for row in reversed(self._store.query(sql, {"alert": alert}))]

    def history(self, alert: str) -> list[Told]:
        """Return every change of one alert."""
        sql = f"SELECT {_COLUMNS} FROM alerts WHERE alert = {{alert:String}} ORDER BY sequence"
        return [_told(row) for row in self._store.query(sql, {"alert": alert})]

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

    def add(self, told: Told) -> None:
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

    def marks(self, since_us: int = 0) -> list[Mark]:
        """Return what was said since an instant, and silences that last longer, in order."""
        rows = self._store.query(
            "SELECT mark, by, toUnixTimestamp64Micro(set_at), alert, brand, direction, value, toUnixTimestamp64Micro(until) FROM alert_marks FINAL"
            " WHERE toUnixTimestamp64Micro(set_at) >= {since:Int64} OR toUnixTimestamp64Micro(until) >= {since:Int64}"
            " ORDER BY set_at",
            {"since": since_us},
        )
        return [Mark(*row) for row in rows]

    def mark(self, mark: Mark) -> None:
        """Write what somebody said."""
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


def _told(row: Sequence[Any]) -> Told:
    (alert, sequence, what, at, brand, direction, kind, value, state, severity, since, last_hot, people, expected,
     acknowledged, silenced, reason) = row  # fmt: skip
    return Told(
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
