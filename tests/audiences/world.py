"""Customers of the last two months in a data directory, and audiences over them."""

import json
import random
from contextlib import contextmanager

from streams.audiences.alone import Exclusive
from streams.audiences.config import Audience
from streams.audiences.members import LIMITS
from streams.audiences.upkeep import Upkeep
from streams.clock import from_us, system_clock
from streams.embedded.embedded import Embedded
from streams.settings import Settings
from streams.store.connections import opener

DAY_US = 86_400_000_000
KEY = bytes(32)
CHANGES = "SELECT toString(audience) AS audience, customer, toString(change) AS change, toString(reason) AS reason FROM audience_changes ORDER BY number"


def event(name, who, type_="web.page_view", days_ago=1.0, cause="", **data):
    """Return a line of a file: an event of the brand acme."""
    at_us = system_clock() - int(days_ago * DAY_US)
    more = {"cause": cause} if cause else {}
    data = {"brand": "acme", "handles": {"user": f"u{who}"}} | more | data
    made = {
        "specversion": "1.0",
        "id": f"e{name}",
        "source": "test",
        "type": type_,
        "time": from_us(at_us).isoformat(),
    }
    return json.dumps(made | {"data": data}).encode()


def history(people=60, seed=5):
    """Return what some people did in two months: on all channels, with purchases, anger and friends who were brought."""
    rng = random.Random(seed)
    lines = []
    for who in range(people):
        for step in range(rng.randrange(1, 7)):
            ago = rng.uniform(0.1, 60)
            type_ = rng.choice(
                [
                    "web.product_view",
                    "store.visit",
                    "store.purchase",
                    "web.sign_up",
                    "web.review",
                    "social.share",
                    "support.ticket",
                ]
            )
            data = {}
            if type_.startswith("store"):
                data["place"] = rng.choice(["bastille", "it's %s {x:String}"])
            if type_ in {"store.purchase", "web.product_view", "web.review"}:
                data["product"] = rng.choice(["popcorn", "film"])
            if type_ == "store.purchase":
                data |= {"amount": rng.choice([5, 20.5, 300]), "currency": rng.choice(["EUR", "USD"])}
            if type_ == "web.review":
                data["rating"] = rng.choice([1, 5])
            lines.append(event(f"{who}-{step}", who, type_, ago, **data))
    for who in range(8):  # the first of whom bring some of the others
        lines.append(event(f"root-{who}", who, "social.share", 50, content="film"))
        lines += [
            event(f"{who}-brings-{friend}", friend, "web.page_view", 40, cause=f"eroot-{who}")
            for friend in rng.sample(range(people), who)
        ]
    return lines


def opened(data):
    return Embedded(Settings(data=data, handle_key=KEY))


def load(embedded, lines):
    embedded.load([embedded.edge().pack(lines, topic="file", now_us=embedded.clock())])


def audience(name="a", **more):
    """Return an audience of acme."""
    return Audience.model_validate({"name": name, "brand": "acme"} | (more or {"seen_within_days": 365}))


class During(Exclusive):
    """Something that happens between the question and the write."""

    def __init__(self, happens):
        self.happens = happens

    @contextmanager
    def writing(self, store, stamp):
        happens, self.happens = self.happens, lambda: None
        happens()
        with super().writing(store, stamp) as found:
            yield found


@contextmanager
def keeping(embedded, *audiences, alone=None):
    """Keep audiences of an open data directory."""
    upkeep = Upkeep(audiences, opener(embedded.settings, LIMITS), alone or Exclusive(), embedded.clock)
    try:
        yield upkeep
    finally:
        upkeep.close()


def members(store, name="a"):
    rows = store.rows("SELECT customer FROM audience_members WHERE audience = {name:String}", {"name": name})
    return {int(row["customer"]) for row in rows}


def changes(store):
    return [tuple(row.values()) for row in store.rows(CHANGES)]
