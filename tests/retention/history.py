"""Five months of some people, and a data directory that has them; the clock stands still at the end."""

import json
from datetime import UTC, datetime

from streams.analysis.verify import verify
from streams.embedded.embedded import Embedded
from streams.inputs.simulate import simulate
from streams.settings import Settings
from tests.faults.child import NOW_US
from tests.fixtures.directories import with_tables

KEY = bytes(range(32))
BRANDS = ("lumiere", "maison")
START = datetime(2026, 1, 10, tzinfo=UTC)
HORIZON = datetime(2026, 4, 1, tzinfo=UTC)  # with two months, on 2026-06-05
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
CUSTOMERS = """
    SELECT * FROM standing_under(model = {model:String}, at = {at:DateTime64(6, 'UTC')}) ORDER BY brand, customer
"""
PATH = """
    SELECT brand, customer, at, to_stage, reason, types
    FROM stage_history_under(model = {model:String}, at = {at:DateTime64(6, 'UTC')}) WHERE at > {since:DateTime64(6, 'UTC')}
    ORDER BY brand, customer, at
"""
SCORES = ("attention", "attraction", "affinity", "audience", "advocacy")


def lines(people: int = 30, days: int = 145) -> list[bytes]:
    """Return the events, as they arrive; with links that are withdrawn and restored, refunds, moods, and identity alone."""
    found = [json.dumps(each).encode() for each in simulate(customers=people, days=days, seed=5, start=START)]
    for number in range(6):
        both = {"email": [f"two{number}@example.org"], "loyalty": [f"L-{number}"]}
        found += [
            event(f"link{number}", "identity.link", f"2026-02-0{number + 1}T10:00:00Z", both),
            event(f"unlink{number}", "identity.unlink", f"2026-02-1{number}T10:00:00Z", both) if number % 2 else b"",
            event(f"again{number}", "identity.link", f"2026-02-2{number}T10:00:00Z", both) if number % 3 == 1 else b"",
            event(f"buy{number}", "store.purchase", f"2026-03-0{number + 1}T12:00:00Z", {"loyalty": both["loyalty"]}, amount=50.25, currency="EUR"),
            event(f"back{number}", "store.return", f"2026-04-0{number + 1}T12:00:00Z", {"loyalty": both["loyalty"]}, amount=20, currency="EUR"),
            event(f"angry{number}", "social.share", f"2026-03-1{number}T12:00:00Z", {"email": both["email"]}, sentiment=-0.9),
        ]  # fmt: skip
    found.append(event("first", "store.visit", "1901-05-05T05:05:05Z", {"loyalty": ["L-0"]}))
    found.append(event("ahead", "store.visit", "2026-06-05T08:00:00Z", {"loyalty": ["L-1"]}))
    return [line for line in found if line]


def event(name: str, kind: str, at: str, handles: dict, brand: str = "lumiere", **said) -> bytes:
    data = {"brand": brand, "handles": handles} | said
    return json.dumps(
        {"specversion": "1.0", "id": name, "source": "till", "type": kind, "time": at, "data": data}
    ).encode()


def opened(data, now_us: int = NOW_US, **more) -> Embedded:
    return Embedded(Settings(with_tables(data), handle_key=KEY, **more), clock=lambda: now_us)


def load(embedded: Embedded, events: list[bytes], size: int = 400) -> tuple[int, int]:
    """Load events; return how many were stored, and how many repeats there were."""
    edge = embedded.edge()
    outcome = embedded.load(
        edge.pack(events[start : start + size], topic="file", now_us=NOW_US, first_offset=start + 1)
        for start in range(0, len(events), size)
    )
    embedded.tick()
    return outcome.stored, outcome.duplicates


def drift(embedded) -> list:
    return [(check.name, check.rows) for check in verify(embedded) if check.drift]


_IN_ONE_ORDER = "\nSETTINGS max_threads = 1"  # sums of floats are the same to the last bit


def customers(embedded, at: datetime) -> list[dict]:
    return embedded.store.rows(CUSTOMERS + _IN_ONE_ORDER, {"model": embedded.model.hash, "at": at})


def path(embedded, at: datetime, since: datetime) -> list[dict]:
    return embedded.store.rows(PATH + _IN_ONE_ORDER, {"model": embedded.model.hash, "at": at, "since": since})
