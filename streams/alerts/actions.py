"""Lists, shows, acknowledges and silences alerts, for the command line and over HTTP alike."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from streams.alerts.delivery.message import headline
from streams.alerts.delivery.picture import picture
from streams.alerts.ledger import AlertMark, Ledger, StoredChange
from streams.alerts.rule_config import RULE_NAME
from streams.analysis.brands import said
from streams.clock import from_us

__all__ = [
    "AlertError",
    "ack",
    "check_brand",
    "listed",
    "pictured",
    "plain",
    "shown",
    "silence",
    "silences",
    "unsilence",
]

_LONGEST = timedelta(days=90)
_NAME = 200  # characters


class AlertError(ValueError):
    """An error of an action on alerts that cannot be done; the message says why."""


def plain(told: StoredChange) -> dict[str, Any]:
    """Return a change as plain values."""
    alert = told.change.alert
    return {
        "alert": alert.id,
        "state": "open" if alert.open else "resolved",
        "severity": alert.severity,
        "brand": alert.brand,
        "direction": alert.direction,
        "kind": alert.scope.kind,
        "value": alert.scope.value,
        "since": from_us(alert.since_us).isoformat(),
        "change": told.change.what,
        "changed": from_us(told.change.at_us).isoformat(),
        "people": alert.people,
        "expected": round(alert.expected, 2),
        "acknowledged_by": alert.acknowledged or None,
        "silenced": told.silenced,
        "headline": headline(told),
    }


def check_brand(ledger: Ledger, brand: str) -> None:
    """Raise AlertError with the brands there are where a brand is named that is none of them."""
    if brand and brand not in (there := ledger.brands()):
        raise AlertError(f"brand {brand!r}: there is no such brand; there are {said(there) or 'none'}")


def listed(ledger: Ledger, brand: str = "", *, resolved: bool = False) -> list[dict[str, Any]]:
    """Return alerts in their current state, the newest first; open ones, or all."""
    newest = reversed(ledger.newest())
    return [
        plain(told)
        for told in newest
        if (resolved or told.change.alert.open) and brand in {"", told.change.alert.brand}
    ]


def shown(ledger: Ledger, alert: str) -> dict[str, Any]:
    """Return one alert with its reason and every change. Raises AlertError for none, or several, of that id."""
    told = _one(ledger, alert)
    changes = [
        {
            "change": one.change.what,
            "at": from_us(one.change.at_us).isoformat(),
            "people": one.change.alert.people,
        }
        for one in ledger.history(told.change.alert.id)
    ]
    return plain(told) | {"reason": dict(told.reason), "changes": changes}


def pictured(ledger: Ledger, alert: str, sequence: int) -> bytes:
    """Return the picture of a change as PNG. Raises AlertError where there is none."""
    found = [told for told in ledger.changes(sequence - 1, most=1) if told.change.alert.id == alert]
    png = picture(found[0]) if found and found[0].sequence == sequence else None
    if png is None:
        raise AlertError(f"there is no picture of change {sequence} of alert {alert!r}")
    return png


def ack(ledger: Ledger, alert: str, by: str, now_us: int) -> Mapping[str, Any]:
    """Record that somebody acknowledges an alert; the watcher makes a change of it at its next look."""
    told = _one(ledger, alert)
    if not told.change.alert.open:
        raise AlertError(f"alert {told.change.alert.id} is resolved")
    ledger.mark(AlertMark("ack", _name(by), now_us, alert=told.change.alert.id))
    return {"alert": told.change.alert.id, "acknowledged_by": by}


def silence(  # noqa: PLR0913 - keywords
    ledger: Ledger,
    by: str,
    now_us: int,
    *,
    span: timedelta,
    brand: str = "",
    direction: str = "",
    value: str = "",
    rule: str = "",
) -> Mapping[str, Any]:
    """Keep alerts of a brand, direction or rule, and scope from receivers for a while; they are stored all the same."""
    if not timedelta(0) < span <= _LONGEST:
        raise AlertError(f"a silence of {span}: must be above 0 and at most {_LONGEST.days} days")
    if direction not in {"", "for", "against"}:
        raise AlertError(f"direction {direction!r}: must be for or against")
    if rule and (direction or not RULE_NAME.fullmatch(rule)):
        raise AlertError(f"rule {rule!r}: must be the name of a rule, and goes without a direction")
    check_brand(ledger, brand)
    direction = direction or rule
    until = now_us + int(span / timedelta(microseconds=1))
    ledger.mark(
        AlertMark("silence", _name(by), now_us, brand=brand, direction=direction, value=value, until_us=until)
    )
    return {"brand": brand, "direction": direction, "value": value, "until": from_us(until).isoformat()}


def silences(ledger: Ledger, now_us: int) -> list[dict[str, Any]]:
    """Return the silences that last now, those that end first before others."""
    found = sorted(_lasting(ledger, now_us), key=lambda mark: mark.until_us)
    return [
        {
            "brand": mark.brand,
            "direction": mark.direction,
            "value": mark.value,
            "until": from_us(mark.until_us).isoformat(),
            "by": mark.by,
        }
        for mark in found
    ]


def unsilence(  # noqa: PLR0913 - keywords
    ledger: Ledger, now_us: int, *, brand: str = "", direction: str = "", value: str = "", rule: str = ""
) -> int:
    """End the silences of a brand, direction or rule, and scope, all of them without any; return how many ended."""
    wanted = {"brand": brand, "direction": direction or rule, "value": value}
    found = [
        mark
        for mark in _lasting(ledger, now_us)
        if all(getattr(mark, name) == text for name, text in wanted.items() if text)
    ]
    if not found:
        raise AlertError("no such silence lasts now; journey alerts silences lists those that do")
    for mark in found:
        ledger.mark(replace(mark, until_us=now_us))  # the same mark, with an end that has come
    return len(found)


def _lasting(ledger: Ledger, now_us: int) -> list[AlertMark]:
    return [mark for mark in ledger.marks(now_us) if mark.mark == "silence" and mark.until_us > now_us]


def _one(ledger: Ledger, alert: str) -> StoredChange:
    found = ledger.newest(alert) if alert else []
    if len(found) != 1:
        raise AlertError(f"{len(found) or 'no'} alerts have an id that begins with {alert!r}")
    return found[0]


def _name(by: str) -> str:
    if not by or len(by) > _NAME or not by.isprintable():
        raise AlertError(f"a name is needed, of at most {_NAME} printable characters")
    return by
