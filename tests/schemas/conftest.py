"""A ClickHouse engine in this process, tables without rows for each test, and a small world of customers to ask it about."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import clickhouse_connect
import pytest

from journey.model import Model
from schemas.apath import default_model, default_model_text
from streams.apath import in_force
from tests.fixtures.directories import emptied, with_tables

pytest.register_assert_rewrite("tests.schemas.reading")

EPOCH_US = 1_735_689_600_000_000
DAY_US = 86_400_000_000
CHANNELS = ("social", "web", "store", "support", "direct", "other")
TYPES = """
    social.impression social.follow social.unfollow social.like social.comment social.share community.post
    web.page_view web.product_view web.purchase web.refund web.sign_up web.unsubscribe web.review web.add_to_cart
    store.walk_by store.check_in store.purchase store.return_visit support.csat app.nps
    campaign.delivered campaign.sent kiosk.demo web.purchase store.purchase web.purchase store.purchase
"""


def at(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


@dataclass(frozen=True)
class Touch:
    event: int
    time_us: int
    brand: str
    type: str
    handle: int
    content: str = ""
    product: str = ""
    place: str = ""
    amount: Decimal | None = None
    currency: str = ""
    rating: float | None = None
    sentiment: float | None = None

    @property
    def is_identity(self) -> bool:
        return self.type.startswith("identity.")


@dataclass
class World:
    """What was inserted, and the same in Python, to be asked the slow way."""

    client: Any
    model: Model
    now_us: int
    touches: list[Touch] = field(default_factory=list)
    customer_of: dict[int, int] = field(default_factory=dict)
    version: int = 0

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return list(self.client.query(sql, parameters=parameters).named_results())

    def add(self, *touches: Touch) -> None:
        """Store touches, their handles as customers of their own, and the sums that the engine would write."""
        self.touches += touches
        for touch in touches:
            if touch.handle not in self.customer_of:
                self.name({touch.handle: touch.handle})
        names = [*Touch.__dataclass_fields__, "time", "handles"]
        names.remove("time_us")
        columns = [[*(getattr(t, n) for n in names[:-2]), at(t.time_us), [t.handle]] for t in touches]
        self.client.insert("interactions", columns, column_names=names)
        self.client.insert("evidence", *self._sums(touches))

    def happen(
        self, kind: str, *, days_ago: float, handle: int = 1, brand: str = "acme", **more: Any
    ) -> Touch:
        """Store one touch, told in days before now."""
        touch = Touch(
            len(self.touches) + 1, self.now_us - round(days_ago * DAY_US), brand, kind, handle, **more
        )
        self.add(touch)
        return touch

    def name(self, customer_of: dict[int, int]) -> None:
        """Say which customer handles belong to from now on: a new version of the identity map."""
        self.version += 1
        self.customer_of |= customer_of
        rows = [[handle, "cookie", customer, self.version] for handle, customer in customer_of.items()]
        self.client.insert("identity_map", rows, column_names=["handle", "kind", "customer", "version"])

    def merge(self, left: int, right: int) -> None:
        old = {self.customer_of[left], self.customer_of[right]}
        self.name({handle: min(old) for handle, customer in self.customer_of.items() if customer in old})

    def revenue(self, touch: Touch) -> Decimal:
        sign, amount = self.model.revenue_sign(touch.type), touch.amount or Decimal(0)
        return sign * (abs(amount) if sign < 0 else amount)

    def weights(self, touch: Touch, model: Model | None = None) -> Iterator[tuple[int, float]]:
        """Yield (stage, weight) for each rule that counts the touch."""
        amount = None if touch.amount is None else float(touch.amount)
        for rule in (model or self.model).rules_for(touch.type):
            pairs = ((rule.rating, touch.rating), (rule.sentiment, touch.sentiment), (rule.amount, amount))
            if all(not r.asks or (v is not None and r.low <= v <= r.high) for r, v in pairs) and (
                rule.mood is None or rule.mood.negative == self.angry(touch)
            ):
                yield int(rule.stage), rule.weight

    @staticmethod
    def angry(touch: Touch) -> bool:
        """Say whether the touch is clearly negative, as the default model has it."""
        said = ((touch.sentiment, -0.3), (touch.rating, 2))
        return any(value is not None and value <= limit for value, limit in said)

    def by_customer(self) -> dict[tuple[str, int], list[Touch]]:
        found = defaultdict(list)
        for touch in sorted(self.touches, key=lambda t: (t.time_us, t.event)):
            if not touch.is_identity:
                found[touch.brand, self.customer_of[touch.handle]].append(touch)
        return dict(found)

    def _sums(self, touches: tuple[Touch, ...]) -> tuple[list[list[Any]], list[str]]:
        stages = [f"{stage}" for stage in ("attention", "attraction", "affinity", "audience", "advocacy")]
        rows = []
        for touch in touches:
            if touch.is_identity:
                continue
            sums: list[float | None] = [None] * 5
            for stage, weight in self.weights(touch):
                half_life_us = self.model.stages[stage - 1].half_life_us
                grown = weight * math.exp2((touch.time_us - EPOCH_US) / half_life_us)
                sums[stage - 1] = (sums[stage - 1] or 0) + grown
            counts = [int(self.model.channel(touch.type) == channel) for channel in CHANNELS]
            revenue = {touch.currency: self.revenue(touch)} if self.revenue(touch) else {}
            time = at(touch.time_us)
            rows.append([self.model.hash, touch.brand, touch.handle, *sums, *counts, revenue, time, time])
        columns = ["model", "brand", "handle", *stages, *(f"touches_{channel}" for channel in CHANNELS)]
        return rows, [*columns, "revenue", "first_seen", "last_seen"]


@pytest.fixture(scope="module")  # a process has one data directory at a time: other modules have theirs
def engine(tmp_path_factory):
    data = with_tables(tmp_path_factory.mktemp("engine") / "data")
    client = clickhouse_connect.get_client(dsn=f"chdb://{data / 'clickhouse'}")
    client.database = "journey"
    yield client
    client.close()


@pytest.fixture
def clickhouse(engine):
    """A client whose database has all tables and views, the tables without rows."""
    yield engine
    emptied(engine)


@pytest.fixture
def world(clickhouse):
    """Nobody yet, and the default model in force."""
    model = default_model()
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    in_force.write(clickhouse, model)
    in_force.activate(clickhouse, model, default_model_text(), now_us)
    return World(clickhouse, model, now_us)


def _random_touch(rng: random.Random, event: int, now_us: int) -> Touch:
    kind = rng.choice(TYPES.split())
    days_ago = rng.choice([rng.uniform(0.1, 20), rng.uniform(0.1, 300), rng.randrange(38, 41)])
    paid = kind.endswith(("purchase", "refund")) and rng.random() < 0.9
    return Touch(
        event=rng.randrange(10**12) * 1000 + event,
        time_us=now_us - round(days_ago * DAY_US),
        brand=rng.choice(["acme", "apex"]),
        type=kind,
        handle=rng.randrange(1, 13),
        content=rng.choice(["", "c1", "c2", "c3", "c4", "c5"]),
        product=rng.choice(["", "p1", "p2"]),
        place=rng.choice(["s1", "s2"]) if kind.startswith("store") else "",
        amount=Decimal(rng.choice([-1, 1]) * rng.randrange(1, 20)) / 4 if paid else None,
        currency=rng.choice(["EUR", "USD"]) if paid else "",
        rating=float(rng.randrange(0, 11)) if kind.endswith(("csat", "review", "nps")) else None,
        sentiment=rng.choice([None, -0.9, -0.3, -0.29, 0.6])
        if kind.endswith(("comment", "share", "post", "review"))
        else None,
    )


# The first is large, the second small; the others in `make soak`.
@pytest.fixture(params=[0, 1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 12))])
def crowd(world, request):
    """A random world: twelve handles, some of them one customer, two brands, ties in time."""
    rng = random.Random(request.param)
    world.add(*(_random_touch(rng, event, world.now_us) for event in range(rng.choice([60, 250]))))
    world.add(Touch(1, world.now_us - DAY_US, "acme", "identity.link", 99))
    for _ in range(3):
        world.merge(*rng.sample(sorted(set(world.customer_of) - {99}), 2))
    return world
