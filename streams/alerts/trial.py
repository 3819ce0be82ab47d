"""Sends a receiver a message that is marked as a test, once."""

import secrets
from typing import Any

from journey.alerts import Alert, Change, Scope
from streams.alerts.config import AlertFile
from streams.alerts.delivery.addresses import AddressError, checked
from streams.alerts.delivery.http import DeliveryRefusedError, NotDeliveredError
from streams.alerts.delivery.senders import sender
from streams.alerts.feed_delivery import send
from streams.alerts.ledger import StoredChange
from streams.clock import Clock, from_us
from streams.settings import SettingsError

__all__ = ["TrialError", "send_test"]

_BRAND = "test"


class TrialError(RuntimeError):
    """An error of a receiver that did not take a test."""


def send_test(file: AlertFile, name: str, clock: Clock) -> str:
    """Send a test to a receiver of a file, whatever it wants otherwise; return the kind of the receiver.

    Raises
    ------
    SettingsError
        There is no such receiver.
    TrialError
        It did not take the test; with the reason.
    """
    found = [receiver for receiver in file.receivers if receiver.name == name]
    feeds = [feed for feed in file.feeds if feed.name == name]
    if not found and not feeds:
        names = ", ".join([one.name for one in file.receivers] + [one.name for one in file.feeds]) or "none"
        raise SettingsError(f"{file.name}: there is no receiver {name!r}; there are {names}")
    try:
        if not found:
            send(feeds[0], checked(feeds[0].url, private=feeds[0].private), [_event(clock())], clock)
            return "feed"
        sender(found[0], clock)(_change(clock(), file.zones.get("", "UTC")))
    except (AddressError, NotDeliveredError, DeliveryRefusedError) as error:
        raise TrialError(f"receiver {name!r} did not take the test: {error}") from error
    return found[0].kind


def _event(now_us: int) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"test-{secrets.token_hex(8)}", "source": f"/journey/{_BRAND}", "type": "journey.test",
        "time": from_us(now_us).isoformat(), "datacontenttype": "application/json", "data": {"brand": _BRAND},
    }  # fmt: skip


def _change(now_us: int, zone: str) -> StoredChange:
    alert = Alert(
        id=secrets.token_hex(8),
        brand=_BRAND,
        direction="for",
        scope=Scope("brand", ""),
        severity="notice",
        since_us=now_us,
        last_hot_us=now_us,
        people=0,
        expected=0.0,
    )
    return StoredChange(
        0, Change("opened", alert, now_us), silenced=False, reason={"is_test": True, "zone": zone}
    )
