"""Interactions of people on a server, put straight into the tables, and a watcher whose clock is told."""

import random
from typing import Any

from schemas.apath import default_model, default_model_text
from streams.alerts.ledger import Ledger
from streams.alerts.watcher import Watcher
from streams.apath import in_force
from streams.clock import from_us
from streams.store import migrations
from streams.store.clickhouse import ClickHouse

MINUTE_US = 60_000_000
START_US = 1_780_617_600_000_000


class World:
    """A brand with three quiet days behind it: a share every ten minutes or so, by somebody else each time."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.store = ClickHouse(dsn)
        self.store.make_database()
        migrations.apply(self.store.client)
        model = default_model()
        in_force.write(self.store.client, model)
        in_force.activate(self.store.client, model, default_model_text(), START_US)
        self.now_us, self._events, self.version = START_US, 0, 0
        self.ledger = Ledger(self.store, self.store.insert)
        rng = random.Random(3)
        quiet = [(START_US - rng.randrange(3 * 1440) * MINUTE_US, 10_000 + n) for n in range(432)]
        self.touch(*quiet, content="old")
        self.watcher = self.fresh()

    def fresh(self) -> Watcher:
        return Watcher(self.store, self.ledger)

    def touch(self, *who: tuple[int, int], kind: str = "social.share", of: str = "acme", **more: Any) -> None:
        """Store a touch for each (time, handle)."""
        rows = []
        for at_us, handle in who:
            self._events += 1
            rows.append([self._events, from_us(at_us), of, kind, handle, [handle], *more.values()])
        names = ["event", "time", "brand", "type", "handle", "handles", *more]
        self.store.client.insert("interactions", rows, column_names=names)
        counts = [[of, from_us(at_us // MINUTE_US * MINUTE_US), kind, 1] for at_us, _ in who]
        self.store.client.insert("minute_counts", counts, column_names=["brand", "minute", "type", "touches"])
        self.name({handle: handle for _, handle in who})

    def name(self, customers: dict[int, int]) -> None:
        self.version += 1
        rows = [[handle, "social", customer, self.version] for handle, customer in customers.items()]
        self.store.client.insert("identity_map", rows, column_names=["handle", "kind", "customer", "version"])

    def burst(self, people: int, first: int = 1, **more: Any) -> None:
        """Have that many people speak now."""
        self.touch(*((self.now_us, handle) for handle in range(first, first + people)), **more)

    def poll(self) -> list[str]:
        return [told.change.what for told in self.watcher.poll(self.now_us)]

    def pass_minutes(self, minutes: int, step: int = 10) -> list[str]:
        said = []
        for _ in range(0, minutes, step):
            self.now_us += step * MINUTE_US
            said += self.poll()
        return said
