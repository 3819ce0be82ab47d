"""One collector with its engine, every client once, and what was then in the tables."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from streams.clock import system_clock
from streams.collector.write_key_stores import KeyFile
from streams.collector.write_keys import WriteKey, made
from tests.clients.senders import SENDERS, SHOPIFY_SECRET, segment_browser, shop, till
from tests.collector.server import Collector
from tests.fixtures.servers.downloads import Unavailable

BRANDS = [*SENDERS, "story", "page"]


@dataclass
class Sent:
    """What became of the clients, and the rows that they left."""

    collector: Collector
    failures: dict[str, BaseException] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    touches: list[dict[str, Any]] = field(default_factory=list)
    told: dict[str, list[Any]] = field(default_factory=dict)

    def of(self, brand: str) -> list[dict[str, Any]]:
        """Return the interactions of a client, in the order of time; raise what it failed with."""
        failure = self.failures.get(brand)
        if isinstance(failure, Unavailable):
            pytest.skip(str(failure))
        if failure is not None:
            raise failure
        return [row for row in self.rows if row["brand"] == brand]

    def attempt(self, brand: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told by the test of this client
            self.failures[brand] = error


@pytest.fixture(scope="session")
def sent(tmp_path_factory) -> Sent:
    collector = Collector(tmp_path_factory.mktemp("clients"), JOURNEY_WEBHOOK_SHOPIFY_SECRET=SHOPIFY_SECRET)
    keys = _keys(collector)
    found = Sent(collector)
    try:
        collector.start()
        for brand, send in SENDERS.items():
            found.attempt(brand, lambda send=send, brand=brand: send(collector.url, keys[brand]))
        found.attempt("story", lambda: _story(collector.url, keys["story"]))
        found.attempt("page", lambda: found.told.update(page=[_page(collector.url, keys["page"])]))
        assert collector.stop() == 0
    finally:
        collector.kill()
    found.rows = collector.rows("SELECT * FROM interactions ORDER BY time")
    found.touches = collector.rows("SELECT brand, customer, type, channel FROM touchpoints ORDER BY time")
    return found


def _keys(collector: Collector) -> dict[str, str]:
    """Make a key for each brand; nobody names one, so each event is of the brand of its key."""
    store = KeyFile(collector.data)
    secrets = {}
    for brand in BRANDS:
        grant = WriteKey(
            brand,
            "",
            (brand,),
            ("web", "social") if brand == "page" else ("*", "identity"),
            (f"{brand}-source",) if brand.endswith("python") else (),
            ("*",),
        )
        secrets[brand], key = made(grant, system_clock())
        store.write([key])
    store.close()
    return secrets


def _page(url: str, key: str) -> Any:
    """What a page sends with the key that it ought to have."""
    with shop() as page_url:
        return segment_browser(url, key, page_url)


def _story(url: str, key: str) -> None:
    with shop() as page_url:
        segment_browser(url, key, page_url)
    till(url, key)
